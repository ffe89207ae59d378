"""The ways to read one string: as a person would see it, and as whoever decodes it would.

    read(leaf) → Reading(leaf, views)

The first view is the leaf normalised; others are what was found encoded within. Offsets lead back to the leaf.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from extproc.model.guard import Leaf


class Piece(NamedTuple):
    """One stretch of a view, ``[start, end)``, and the stretch of the leaf that it was decoded from."""

    start: int
    end: int
    region: tuple[int, int]


@dataclass(frozen=True, slots=True)
class View:
    """One way to read a leaf."""

    text: str
    via: tuple[str, ...] = ()
    """How it was decoded, outermost first: ``("base64", "gzip")``; empty: only normalised."""
    offsets: Sequence[int] | None = None
    """For each character of ``text``, and one past its end, where in the leaf's text it comes from; None: as it
    stands, position for position, or, with ``region``, no closer than that."""
    region: tuple[int, int] | None = None
    """The stretch of the leaf that this was decoded from."""
    pieces: Sequence[Piece] = ()
    """Of a view that gathers what was decoded in several places, in order: where each is from. A line break that
    belongs to none is between them."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """A stretch of this view as a stretch of the leaf: as short as can be told, with all that it was made of."""
        if self.pieces:
            touched = [piece.region for piece in self._touched(start, end)]
            return min(region[0] for region in touched), max(region[1] for region in touched)
        if self.region is not None:
            return self.region
        if self.offsets is None:
            return start, end
        first, last = self.offsets[start], self.offsets[end]
        # What ends within that which one character became, such as a ligature, has all of it.
        while end > start and end < len(self.text) and last == self.offsets[end - 1]:
            end += 1
            last = self.offsets[end]
        return first, last

    def _touched(self, start: int, end: int) -> Sequence[Piece]:
        first = max(bisect_right(self.pieces, start, key=_start) - 1, 0)
        after = bisect_left(self.pieces, end, lo=first, key=_start)
        return self.pieces[first : max(after, first + 1)]


def _start(piece: Piece) -> int:
    return piece.start


@dataclass(frozen=True, slots=True)
class Reading:
    """A leaf and every way to read it."""

    leaf: Leaf
    views: tuple[View, ...]
    is_opaque: bool = False
    """Whether something in it stayed encoded: too deep, too large, or unknown."""
