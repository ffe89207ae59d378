"""Edits of one text, made all at once.

merge(edits)        in order, none over another
patch(text, edits)  the text with them made
"""

from collections.abc import Iterable, Sequence

from extproc.model.guard import Edit


def merge(edits: Iterable[Edit]) -> list[Edit]:
    """Edits in order. One within another is part of it; of two that overlap, the later one begins where the first ends.

    The same value is found in a string and in a leaf that joins it with others: those two are one.
    """
    merged: list[Edit] = []
    for edit in sorted(edits, key=lambda each: (each.start, -each.end)):
        reached = merged[-1].end if merged else 0
        if edit.start >= reached:
            merged.append(edit)
        elif edit.end > reached:
            merged.append(Edit(reached, edit.end, edit.replacement))
    return merged


def patch(text: str, edits: Sequence[Edit]) -> str:
    """The text with each stretch replaced; they are in order and do not overlap."""
    pieces: list[str] = []
    done = 0
    for edit in edits:
        pieces += (text[done : edit.start], edit.replacement)
        done = edit.end
    pieces.append(text[done:])
    return "".join(pieces)
