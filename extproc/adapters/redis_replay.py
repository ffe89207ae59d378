"""A Redis that forgot its last moments is told them again, from the ledger.

It may have been replaced by a replica that lagged, or restarted from a file. Every second each worker looks whether it
is still the server that all of the ledger was told to; one of them sees to it, and the others see that it was done.

    extproc:budgets:told       the server that was told everything, and when that was last seen: what a failover or a
                               restart lost is younger than that
    extproc:budgets:telling    whoever is at it, for half a minute
    extproc:budgets:started    a worker has just started and looks what others left

What was lost is young: the ledger's rows since then are settled once more, which does nothing to those that are
counted. Where too much was lost for that, or nobody knows how much, every counter begins anew from the ledger. What has
not reached the ledger yet is each worker's own to say.

A worker that was killed may have left rows that it had not charged yet. Whoever starts next settles the ledger's last
minutes once more.
"""

import asyncio
import json
import math
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import structlog

from extproc.adapters.redis_budgets import KEEP_S, RedisBudgets
from extproc.model.limits import Settlement
from extproc.model.refusals import Unavailable
from extproc.policy.money_ports import Recent
from extproc.policy.ports import Clock

TOLD = "extproc:budgets:told"
TELLING = "extproc:budgets:telling"
STARTED = "extproc:budgets:started"
_TELLING_S = 30
_STARTED_MS = 1000
"""A worker that is killed and started again within it was hardly there."""
_MARGIN_S = 60.0
"""Clocks of workers differ, and a row is written a moment after it was settled."""
_MOST_LOST_S = KEEP_S / 2
"""Of what was settled before nobody may remember that it was, so it cannot be settled again."""
_AT_ONCE = 16
_BEFORE_START_S = 120.0
"""Of a worker that was killed: it is started again sooner, and no row waits longer than for the journal's grace."""


class Replayer:
    """One worker's part of it. ``run`` must be running."""

    def __init__(
        self,
        budgets: RedisBudgets,
        recent: Recent,
        organisations: Callable[[], Iterable[str]],
        unsent: Callable[[], Sequence[Settlement]],
        clock: Clock,
        *,
        every_s: float = 1.0,
    ) -> None:
        """Watch over one Redis.

        Args:
            budgets: what is settled there.
            recent: the ledger's last rows.
            organisations: all that have limits.
            unsent: what this worker settled and the ledger does not have yet.
            clock: the workers'.
            every_s: the pause between two looks.
        """
        self._budgets = budgets
        self._recent = recent
        self._organisations = organisations
        self._unsent = unsent
        self._clock = clock
        self._every_s = every_s
        self._identity = ""
        self._is_started = False
        self._is_out = False
        self._log = structlog.get_logger("extproc.budgets")

    async def run(self) -> None:
        """Look again and again, until cancelled. What fails is tried again."""
        while True:
            try:
                if await self.look():
                    await self.begin()
            except Unavailable as trouble:
                if not self._is_out:
                    self._log.warning("replay_waits", dependency=trouble.dependency, reason=trouble.reason)
                self._is_out = True
            else:
                self._is_out = False
            await asyncio.sleep(self._every_s)

    async def look(self) -> bool:
        """Whether this server has been told everything, by this worker or another.

        Raises:
            Unavailable: Redis or the ledger did not answer; look again.
        """
        functions = self._budgets.functions
        identity = await functions.identity()
        if identity != self._identity:
            await self._settle_all(self._unsent())
            self._identity = identity
        told, at_s = _read(await functions.do("GET", TOLD))
        if told != identity and not await self._tell(self._clock.now_s() - at_s):
            return False
        await functions.do("SET", TOLD, json.dumps([identity, self._clock.now_s()]))
        return True

    async def begin(self) -> None:
        """Settle what those before us may have left, once; of several workers that start together one does.

        Raises:
            Unavailable: Redis or the ledger did not answer; begin again.
        """
        if self._is_started:
            return
        rows: Sequence[Settlement] = await self._recent.recent(_BEFORE_START_S)
        if await self._budgets.functions.do("SET", STARTED, "", "NX", "PX", _STARTED_MS):
            try:
                await self._settle_all(rows)
            except Unavailable:
                await self._budgets.functions.do("DEL", STARTED)
                raise
        self._is_started = True

    async def _tell(self, lost_s: float) -> bool:
        """Whether it fell to us, and was done."""
        functions = self._budgets.functions
        me = secrets.token_hex(8)
        if not await functions.do("SET", TELLING, me, "NX", "PX", _TELLING_S * 1000):
            # A reply that was lost may have been our own; then it is done half a minute later.
            return False
        try:
            if lost_s + _MARGIN_S > _MOST_LOST_S or functions.is_cluster:
                # In a Cluster the time is known of one node only.
                organisations = tuple(self._organisations())
                for organisation in organisations:
                    await self._budgets.renew(organisation)
                self._log.warning("budgets_begin_anew", organisations=len(organisations), lost_s=_finite(lost_s))
            else:
                rows = await self._recent.recent(max(0.0, lost_s) + _MARGIN_S)
                await self._settle_all(rows)
                self._log.warning("budgets_told_again", rows=len(rows), lost_s=_finite(lost_s))
        finally:
            # Another one's by now, at worst: to say it twice does no harm.
            await functions.do("DEL", TELLING)
        return True

    async def _settle_all(self, settlements: Sequence[Settlement]) -> None:
        for at in range(0, len(settlements), _AT_ONCE):
            await asyncio.gather(*(self._settle(each) for each in settlements[at : at + _AT_ONCE]))

    async def _settle(self, settlement: Settlement) -> None:
        # Its mark may be among what was lost, and the counter's generation older: to trust that would lose it.
        charges = tuple(replace(each, generation="") for each in settlement.charges)
        await self._budgets.settle(replace(settlement, charges=charges))


def _read(raw: bytes | None) -> tuple[str, float]:
    try:
        identity, at_s = json.loads(raw or b"")
        return str(identity), float(at_s)
    except (ValueError, TypeError):
        return "", -math.inf


def _finite(lost_s: float) -> float | None:
    return round(lost_s, 1) if math.isfinite(lost_s) else None
