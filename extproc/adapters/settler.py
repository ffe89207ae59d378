"""The journal that settles: what was used is charged in Redis and written to the ledger, behind the request's back.

Each record becomes a row at once, which the ledger keeps whatever happens. Charging Redis may wait: for Redis to be
back, and, where only the journal tells of an exchange, for a grace period in which delivery's word may still come. What
a killed worker had not charged yet is in its rows: the counters are charged when those are committed, and recounted by
``extproc ledger reconcile``.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count

import structlog

from extproc.model.exchange import AttemptRecord, DeliveryRecord, ExchangeRecord
from extproc.model.ids import ExchangeId
from extproc.model.ledger import LedgerCharge, LedgerRow
from extproc.model.limits import Charge, Crossing, Rank, Settlement
from extproc.model.refusals import Unavailable
from extproc.policy.closing import Closing, close_delivered, close_finished
from extproc.policy.money_ports import Budgets, Ledger
from extproc.policy.ports import Clock

GRACE_S = 10.0
"""How long the journal waits for delivery's word before it settles or voids by itself."""

_MOST_WAITING = 100_000
_PAUSE_S = 0.05
_MOST_PAUSE_S = 2.0


class Settler:
    """A ``Journal``. ``run`` must be running for Redis to be charged; the ledger's rows do not wait for it."""

    def __init__(
        self,
        budgets: Budgets,
        ledger: Ledger,
        clock: Clock,
        tell: Callable[[str, Crossing], None],
        *,
        grace_s: float = GRACE_S,
    ) -> None:
        """``tell`` gets each alert of a budget, with its organisation, once."""
        self._budgets = budgets
        self._ledger = ledger
        self._clock = clock
        self._tell = tell
        self._grace_s = grace_s
        self._ready: deque[Closing] = deque()
        self._waiting: list[tuple[float, int, Closing]] = []
        self._sequence = count()
        self._wake = asyncio.Event()
        self._log = structlog.get_logger("extproc.settler")
        self._unsent: dict[tuple[ExchangeId, Rank], Settlement] = {}
        self.dropped = 0
        """Settlements given up because too many waited for Redis; their rows are in the ledger."""

    def attempted(self, record: AttemptRecord) -> None:
        """An attempt by itself settles nothing."""

    def delivered(self, record: DeliveryRecord) -> None:
        """Charge what delivery saw."""
        closing = close_delivered(record, self._clock.now_s())
        if closing is None:
            return
        self._ledger.append(closing.row)
        if closing.settlement is not None:
            self._note(closing.settlement)
            self._push(closing)

    def finished(self, record: ExchangeRecord) -> None:
        """Keep how it ended; charge it after the grace period, should delivery not have."""
        now_s = self._clock.now_s()
        closing = close_finished(record, now_s)
        self._ledger.append(closing.row)
        if closing.settlement is not None or closing.is_void:
            heapq.heappush(self._waiting, (now_s + self._grace_s, next(self._sequence), closing))

    def committed(self, rows: Sequence[LedgerRow]) -> None:
        """The ledger has these rows: say delivery's settlements again, in case Redis has lost them meanwhile."""
        for row in rows:
            for rank in Rank:
                if rank <= row.rank:
                    self._unsent.pop((row.exchange, rank), None)
            if row.rank is Rank.DELIVERY and row.charges:
                self._push(Closing(row, _again(row)))

    def unsent(self) -> tuple[Settlement, ...]:
        """What was settled here and is not known to be in the ledger."""
        return tuple(self._unsent.values())

    async def run(self) -> None:
        """Charge until cancelled; what is left then is in the ledger's rows."""
        pause_s = _PAUSE_S
        while True:
            self._take_due()
            if not self._ready:
                self._wake.clear()
                try:
                    async with asyncio.timeout(self._until_due_s()):
                        await self._wake.wait()
                except TimeoutError:
                    pass
                continue
            closing = self._ready[0]
            try:
                await self._charge(closing)
            except Unavailable as trouble:
                if pause_s == _PAUSE_S:
                    self._log.warning("settlement_delayed", reason=trouble.reason, waiting=len(self._ready))
                pause_s = min(pause_s * 2, _MOST_PAUSE_S)
                await asyncio.sleep(pause_s)
            else:
                pause_s = _PAUSE_S
                self._ready.popleft()

    async def flush(self, limit_s: float) -> None:
        """Charge what is ready now, for as long as this: at the end of a worker."""
        try:
            async with asyncio.timeout(limit_s):
                while self._ready:
                    await self._charge(self._ready[0])
                    self._ready.popleft()
        except (TimeoutError, Unavailable):
            self._log.warning("settlements_left", waiting=len(self._ready))

    async def _charge(self, closing: Closing) -> None:
        if closing.settlement is None:
            await self._budgets.void(closing.row.organisation, closing.row.exchange)
            return
        settled = await self._budgets.settle(closing.settlement)
        for crossing in settled.crossed:
            self._tell(closing.row.organisation, crossing)

    def _note(self, settlement: Settlement) -> None:
        if len(self._unsent) < _MOST_WAITING:
            self._unsent[settlement.reservation, settlement.rank] = settlement

    def _push(self, closing: Closing) -> None:
        if len(self._ready) >= _MOST_WAITING:
            self._ready.popleft()
            self.dropped += 1
        self._ready.append(closing)
        self._wake.set()

    def _take_due(self) -> None:
        now_s = self._clock.now_s()
        while self._waiting and self._waiting[0][0] <= now_s:
            self._push(heapq.heappop(self._waiting)[2])

    def _until_due_s(self) -> float:
        if not self._waiting:
            return _MOST_PAUSE_S
        return min(_MOST_PAUSE_S, max(0.0, self._waiting[0][0] - self._clock.now_s()))


def _again(row: LedgerRow) -> Settlement:
    return Settlement(
        reservation=row.exchange,
        organisation=row.organisation,
        charges=tuple(_charge_of(each) for each in row.charges),
        buckets=(),
        tokens=0,
        rank=row.rank,
    )


def _charge_of(charge: LedgerCharge) -> Charge:
    return Charge(charge.part, charge.amount, charge.generation)
