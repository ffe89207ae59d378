"""The strings within a string that is JSON: what a call's arguments say, and edits of it that leave it JSON.

    is_json(text)                     an object or an array
    strings(text)                     its strings without their escapes, keys among them
    edited(text, edits, inner)        the text with stretches replaced: of itself, and of its strings

Read next: ``json_stretches``, which finds the strings.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from extproc.guard.json_stretches import Scalar, clip, scalars
from extproc.guard.patching import merge, patch
from extproc.model.guard import Edit

_ESCAPE = re.compile(r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class JsonString:
    """One string of a JSON text."""

    number: int
    """Counted from 0, keys too."""
    text: str
    is_key: bool


def is_json(text: str) -> bool:
    """Whether the text is a JSON object or array."""
    if text.lstrip(" \t\r\n")[:1] not in {"{", "["}:
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def strings(text: str) -> Iterator[JsonString]:
    """All strings of a JSON text that say something."""
    for number, scalar in enumerate(_strings(text)):
        written = text[scalar.start : scalar.end]
        if written:
            is_key = text[scalar.end + 1 : scalar.end + 64].lstrip(" \t\r\n").startswith(":")
            yield JsonString(number, _read(written), is_key)


def edited(text: str, edits: Iterable[Edit], inner: Mapping[int, Sequence[Edit]]) -> str:
    """The JSON text with stretches replaced; still JSON, whatever they are.

    Args:
        text: JSON.
        edits: of the text itself. What of them is not in a string, a number or a word of JSON stays as it is; a
            replacement that would not be JSON where it stands is written as a string.
        inner: of its strings by their numbers, without escapes.
    """
    written = list(_of_text(text, edits))
    if inner:
        for number, scalar in enumerate(_strings(text)):
            if number in inner:
                places = _places(text, scalar)
                written += [
                    Edit(places[each.start], places[each.end], _escaped(each.replacement)) for each in inner[number]
                ]
    return patch(text, merge(written))


def _of_text(text: str, edits: Iterable[Edit]) -> Iterator[Edit]:
    every: list[Scalar] | None = None
    for edit in edits:
        every = list(scalars(text)) if every is None else every
        replacement: str | None = edit.replacement
        for part in clip(text, every, edit.start, edit.end):
            # What lies in several strings is replaced in the first of them and taken out of the others.
            if part.is_string:
                yield Edit(part.start, part.end, "" if replacement is None else _within_string(replacement))
            else:
                yield Edit(part.start, part.end, '""' if replacement is None else _as_value(replacement))
            replacement = None


def _within_string(replacement: str) -> str:
    return replacement if _is_valid(f'"{replacement}"') else _escaped(replacement)


def _as_value(replacement: str) -> str:
    return replacement if _is_valid(replacement) else json.dumps(replacement, ensure_ascii=False)


def _is_valid(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _strings(text: str) -> Iterator[Scalar]:
    return (scalar for scalar in scalars(text) if scalar.is_string)


def _read(written: str) -> str:
    return str(json.loads(f'"{written}"', strict=False)) if "\\" in written else written


def _places(text: str, scalar: Scalar) -> Sequence[int]:
    """Where each character of a string without its escapes is from, and one past its end."""
    places: list[int] = []
    done = scalar.start
    for escape in _ESCAPE.finditer(text, scalar.start, scalar.end):
        places += range(done, escape.start())
        places.append(escape.start())
        done = escape.end()
    places += range(done, scalar.end + 1)
    return places
