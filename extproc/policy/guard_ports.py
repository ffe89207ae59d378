"""What the firewall asks of the world: somewhere to run rules, and scanners that are not rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from extproc.model.guard import Direction, Finding, Leaf, Scanned
from extproc.model.guard_policy import Options, RuleSpec

CONTEXT_PLACE = "#context"
"""How the places of a request's context begin where it is passed beside an answer, to judge the one by the other."""


class RuleRunner(Protocol):
    """Runs built-in rules, off the event loop where that takes long; no tenant's texts delay another's."""

    async def run(
        self, organisation: str, specs: tuple[RuleSpec, ...], leaves: tuple[Leaf, ...], direction: Direction
    ) -> tuple[Scanned, ...]:
        """What each spec's rule finds, in the order of ``specs``.

        Raises:
            Unavailable: no answer in time, or too much of this organisation's is waiting.
        """
        ...


@dataclass(frozen=True, slots=True)
class ScanAsked:
    """What a scanner that is no rule is asked."""

    organisation: str
    exchange: str
    direction: Direction
    leaves: tuple[Leaf, ...]
    options: Options
    limit_s: float


class Scanner(Protocol):
    """A model, a service, a provider's guardrail."""

    async def scan(self, asked: ScanAsked) -> Sequence[Finding]:
        """What it finds; scores as it gives them, the check's threshold is applied by who asked.

        Raises:
            Unavailable: no answer within ``limit_s``, its breaker is open, or too much of this organisation's waits.
        """
        ...
