"""Holds of exchanges that are still under way, kept from running out; and overdue ones, given back.

A hold is given up when nobody has said a word of it for a while, so that a worker that dies holds nothing for ever. A
long stream says that word here. Read next: ``budget.lua`` for what a hold is.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import structlog

from extproc.adapters.redis_budgets import RedisBudgets
from extproc.model.ids import ExchangeId
from extproc.model.refusals import Unavailable

_MOST_AT_ONCE = 500
"""A function holds everybody up who asks Redis for something else: it may take a few milliseconds at most."""


class Holds:
    """What this worker has under way. ``run`` must be running for it to stay held."""

    def __init__(self, budgets: RedisBudgets, organisations: Callable[[], Iterable[str]], hold_s: float) -> None:
        """Keep holds that were made for ``hold_s``.

        Args:
            budgets: where they are.
            organisations: all that have limits; what is overdue there is given back, whoever held it.
            hold_s: seconds; every third of it all of them are extended.
        """
        self._budgets = budgets
        self._organisations = organisations
        self._hold_s = hold_s
        self._under_way: dict[ExchangeId, str] = {}
        self._is_out = False
        self._log = structlog.get_logger("extproc.holds")

    def begin(self, organisation: str, reservation: ExchangeId) -> None:
        """It was granted, and is under way from now."""
        self._under_way[reservation] = organisation

    def end(self, reservation: ExchangeId) -> None:
        """It is over, or somebody else's: who settles or voids it gives it back. Nothing where it is not known."""
        self._under_way.pop(reservation, None)

    async def run(self) -> None:
        """Extend and tidy until cancelled. A Redis that is away is asked again next time."""
        while True:
            await asyncio.sleep(self._hold_s / 3)
            try:
                await self.extend()
                await self.tidy()
            except Unavailable as trouble:
                if not self._is_out:
                    self._log.warning("holds_not_extended", reason=trouble.reason, count=len(self._under_way))
                self._is_out = True
            else:
                self._is_out = False

    async def extend(self) -> int:
        """Extend all that are under way; how many were still held.

        Raises:
            Unavailable: some were not.
        """
        mine: dict[str, list[ExchangeId]] = defaultdict(list)
        for reservation, organisation in self._under_way.items():
            mine[organisation].append(reservation)
        count = 0
        for organisation, reservations in mine.items():
            for batch in _batches(reservations):
                count += await self._budgets.extend(organisation, batch, self._hold_s)
        return count

    async def tidy(self) -> int:
        """Give back what is overdue in every organisation; how many holds there were.

        Raises:
            Unavailable
        """
        count = 0
        for organisation in tuple(self._organisations()):
            while found := await self._budgets.tidy(organisation, _MOST_AT_ONCE, hold_s=self._hold_s):
                count += found
                if found < _MOST_AT_ONCE:
                    break
        return count


def _batches(reservations: Sequence[ExchangeId]) -> Iterable[Sequence[ExchangeId]]:
    return (reservations[at : at + _MOST_AT_ONCE] for at in range(0, len(reservations), _MOST_AT_ONCE))
