"""What every built-in scanner can do. ``rules`` has them by name."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from extproc.guard.reading import Reading
from extproc.model.guard import Direction, Finding, Leaf


class Rule(Protocol):
    """One built-in scanner, compiled from its settings. Pure, and linear in the text."""

    reach: int
    """The most characters of a view that one finding spans, or that decide whether it is one. A stream holds so much
    back; a rule whose findings have no such bound says how much of a longer one it needs to see to be sure."""

    def scan(self, reading: Reading, direction: Direction) -> Sequence[Finding]:
        """What it finds in any of the views, each stretch of the leaf once for each kind."""
        ...


@runtime_checkable
class TotalRule(Rule, Protocol):
    """A scanner that judges all strings together besides."""

    def scan_all(self, leaves: Sequence[Leaf], direction: Direction) -> Sequence[Finding]:
        """What it finds in all of them that is in none alone."""
        ...
