"""One leaf → every way to read it: normalised, and whatever is encoded, hidden or disguised within.

    ()                  as it is shown: see ``normalise``
    ("confusables",)    without accents and look-alike letters
    ("tags",)           what invisible tag characters spell
    ("joined",)         the parts of a joined leaf with spaces between them
    ("url", "json", "entity" in any combination)   characters by their codes: see ``unescaping``
    ("base64",) ("hex",) and ("base64", "gzip") …  see ``decoding``
    ("html",) ("html", "hidden") ("markdown", "image" | "comment")   see ``markup``
    ("rot13",) ("leet",) ("spaced",)               see ``disguises``

What was decoded is read in the same ways again, to ``MAX_DEPTH`` encodings in each other. All views of a leaf together
have at most ``ROOM`` characters and four times the leaf's own besides its first; packed data is never unpacked further.
What would need more is not read, and the reading says that it is opaque.

Ordinary text costs one pass of google-re2 that finds nothing.
"""

from collections.abc import Iterator

import re2

from extproc.guard.decoding import find_encoded
from extproc.guard.disguises import TURNED_CODES, TURNED_WORDS, find_spaced, unleet, unrot
from extproc.guard.markup import find_tags, find_targets
from extproc.guard.normalise import fold, normalise, tags
from extproc.guard.reading import Reading, View
from extproc.guard.unescaping import find_escapes
from extproc.guard.weaving import Swap, gather, over, respell, weave
from extproc.model.guard import Leaf

MAX_DEPTH = 3
"""Encodings in each other. Packed data within an encoding counts with it."""
ROOM = 65_536
ROOM_PER_CHARACTER = 4
MAX_VIEWS = 48
"""Of one leaf."""

_SEAM_SIDE = 512
_LEAST_PART = 6
_MOST_WOVEN_SEAMS = 65_536

