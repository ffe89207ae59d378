"""What a joined leaf shows only because its parts stand side by side in it.

    without_echoes(leaves, findings) → the findings without those

A joined leaf is there for what is split over its parts. But the last word of one part and the first of the next also
run together in it: an address in one and a name in the next look like a longer address. What a part shows by itself is
taken out there, and the next part's beginning is nobody's business.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence

from extproc.guard.places import JSON
from extproc.model.guard import Finding, Leaf, Place

MOST_BEYOND = 24
"""Characters: a word that has run together with what was found. What goes on for longer was split, and so was that of
which more than half would stay."""
_RUN_ON = frozenset(("pii.email",))
"""Kinds that any word may go on with, and whose end alone says little."""


def without_echoes(leaves: Sequence[Leaf], findings: Sequence[Finding]) -> list[Finding]:
    """The findings, without those of joined leaves that are one of a part's, of the same kind, and a word more."""
    by_place = {leaf.place: leaf for leaf in leaves}
    said: dict[tuple[Place, str], set[str]] = defaultdict(set)
    for finding in findings:
        leaf = by_place[finding.place]
        if not leaf.parts:
            said[finding.place, finding.kind].add(leaf.text[finding.start : finding.end])
    return [f for f in findings if not by_place[f.place].parts or not _is_echo(by_place[f.place], f, said)]


def _is_echo(leaf: Leaf, finding: Finding, said: Mapping[tuple[Place, str], set[str]]) -> bool:
    beyond = finding.end - finding.start
    is_known = False
    at = max(bisect_right(leaf.parts, finding.start, key=lambda part: part.start) - 1, 0)
    for part in leaf.parts[at:]:
        if part.start >= finding.end:
            break
        piece = leaf.text[max(part.start, finding.start) : min(part.end, finding.end)]
        if piece in said.get((_string_of(part.place), finding.kind), ()):
            is_known = True
            beyond -= len(piece)
    # Most of a number or a key that was split may stand in the second part: only an address has a word beside it whole.
    most = MOST_BEYOND if finding.kind in _RUN_ON else min(MOST_BEYOND, (finding.end - finding.start) // 2)
    return is_known and beyond <= most


def _string_of(place: Place) -> Place:
    """The string of the request that it is in: what stands in JSON within a string is judged there too."""
    return place[: place.index(JSON)] if JSON in place else place
