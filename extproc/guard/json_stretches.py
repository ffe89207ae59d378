"""Where in a JSON text something can be replaced so that it stays JSON.

    scalars(text) → the insides of its strings and its bare numbers and words
    clip(text, scalars, start, end) → what of a stretch lies in them

Reads tokens only, so it works on the part of a document that has come so far.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# One pass; what stands in a string goes up to the quote that no backslash precedes, or to the end.
_TOKEN = re.compile(r'"((?:[^"\\]++|\\.)*+)(?:"|\\?\Z)|[^\s",:\[\]{}]++', re.DOTALL)
# Two halves of a character beyond the basic plane are one escape.
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(?:u[0-9a-fA-F]{0,4}|.)?", re.DOTALL
)


class Scalar(NamedTuple):
    """A string's inside, or a number, true, false, null as it stands."""

    start: int
    end: int
    is_string: bool


def scalars(text: str) -> Iterator[Scalar]:
    """All of them, in order."""
    for found in _TOKEN.finditer(text):
        if found.start(1) >= 0:
            yield Scalar(found.start(1), found.end(1), is_string=True)
        else:
            yield Scalar(found.start(), found.end(), is_string=False)


def clip(text: str, within: Sequence[Scalar], start: int, end: int) -> Iterator[Scalar]:
    """What of a stretch lies in scalars: of a string the part, no escape cut in two; of a bare one all of it."""
    for at in range(bisect_right(within, start, key=lambda scalar: scalar.end), len(within)):
        scalar = within[at]
        if scalar.start >= end:
            return
        first, last = max(start, scalar.start), min(end, scalar.end)
        if first >= last:
            continue
        if not scalar.is_string:
            yield scalar
            continue
        for escape in _ESCAPE.finditer(text, scalar.start, scalar.end):
            if escape.start() >= last:
                break
            if escape.start() < first < escape.end():
                first = escape.start()
            if escape.start() < last < escape.end():
                last = escape.end()
        yield Scalar(first, last, is_string=True)
