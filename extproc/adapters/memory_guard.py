"""What the firewall asks of the world, in memory: rules run where they are, and scanners find what they are told."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from extproc.guard.rules import scan_leaves
from extproc.model.guard import Direction, Finding, Leaf, Scanned
from extproc.model.guard_policy import RuleSpec
from extproc.model.refusals import Unavailable
from extproc.policy.guard_ports import ScanAsked


@dataclass(slots=True)
class MemoryRuleRunner:
    """Every text at once, on the event loop."""

    is_down: bool = False
    asked: list[tuple[str, Direction]] = field(default_factory=list)
    """Organisation and direction of each question."""

    async def run(
        self, organisation: str, specs: tuple[RuleSpec, ...], leaves: tuple[Leaf, ...], direction: Direction
    ) -> tuple[Scanned, ...]:
        """See ``RuleRunner``."""
        self.asked.append((organisation, direction))
        if self.is_down:
            raise Unavailable("guard", "told to be down")
        return scan_leaves(specs, leaves, direction)


@dataclass(slots=True)
class MemoryScanner:
    """Finds each of its words, wherever it stands."""

    words: dict[str, str] = field(default_factory=dict)
    """The word to look for, and the kind of what is found then."""
    score: float = 1.0
    is_down: bool = False
    asked: list[ScanAsked] = field(default_factory=list)

    async def scan(self, asked: ScanAsked) -> Sequence[Finding]:
        """See ``Scanner``."""
        self.asked.append(asked)
        if self.is_down:
            raise Unavailable("scanner", "told to be down")
        return tuple(
            Finding(kind, leaf.place, start, start + len(word), self.score)
            for leaf in asked.leaves
            for word, kind in self.words.items()
            if (start := leaf.text.find(word)) >= 0
        )
