"""What a scanner service hosts: scanners that work on texts alone, blocking, in a thread of the service's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Found:
    """Something in one of the texts."""

    text: int
    """Its number."""
    kind: str
    """Without the scanner's name: ``injection``, ``person``."""
    start: int
    """In code points."""
    end: int
    score: float
    """From 0 to 1."""


class HostedScanner(Protocol):
    """One scanner, loaded."""

    def scan(self, texts: Sequence[str]) -> Sequence[Found]:
        """What it finds. May take long; called from one thread at a time or from several."""
        ...