# Every reading below begins with something that this finds; most texts have nothing of it.
_HINT = re2.compile(
    rb"[A-Za-z0-9+/_-]{16}|(?:[0-9A-Fa-f]{2}[ :-]){7}|(?:0[xX][0-9A-Fa-f]{2}[ ,;]{0,2}){6}"
    rb"|%[0-9A-Fa-f]{2}|\\[uUxnrtbf/\"'\\]|&[#A-Za-z]|<[A-Za-z/!?]|!\[|\]:"
    rb"|[A-Za-z][013457$!][013457@$!|]{0,2}[A-Za-z]|(?:^|[^A-Za-z0-9])[013457@$!][A-Za-z]{2}"
    rb"|\b[A-Za-z](?:[ .*_|~/-][A-Za-z]){3}|[A-Za-z](?:\*{1,3}|__|~~|`)[A-Za-z]"
    rb"|(?i:\b(?:" + TURNED_WORDS.encode() + rb")\b)|" + TURNED_CODES.encode() + rb"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)


def read(leaf: Leaf) -> Reading:
    """The leaf's views, the normalised one first."""
    if leaf.text.isascii() and not leaf.parts and _HINT.search(leaf.text.encode()) is None:
        return Reading(leaf, (View(leaf.text),))
    return _Reader(leaf).read()


class _Reader:
    """Reads one leaf."""

    def __init__(self, leaf: Leaf) -> None:
        self._leaf = leaf
        self._room = ROOM + ROOM_PER_CHARACTER * len(leaf.text)
        self._seen: set[tuple[tuple[int, int], int]] = set()
        self._without_new_tags: set[str] = set()
        """Texts whose tags were there before they were decoded: what those show and hide is read already."""
        self._views: list[View] = []
        self._is_opaque = False

    def read(self) -> Reading:
        leaf = self._leaf
        chars = None if leaf.text.isascii() else set(leaf.text)
        first = normalise(leaf.text, chars)
        self._views.append(first)
        self._add_fold(first, chars if first.text == leaf.text else None)
        level = [first]
        if not leaf.text.isascii() and (spelt := tags(leaf.text)) is not None:
            level += self._add(spelt)
        seamed = _with_seams(leaf)
        if seamed is not None:
            self._add(seamed)
        for depth in range(MAX_DEPTH + 1):
            level = [each for view in level for each in self._further(view, depth)]
        return Reading(leaf, tuple(self._views), self._is_opaque)

    def _further(self, view: View, depth: int) -> list[View]:
        """Add what this view is found to hold; of it, what is to be read in turn."""
        if _HINT.search(view.text.encode("ascii", "replace")) is None:
            return []
        if depth == MAX_DEPTH:
            # With no room, whatever could be decoded is opaque.
            self._is_opaque |= find_encoded(view.text, 0).is_opaque
            return []
        for shown in self._shown(view):
            self._add(shown)
        return [each for found in self._decoded(view) for each in self._add(found)]

    def _decoded(self, view: View) -> Iterator[View]:
        """What may hold another encoding."""
        text = view.text
        # The strings within JSON text are leaves of their own, without escapes.
        if "%" in text or "&" in text or ("\\" in text and not (self._leaf.is_json and view is self._views[0])):
            swaps, kinds = find_escapes(text)
            if swaps:
                woven = weave(view, swaps, kinds)
                if not any("<" in swap.text for swap in swaps):
                    self._without_new_tags.add(woven.text)
                yield woven
        if "<" in text and "html" not in view.via and text not in self._without_new_tags:
            page = find_tags(text)
            if page.swaps:
                yield weave(view, page.swaps, ("html",))
            if page.hidden:
                self._add(gather(view, page.hidden, ("html", "hidden")))
        encoded = find_encoded(text, self._room)
        self._is_opaque |= encoded.is_opaque
        for steps, swaps in encoded.by_steps.items():
            yield from self._gathered(view, swaps, steps)
        turned = unrot(text)
        if turned is not None and view.via[-1:] != ("rot13",):
            yield respell(view, turned, ("rot13",))

    def _shown(self, view: View) -> Iterator[View]:
        """Other ways to look at it, which hold no further encoding."""
        text = view.text
        if "![" in text or "]:" in text:
            for kind, swaps in find_targets(text).items():
                yield from self._gathered(view, swaps, ("markdown", kind))
        plain = unleet(text)
        if plain is not None:
            yield respell(view, plain, ("leet",))
        swaps = find_spaced(text)
        if swaps:
            yield weave(view, swaps, ("spaced",))

    def _gathered(self, view: View, swaps: list[Swap], steps: tuple[str, ...]) -> Iterator[View]:
        new = [swap for swap in swaps if self._is_new(view, swap)]
        if new:
            yield gather(view, new, steps)

    def _add(self, view: View) -> list[View]:
        """The view as it is kept: normalised itself; none where there is no room for it."""
        if len(view.text) > self._room or len(self._views) >= MAX_VIEWS:
            self._is_opaque = True
            return []
        self._room -= len(view.text)
        shown = view if view.text.isascii() else over(view, normalise(view.text), ())
        self._views.append(shown)
        self._add_fold(shown)
        return [shown]

    def _add_fold(self, view: View, chars: set[str] | None = None) -> None:
        folded = fold(view.text, chars)
        if folded is not None:
            self._views.append(respell(view, folded, ("confusables",)))

    def _is_new(self, view: View, swap: Swap) -> bool:
        """Whether this stretch was not decoded to the same before, by way of another view."""
        key = (view.span(swap.start, swap.end), hash(swap.text))
        if key in self._seen:
            return False
        self._seen.add(key)
        return True


def _with_seams(leaf: Leaf) -> View | None:
    """A joined leaf with a space where a part follows another without one; None where none does."""
    seams = [
        after.start
        for before, after in zip(leaf.parts, leaf.parts[1:], strict=False)
        if before.end == after.start and 0 < after.start < len(leaf.text)
    ]
    open_seams = [seam for seam in seams if not (leaf.text[seam - 1].isspace() or leaf.text[seam].isspace())]
    # Of tokens, each of which is less than a word, spaces would only make another text.
    if not open_seams or len(open_seams) * _LEAST_PART > len(leaf.text):
        return None
    if len(leaf.text) <= _MOST_WOVEN_SEAMS:
        return weave(View(leaf.text), [Swap(seam, seam, " ") for seam in open_seams], ("joined",))
    around = [
        Swap(
            max(seam - _SEAM_SIDE, 0),
            min(seam + _SEAM_SIDE, len(leaf.text)),
            f"{leaf.text[max(seam - _SEAM_SIDE, 0) : seam]} {leaf.text[seam : seam + _SEAM_SIDE]}",
        )
        for seam in open_seams
    ]
    return gather(View(leaf.text), around, ("joined",))
