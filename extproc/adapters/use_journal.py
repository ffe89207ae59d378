"""Counts which key used which model and deployment, and hands the counts to a store in the background.

No request waits for the store and none fails because of it: while it is away the counts stay in memory, up to a bound.
What it keeps is a record of who uses what, not the ledger:

- a killed worker loses what it had not handed over: a few seconds of counts, or those of an outage of the store;
- where the store's answer is lost, up to ``_AT_ONCE`` uses may be counted twice;
- past the bound, uses that are not among those in memory are dropped, and the log says how many.
"""

import asyncio
from datetime import UTC, datetime

import structlog

from extproc.model.exchange import AttemptRecord, DeliveryRecord, ExchangeRecord
from extproc.model.refusals import Unavailable
from extproc.model.uses import Count, Use
from extproc.policy.ports import Clock, UseStore

_AT_ONCE = 1000
"""Uses in one statement."""
_FAREWELL_S = 5.0
_OK = 200


class UseJournal:
    """A journal that counts answers. ``run`` must be running for the counts to arrive."""

    def __init__(self, store: UseStore, clock: Clock, *, every_s: float = 5.0, most: int = 50_000) -> None:
        """``most`` uses are kept while the store is away."""
        self._store = store
        self._clock = clock
        self._every_s = every_s
        self._most = most
        self._pending: dict[Use, Count] = {}
        self._dropped = 0
        self._log = structlog.get_logger("extproc.uses")

    def attempted(self, record: AttemptRecord) -> None:
        """Envoy does not know the key."""

    def delivered(self, record: DeliveryRecord) -> None:
        """Count an answer, whole or broken off. A failed attempt that the client saw nothing of is no use."""
        if record.status != _OK or record.judged_bytes == 0:
            return
        now_s = self._clock.now_s()
        context = record.context
        use = Use(datetime.fromtimestamp(now_s, UTC).date(), context.key, context.model, record.deployment)
        self._count(use, Count(1, now_s))

    def finished(self, record: ExchangeRecord) -> None:
        """The end of an exchange adds nothing to its answer."""

    async def run(self) -> None:
        """Hand over what was counted again and again, and once more when cancelled."""
        is_out = False
        try:
            while True:
                await asyncio.sleep(self._every_s)
                try:
                    await self.flush()
                except Unavailable as trouble:
                    if not is_out:
                        self._log.warning("uses_delayed", reason=str(trouble))
                    is_out = True
                except Exception as error:  # noqa: BLE001 - a background task: counting must not end the worker
                    self._log.error("uses_failed", error=type(error).__name__, uses=len(self._pending))
                    self._pending.clear()  # whatever the store cannot take, it would refuse again
                else:
                    is_out = False
        finally:
            await self._say_farewell()

    async def flush(self) -> None:
        """Hand over everything. What could not be, is kept.

        Raises:
            Unavailable: the store could not be asked.
        """
        if self._dropped:
            self._log.error("uses_dropped", requests=self._dropped)
            self._dropped = 0
        waiting, self._pending = self._pending, {}
        try:
            while waiting:
                some = dict(list(waiting.items())[:_AT_ONCE])
                await self._store.add(some)
                for use in some:
                    del waiting[use]
        finally:
            for use, count in waiting.items():
                self._count(use, count)

    def _count(self, use: Use, count: Count) -> None:
        before = self._pending.get(use)
        if before is not None:
            last_s = max(before.last_used_at_s, count.last_used_at_s)
            self._pending[use] = Count(before.requests + count.requests, last_s)
        elif len(self._pending) < self._most:
            self._pending[use] = count
        else:
            self._dropped += count.requests

    async def _say_farewell(self) -> None:
        try:
            async with asyncio.timeout(_FAREWELL_S):
                await self.flush()
        except (Unavailable, TimeoutError) as trouble:
            lost = sum(count.requests for count in self._pending.values())
            self._log.warning("uses_lost", reason=str(trouble) or "no time", requests=lost)
