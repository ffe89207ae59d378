"""Findings by places that an application or a reader of records knows.

    named(finding, leaves) → the finding, in the string of the request that it is in

Joined and gathered leaves are the firewall's own: what was found in one is told of the first string that it touches.
An object's key may be the very thing that was found, so names that are no words of the API are told as ``*``, in places
that only lead through them too.
"""

from collections.abc import Mapping
from dataclasses import replace

from extproc.guard.api_words import API_WORDS
from extproc.guard.joining import split
from extproc.guard.places import AT, JSON, KEY
from extproc.model.guard import Finding, Leaf, Place

ANY = "*"
"""A name that is somebody's own."""
_WORDS = API_WORDS | {"error"}


def named(finding: Finding, leaves: Mapping[Place, Leaf]) -> Finding:
    """The finding with a real place, and its stretch there.

    Within JSON text it is all of the text; of a key it is told of the object that has it.

    Args:
        finding: of a leaf.
        leaves: by their places. Of a place that is not among them only the steps that are nobody's are dropped.
    """
    leaf = leaves.get(finding.place)
    if leaf is not None and leaf.parts:
        first = next(split(leaf, finding.start, max(finding.end, finding.start + 1)), None)
        place, start, end = first or (leaf.parts[0].place, 0, 0)
        finding = replace(finding, place=place, start=start, end=end)
    match finding.place:
        case (*string, str(step), int(number)) if step == AT:
            moved = finding.start + number, finding.end + number
            finding = replace(finding, place=tuple(string), start=moved[0], end=moved[1])
        case (*string, str(step), int()) if step == JSON:
            whole = leaves.get(tuple(string))
            finding = replace(finding, place=tuple(string), start=0, end=0 if whole is None else len(whole.text))
        case (*string, _, str(step)) if step == KEY:
            finding = replace(finding, place=tuple(string))
    return replace(finding, place=tuple(_told(step) for step in finding.place if not _is_ours(step)))


def _is_ours(step: str | int) -> bool:
    return isinstance(step, str) and step.startswith("#") and not step.startswith("##")


def _told(step: str | int) -> str | int:
    return step if isinstance(step, int) or step in _WORDS else ANY
