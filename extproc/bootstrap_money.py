"""The part of the composition root that opens limits and money for a worker.

    open_money   ledger and its spool, counters in Redis, the limits in force → what admission holds by, what settles

The limits must have been read before a worker is ready. Redis and the ledger need not be there: each organisation's
policy says what passes then, and rows wait on the disk.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from extproc.adapters.alert_webhook import AlertWebhook
from extproc.adapters.ledger_spool import LedgerSpool
from extproc.adapters.ledger_tables import LedgerTables
from extproc.adapters.limit_cache import LimitCache
from extproc.adapters.memory_metrics import NoMeter
from extproc.adapters.metered import BudgetAlerts, MeteredLedger
from extproc.adapters.postgres_ledger import PostgresLedger
from extproc.adapters.postgres_limits import open_limit_feed
from extproc.adapters.postgres_pool import open_pool
from extproc.adapters.redis_budgets import RedisBudgets
from extproc.adapters.redis_holds import Holds
from extproc.adapters.redis_limit_word import RedisLimitWord
from extproc.adapters.redis_replay import Replayer
from extproc.adapters.settler import GRACE_S, Settler
from extproc.bootstrap_metrics import watch_money
from extproc.config.environment import Environment
from extproc.exchange.spending import HOLD_S, SpendingDesk
from extproc.model.limits import Crossing, Outage
from extproc.policy.allowance import Allowances
from extproc.policy.meter_port import Meter
from extproc.policy.ports import Clock

_FAREWELL_S = 5.0
_ALERTS_FAREWELL_S = 2.0


@dataclass(frozen=True, slots=True)
class Money:
    """What a worker needs of it."""

    desk: SpendingDesk
    settler: Settler
    """A journal."""
    holds: Holds
    tasks: tuple[Callable[[], Coroutine[Any, Any, None]], ...]
    """To be run for as long as the worker is."""
    ledger: PostgresLedger
    alerts: AlertWebhook

    async def close(self) -> None:
        """Charge and write what is left, for a moment; the rest is on the disk."""
        await self.settler.flush(_FAREWELL_S)
        await self.ledger.flush(_FAREWELL_S)
        await self.alerts.flush(_ALERTS_FAREWELL_S)


@contextlib.asynccontextmanager
async def open_money(
    environment: Environment,
    redis: Redis,
    clock: Clock,
    outages: Callable[[], Mapping[str, Outage]],
    *,
    webhook: Callable[[], str | None] = lambda: None,
    meter: Meter | None = None,
    grace_s: float = GRACE_S,
) -> AsyncIterator[Money]:
    """Limits as they are in force, and everything behind them.

    Args:
        environment: where Postgres is, and the spool.
        redis: where the counters are.
        clock: the worker's.
        outages: by organisation, what holds while limits cannot be asked; asked each time.
        webhook: where alerts of budgets are posted, None: only logged; asked each time.
        meter: where numbers go; None: nowhere.
        grace_s: how long the journal waits for delivery's word.

    Raises:
        Unavailable: the limits could not be read: there is nothing to decide by.
    """
    async with contextlib.AsyncExitStack() as stack:
        # Connections of its own: rows must not take one from those who look for a key.
        pool = await stack.enter_async_context(open_pool(environment.postgres_dsn, most_connections=4))
        feed = await stack.enter_async_context(open_limit_feed(environment.postgres_dsn))
        tables = LedgerTables(pool)
        spool = LedgerSpool(environment.spool_dir or environment.run_dir / "spool")
        stack.callback(spool.close)
        ledger = PostgresLedger(tables, spool, lambda rows: settler.committed(rows))  # noqa: PLW0108 - made below
        budgets = RedisBudgets(redis, ledger, clock)
        alerts = AlertWebhook(webhook, clock)
        limits = LimitCache(feed, RedisLimitWord(redis))
        await limits.load()
        meter = meter or NoMeter()
        metered, counted = MeteredLedger(ledger, meter), BudgetAlerts(meter)

        def tell(organisation: str, crossing: Crossing) -> None:
            alerts.tell(organisation, crossing)
            counted.tell(limits.current(), organisation, crossing)

        settler = Settler(budgets, metered, clock, tell, grace_s=grace_s)
        allowances = Allowances()
        watch_money(meter, ledger, spool, settler, alerts, allowances)

        def organisations() -> tuple[str, ...]:
            return tuple(limits.current().by_organisation)

        holds = Holds(budgets, organisations, HOLD_S)
        replayer = Replayer(budgets, tables, organisations, settler.unsent, clock)
        desk = SpendingDesk(
            limits=limits.current,
            budgets=budgets,
            outage_of=lambda organisation: outages().get(organisation, Outage()),
            allowances=allowances,
            note=metered.append,
            is_full=lambda: ledger.is_full,
        )
        stack.callback(desk.counting.close)
        tasks = (ledger.run, settler.run, alerts.run, limits.run, holds.run, replayer.run)
        yield Money(desk, settler, holds, tasks, ledger, alerts)
