"""One leaf for several strings.

    join(place, items, trust)     one after the other, so that what is split over them stands together
    gather(place, items, trust)   each on a line of its own: many short strings cost no more than one

Every part keeps its place, and ``split`` leads a stretch of such a leaf back to its parts.
"""

from collections.abc import Iterator, Sequence

from extproc.guard.places import AT
from extproc.model.guard import Leaf, Part, Place, Trust

MOST_JOINED = 65_536
"""Characters; beyond, only the beginning and the end of each long string are joined."""
_SIDE = 2_048

Item = tuple[Place, str]


def join(place: Place, items: Sequence[Item], trust: Trust) -> Iterator[Leaf]:
    """The leaf; none where there are not two strings. It repeats what stands in others."""
    items = [item for item in items if item[1]]
    if len(items) < 2:  # noqa: PLR2004 - several
        return
    is_whole = sum(len(text) for _, text in items) <= MOST_JOINED
    texts: list[str] = []
    parts: list[Part] = []
    start = 0
    for own, text in items:
        for at, piece in [(0, text)] if is_whole or len(text) <= 2 * _SIDE else _ends(text):
            if at:
                # What is left out between is a gap: the two do not follow each other.
                texts.append("\n")
                start += 1
            parts.append(Part(own if piece is text else (*own, AT, at), start, start + len(piece)))
            texts.append(piece)
            start += len(piece)
    yield Leaf(place, "".join(texts), trust, tuple(parts), is_repeat=True)


def gather(place: Place, items: Sequence[Item], trust: Trust, *, is_repeat: bool = False) -> Iterator[Leaf]:
    """The leaf; none where there are no strings."""
    if not items:
        return
    parts: list[Part] = []
    start = 0
    for own, text in items:
        parts.append(Part(own, start, start + len(text)))
        start += len(text) + 1
    yield Leaf(place, "\n".join(text for _, text in items), trust, tuple(parts), is_repeat=is_repeat)


def split(leaf: Leaf, start: int, end: int) -> Iterator[tuple[Place, int, int]]:
    """A stretch of a leaf as stretches of the strings that it is made of; itself where it is one string."""
    if not leaf.parts:
        yield leaf.place, start, end
    for part in leaf.parts:
        first, last = max(start, part.start), min(end, part.end)
        if first < last:
            yield part.place, first - part.start, last - part.start


def _ends(text: str) -> list[tuple[int, str]]:
    return [(0, text[:_SIDE]), (len(text) - _SIDE, text[-_SIDE:])]
