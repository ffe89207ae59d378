"""Edits by the places of leaves, made in a copy of the value that they are from.

    apply_edits(payload, edits, leaves) → the copy; what is not edited is shared with the original

First every edit is led to the string that it is in: joined leaves to their parts, strings within JSON and stretches to
what they are within. Then each string is written once, whatever leaves found something in it, and each key last.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from extproc.guard.joining import split
from extproc.guard.json_strings import edited, is_json
from extproc.guard.patching import merge, patch
from extproc.guard.places import AT, JOINED, JSON, KEY, SHORT, key_of
from extproc.model.chat import Json
from extproc.model.guard import Edit, Leaf, Place


@dataclass(slots=True)
class _Changes:
    """What is to happen to one string."""

    own: list[Edit] = field(default_factory=list)
    inner: dict[int, list[Edit]] = field(default_factory=lambda: defaultdict(list))
    """By the numbers of the strings within it."""

    def written(self, text: str) -> str:
        if self.inner or is_json(text):
            return edited(text, self.own, {number: merge(edits) for number, edits in self.inner.items()})
        return patch(text, merge(self.own))


def apply_edits(payload: Json, edits: Mapping[Place, Sequence[Edit]], leaves: Callable[[], Iterable[Leaf]]) -> Json:
    """The copy.

    Args:
        payload: a request.
        edits: by places of its leaves.
        leaves: all of them; asked only where an edit is of a joined one.

    Raises:
        KeyError: there is no such place.
    """
    changes: dict[Place, _Changes] = defaultdict(_Changes)
    known: dict[Place, Leaf] = {}
    for place, wanted in edits.items():
        if not wanted:
            continue
        if not _is_joined(place):
            _note(changes, place, wanted)
            continue
        known = known or {leaf.place: leaf for leaf in leaves()}
        for edit in wanted:
            for index, (own, start, end) in enumerate(split(known[place], edit.start, edit.end)):
                _note(changes, own, [Edit(start, end, "" if index else edit.replacement)])
    copy = _Copy(payload)
    # Keys last, the deepest first: until then places are as they were.
    for place in sorted(changes, key=lambda each: (each[-1] == KEY, -len(each))):
        if place[-1] == KEY:
            copy.rename(place[:-1], changes[place])
        else:
            copy.rewrite(place, changes[place])
    return copy.root


def _is_joined(place: Place) -> bool:
    return place[-1] in {JOINED, JSON} or place[0] == SHORT


def _note(changes: dict[Place, _Changes], place: Place, edits: Sequence[Edit]) -> None:
    """Lead edits to the string that they are in."""
    match place:
        case (*string, str(kind), int(number)) if kind == AT:
            moved = [replace(edit, start=edit.start + number, end=edit.end + number) for edit in edits]
            _note(changes, tuple(string), moved)
        case (*string, str(kind), int(number)) if kind == JSON:
            changes[tuple(string)].inner[number] += edits
        case _:
            changes[place].own += edits


class _Copy:
    """A value of which only what changes is copied."""

    def __init__(self, payload: Json) -> None:
        self.root: dict[str, Any] = dict(payload)
        self._owned = {id(self.root)}

    def rewrite(self, place: Place, changes: _Changes) -> None:
        parent = self._own(place[:-1])
        step = _step(place[-1])
        parent[step] = changes.written(parent[step])

    def rename(self, place: Place, changes: _Changes) -> None:
        parent = self._own(place[:-1])
        old = _step(place[-1])
        new = changes.written(str(old))
        while new != old and new in parent:
            new += "_"
        items = [(new if key == old else key, value) for key, value in parent.items()]
        parent.clear()
        parent.update(items)

    def _own(self, place: Place) -> Any:
        found: Any = self.root
        for name in place:
            step = _step(name)
            below = found[step]
            if id(below) not in self._owned:
                below = dict(below) if isinstance(below, Mapping) else list(below)
                found[step] = below
                self._owned.add(id(below))
            found = below
        return found


def _step(name: str | int) -> str | int:
    return key_of(name) if isinstance(name, str) else name
