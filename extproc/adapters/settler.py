"""The journal that settles: what was used is charged in Redis and written to the ledger, behind the request's back.

Each record becomes a row at once, which the ledger keeps whatever happens. Charging Redis may wait: for Redis to be
back, and, where only the journal tells of an exchange, for a grace period in which delivery's word may still come. The
ledger alone has the word of every worker: what it says of an exchange when it has taken a row is charged, and corrects
what was charged before.

Where delivery's worker was killed after it had charged Redis and before its row was safe, Redis says so to the
journal's settlement, and the row takes over what was charged. What a killed worker had not charged yet is in its rows:
whoever starts next charges it (``redis_replay``).
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count

import structlog

from extproc.model.exchange import AttemptRecord, DeliveryRecord, ExchangeRecord
from extproc.model.ids import ExchangeId
from extproc.model.ledger import LedgerRow
from extproc.model.limits import Charge, Crossing, Rank, Settlement
from extproc.model.refusals import Unavailable
from extproc.policy.closing import Closing, close_attempt, close_delivered, close_finished, recall, settlement_of
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
        self._latest: dict[ExchangeId, LedgerRow | None] = {}
        """Of each exchange that waits, the row as the ledger has it; None: not known yet."""
        self._recalled: dict[ExchangeId, tuple[Charge, ...]] = {}
        """What Redis says that somebody charged of whom the ledger may never hear."""
        self._sequence = count()
        self._wake = asyncio.Event()
        self._log = structlog.get_logger("extproc.settler")
        self._unsent: dict[tuple[ExchangeId, Rank], Settlement] = {}
        self.dropped = 0
        """Settlements given up because too many waited for Redis; their rows are in the ledger."""

    @property
    def waiting(self) -> int:
        """Settlements that Redis has not taken yet; not those that wait for delivery's word."""
        return len(self._ready)

    def attempted(self, record: AttemptRecord) -> None:
        """Keep what is known to be free; by itself it settles nothing."""
        row = close_attempt(record, self._clock.now_s())
        if row is not None:
            self._ledger.append(row)

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
            self._wait(closing)

    def committed(self, rows: Sequence[LedgerRow]) -> None:
        """The ledger has these rows, merged with what it had: charge what they say, in case it is not, or is more."""
        for row in rows:
            for rank in Rank:
                if rank <= row.rank:
                    self._unsent.pop((row.exchange, rank), None)
            recalled = self._recalled.pop(row.exchange, None)
            if row.exchange in self._latest:
                self._latest[row.exchange] = row
            if row.rank is Rank.DELIVERY:
                if row.charges:
                    self._push(Closing(row, settlement_of(row)))
            elif recalled is not None:
                self._ledger.append(recall(row, recalled))
            elif row.exchange not in self._latest and row.is_final and row.freed and row.charges:
                # Whoever waits for it may not know of this attempt.
                self._wait(Closing(row, settlement_of(row)))

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
        if settled.outranked and len(self._recalled) < _MOST_WAITING:
            # The ledger's next word of it tells whether it has heard of who charged that. It is asked for one, unless
            # it is away and owes one anyway.
            self._recalled[closing.row.exchange] = settled.outranked
            if closing.is_known:
                self._ledger.append(closing.row)
        for crossing in settled.crossed:
            self._tell(closing.row.organisation, crossing)

    def _note(self, settlement: Settlement) -> None:
        if len(self._unsent) < _MOST_WAITING:
            self._unsent[settlement.reservation, settlement.rank] = settlement

    def _wait(self, closing: Closing) -> None:
        heapq.heappush(self._waiting, (self._clock.now_s() + self._grace_s, next(self._sequence), closing))
        self._latest.setdefault(closing.row.exchange, None)

    def _push(self, closing: Closing) -> None:
        if len(self._ready) >= _MOST_WAITING:
            self._ready.popleft()
            self.dropped += 1
        self._ready.append(closing)
        self._wake.set()

    def _take_due(self) -> None:
        now_s = self._clock.now_s()
        while self._waiting and self._waiting[0][0] <= now_s:
            closing = heapq.heappop(self._waiting)[2]
            latest = self._latest.pop(closing.row.exchange, None)
            if latest is not None and latest.rank is Rank.DELIVERY:
                continue  # charged when that was committed
            if latest is not None and closing.settlement is not None:
                closing = Closing(latest, settlement_of(latest, closing.settlement), is_known=True)
            self._push(closing)

    def _until_due_s(self) -> float:
        if not self._waiting:
            return _MOST_PAUSE_S
        return min(_MOST_PAUSE_S, max(0.0, self._waiting[0][0] - self._clock.now_s()))
