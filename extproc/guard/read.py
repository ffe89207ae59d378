"""One leaf → every way to read it. For now: as it stands."""

from extproc.guard.reading import Reading, View
from extproc.model.guard import Leaf


def read(leaf: Leaf) -> Reading:
    """The leaf's views."""
    return Reading(leaf, (View(leaf.text),))
