"""What limits and money ask of the world: part of ``ports``, in a file of its own.

Every method is bounded by its adapter and raises ``Unavailable`` instead of hanging.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Protocol

from extproc.model.ids import ExchangeId
from extproc.model.ledger import Adjustment, LedgerRow, Writer
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


class Recent(Protocol):
    """The ledger's last rows, for a Redis that forgot its last moments."""

    async def recent(self, since_s: float) -> Sequence[Settlement]:
        """What every row says was used that was written or changed within so many seconds.

        With all charges of the row, the reservation's id and the rank of whoever told it; without buckets and alerts.

        Raises:
            Unavailable: the ledger cannot be asked.
        """
        ...


class Holds(Protocol):
    """Keeps what is held for exchanges under way from running out. Never waits and never fails a request."""

    def begin(self, organisation: str, reservation: ExchangeId) -> None:
        """It is under way from now."""
        ...

    def end(self, reservation: ExchangeId) -> None:
        """It is over: who settles it gives back what is held."""
        ...


class Ledger(Protocol):
    """What every exchange leaves for ever. Never waits and never fails a request."""

    @property
    def is_full(self) -> bool:
        """Whether there is soon no place left for rows: nothing new is let in, what is under way still finds some."""
        ...

    def append(self, row: LedgerRow) -> None:
        """Take one record of an exchange: merged with the others of it, wherever and whenever they come."""
        ...


class LedgerBook(Protocol):
    """The ledger for operators: what it holds, and what is corrected in it. Each method raises Unavailable."""

    async def counted(self, organisation: str, parts: Sequence[str]) -> Mapping[str, int]:
        """The whole sum of each counter part; those that were never charged are not among them."""
        ...

    async def writers(self) -> tuple[Writer, ...]:
        """Who writes to it, and what they have that it does not."""
        ...

    async def adjust(self, adjustment: Adjustment) -> None:
        """Correct a counter by a row of its own. Again is as good as once."""
        ...

    async def billed(
        self, dialect: str, provider_request_ids: Sequence[str], from_s: float, to_s: float
    ) -> tuple[LedgerRow, ...]:
        """The rows that a provider knows by these request ids, and all others it gave one to that began in the time."""
        ...

    async def months(self) -> tuple[date, ...]:
        """First days of the months it has rows of."""
        ...

    async def retain(self, first_kept: date) -> tuple[str, ...]:
        """Drop the months before; what went."""
        ...


class Counters(Protocol):
    """The shared counters for operators, each part by itself. Each method raises Unavailable."""

    async def live(self, organisation: str | None) -> tuple[tuple[str, str], ...]:
        """Organisation and part of every counter that is there, of one organisation or of all."""
        ...

    async def show(self, organisation: str, parts: Sequence[str]) -> list[tuple[int, int] | None]:
        """Used and held of each; None where it is not there."""
        ...

    async def recount(
        self, organisation: str, part: str, used: int | None
    ) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """Set what is held from what is pending, and what is used where it is given: before and after, (used, held)."""
        ...
