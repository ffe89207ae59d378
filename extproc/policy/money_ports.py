"""What limits and money ask of the world: part of ``ports``, in a file of its own.

Every method is bounded by its adapter and raises ``Unavailable`` instead of hanging.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from extproc.model.ids import ExchangeId
from extproc.model.limits import Baseline, Claim, Denied, Reservation, Settled, Settlement


class Budgets(Protocol):
    """What is left of every limit, shared by all workers. Each call is all or nothing; again is as good as once."""

    async def reserve(self, claim_at: Callable[[float], Claim]) -> Reservation | Denied:
        """Hold everything a request asks for.

        Args:
            claim_at: makes the claim for a moment, UTC seconds, of the clock that judges windows; may be asked again.

        Raises:
            Unavailable: nothing is known to be held.
            Refusal: whatever ``claim_at`` raises.
        """
        ...

    async def settle(self, settlement: Settlement) -> Settled:
        """Charge what was used, and give back the rest of what was held.

        Raises:
            Unavailable: it is not known to be charged; settle again.
        """
        ...

    async def void(self, organisation: str, reservation: ExchangeId) -> None:
        """Give back everything: nothing was used. Does nothing to what was settled.

        Raises:
            Unavailable: it may still be held, until it is overdue.
        """
        ...

    async def extend(self, organisation: str, reservations: Sequence[ExchangeId], hold_s: float) -> int:
        """Hold for that much longer from now what is still held; how many were.

        Raises:
            Unavailable
        """
        ...


class Baselines(Protocol):
    """What the ledger says was used: where a counter begins that nobody remembers."""

    async def baselines(self, organisation: str, parts: Sequence[str]) -> Mapping[str, Baseline]:
        """The sum of each counter part, of one moment, with the recent rows that are within.

        Raises:
            Unavailable: the ledger cannot be asked.
        """
        ...
