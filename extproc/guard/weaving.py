"""How a view is made of another one, so that every character still leads back to the leaf.

    weave(view, swaps, step)      the whole text, some stretches of it replaced
    gather(view, decoded, step)   only what was decoded, each on a line of its own
    respell(view, text, step)     another character for each
    over(view, inner, step)       a view of what a view says

Offsets are worked out when somebody asks for the first of them: most views are read and found harmless.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, repeat
from typing import NamedTuple, overload

from extproc.guard.reading import Piece, View


class Swap(NamedTuple):
    """A stretch of a text, and what it means."""

    start: int
    end: int
    text: str
    width: int = 0
    """How many characters each character of ``text`` was; 0: only all of them together are known."""


class Offsets(Sequence[int]):
    """For each character of a view, and one past its end, where it is from."""

    __slots__ = ("_build", "_built")

    def __init__(self, build: Callable[[], Sequence[int]]) -> None:
        self._build: Callable[[], Sequence[int]] | None = build
        self._built: Sequence[int] = array("I")

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...
    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        return self.flat()[index]

    def __len__(self) -> int:
        return len(self.flat())

    def flat(self) -> Sequence[int]:
        """All of them, which are quicker to ask than this."""
        if self._build is not None:
            self._built = self._build()
            self._build = None
        return self._built


def from_lengths(text: str, lengths: Callable[[str], int]) -> Offsets:
    """Where each character is from when each character of ``text`` became so many."""

    def build() -> Sequence[int]:
        places = chain.from_iterable(map(repeat, range(len(text)), map(lengths, text)))
        return array("I", chain(places, (len(text),)))

    return Offsets(build)


def weave(view: View, swaps: Sequence[Swap], steps: tuple[str, ...]) -> View:
    """The view's text with each stretch replaced.

    Args:
        view: of a leaf.
        swaps: in order, none within another.
        steps: added to how the view was decoded.
    """
    written: list[str] = []
    done = 0
    for swap in swaps:
        written += (view.text[done : swap.start], swap.text)
        done = swap.end
    written.append(view.text[done:])
    return _over(view, "".join(written), Offsets(lambda: _woven(len(view.text), swaps)), steps)


def over(view: View, inner: View, steps: tuple[str, ...]) -> View:
    """A view of the leaf, from a view of the view's text."""
    if inner.offsets is None:
        return respell(view, inner.text, steps)
    return _over(view, inner.text, inner.offsets, steps)


def respell(view: View, text: str, steps: tuple[str, ...]) -> View:
    """The view with another text, character for character."""
    return View(text, view.via + steps, view.offsets, view.region, view.pieces)


def gather(view: View, decoded: Iterable[Swap], steps: tuple[str, ...]) -> View:
    """A view of nothing but what was decoded."""
    pieces: list[Piece] = []
    texts: list[str] = []
    start = 0
    for swap in decoded:
        end = start + len(swap.text)
        pieces.append(Piece(start, end, view.span(swap.start, swap.end)))
        texts.append(swap.text)
        start = end + 1
    return View("\n".join(texts), view.via + steps, pieces=tuple(pieces))


def _woven(size: int, swaps: Sequence[Swap]) -> Sequence[int]:
    offsets = array("I")
    done = 0
    for swap in swaps:
        offsets.extend(range(done, swap.start))
        if swap.width:
            offsets.extend(range(swap.start, swap.start + swap.width * len(swap.text), swap.width))
        else:
            offsets.extend(repeat(swap.start, len(swap.text)))
        done = swap.end
    offsets.extend(range(done, size + 1))
    return offsets


def _over(view: View, text: str, inner: Sequence[int], steps: tuple[str, ...]) -> View:
    """A view whose offsets lead into ``view``, made to lead into its leaf."""
    via = view.via + steps
    if view.region is not None:
        return View(text, via, region=view.region)
    if view.pieces:
        return View(text, via, pieces=tuple(_moved(view.pieces, inner)))
    outer = view.offsets
    if outer is None:
        return View(text, via, inner)
    return View(text, via, Offsets(lambda: array("I", map(_flat(outer).__getitem__, _flat(inner)))))


def _flat(offsets: Sequence[int]) -> Sequence[int]:
    return offsets.flat() if isinstance(offsets, Offsets) else offsets


def _moved(pieces: Sequence[Piece], inner: Sequence[int]) -> Iterable[Piece]:
    flat = _flat(inner)
    for piece in pieces:
        yield Piece(bisect_left(flat, piece.start), bisect_left(flat, piece.end), piece.region)
