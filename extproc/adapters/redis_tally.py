"""How many exchanges ended in which way, across all workers: a Redis hash that ``extproc status`` reads.

Counted in memory and added to Redis in the background. A Redis that is away costs nothing but delay; what a killed
worker had not yet added is lost, which is why this is an operator's gauge and never the ledger.
"""

import asyncio
from collections import Counter

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from extproc.model.exchange import AttemptRecord, DeliveryRecord, ExchangeRecord, Outcome
from extproc.model.refusals import Unavailable

_KEY = "extproc:exchanges"
_DEADLINE_S = 2.0


class RedisTally:
    """A journal that only counts. ``run`` must be running for the counts to arrive."""

    def __init__(self, redis: Redis, every_s: float = 0.5) -> None:
        self._redis = redis
        self._every_s = every_s
        self._pending: Counter[str] = Counter()
        self._log = structlog.get_logger("extproc.tally")

    def attempted(self, record: AttemptRecord) -> None:
        """Attempts are Envoy's to count."""

    def delivered(self, record: DeliveryRecord) -> None:
        """Deliveries are attempts' other side."""

    def finished(self, record: ExchangeRecord) -> None:
        """Count the outcome."""
        self._pending[record.outcome] += 1

    async def run(self) -> None:
        """Add what was counted to Redis again and again, and once more when cancelled."""
        is_out = False
        try:
            while True:
                await asyncio.sleep(self._every_s)
                try:
                    await self._flush()
                except Unavailable as trouble:
                    if not is_out:
                        self._log.warning("tally_delayed", reason=trouble.reason)
                    is_out = True
                else:
                    is_out = False
        finally:
            try:
                await self._flush()
            except Unavailable as trouble:
                self._log.warning("tally_lost", reason=trouble.reason, count=self._pending.total())

    async def read(self) -> dict[Outcome, int]:
        """The counts so far, of every worker; those of the last half second may be missing.

        Raises:
            Unavailable: Redis did not answer in time.
        """
        try:
            async with asyncio.timeout(_DEADLINE_S):
                found = await self._redis.hgetall(_KEY)
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable("redis", type(error).__name__) from error
        counts = {(name.decode() if isinstance(name, bytes) else name): int(value) for name, value in found.items()}
        return {outcome: counts.get(outcome, 0) for outcome in Outcome}

    async def _flush(self) -> None:
        if not self._pending:
            return
        counted, self._pending = self._pending, Counter()
        try:
            async with asyncio.timeout(_DEADLINE_S):
                pipeline = self._redis.pipeline(transaction=True)
                for name, count in counted.items():
                    pipeline.hincrby(_KEY, name, count)
                await pipeline.execute()
        except (RedisError, OSError, TimeoutError) as error:
            self._pending += counted
            raise Unavailable("redis", type(error).__name__) from error
