"""Rule ``opaque``: text that stayed encoded, nested too deep, or larger than what is unpacked. Nobody has read it.

No settings. One finding for each leaf, ``opaque.encoded``, over all of it.
"""

from collections.abc import Sequence

from extproc.guard.reading import Reading
from extproc.model.guard import Direction, Finding
from extproc.model.guard_policy import Options


class Opaque:
    """The rule."""

    reach = 0
    """What is still encoded at the end of a held stretch is held on by whoever reads the stream."""

    def scan(self, reading: Reading, direction: Direction) -> Sequence[Finding]:  # noqa: ARG002 - the same both ways
        """Whether something in the leaf could not be read."""
        if not reading.is_opaque:
            return ()
        return (Finding("opaque.encoded", reading.leaf.place, 0, len(reading.leaf.text)),)


def make(options: Options) -> Opaque:
    """The rule.

    Raises:
        ValueError: there are settings; it has none.
    """
    if options:
        raise ValueError("opaque has no options")
    return Opaque()
