"""The ways to read one string: as a person would see it, and as whoever decodes it would.

    read(leaf) → Reading(leaf, views)

The first view is the leaf normalised; others are what was found encoded within. Offsets lead back to the leaf.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from extproc.model.guard import Leaf


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

    def span(self, start: int, end: int) -> tuple[int, int]:
        """A stretch of this view as a stretch of the leaf."""
        if self.region is not None:
            return self.region
        if self.offsets is None:
            return start, end
        return self.offsets[start], self.offsets[end]


@dataclass(frozen=True, slots=True)
class Reading:
    """A leaf and every way to read it."""

    leaf: Leaf
    views: tuple[View, ...]
    is_opaque: bool = False
    """Whether something in it stayed encoded: too deep, too large, or unknown."""
