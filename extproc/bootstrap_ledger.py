"""The part of the composition root that opens the ledger for operators."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from redis.asyncio import Redis

from extproc.adapters.ledger_tables import LedgerTables
from extproc.adapters.postgres_adjustments import PostgresAdjustments
from extproc.adapters.postgres_limits import PostgresLimits
from extproc.adapters.postgres_pool import open_pool
from extproc.adapters.redis_budgets import RedisBudgets
from extproc.adapters.redis_counters import RedisCounters
from extproc.config.environment import Environment
from extproc.policy.ports import Clock

_LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Books:
    """The ledger, and the counters that are to agree with it."""

    ledger: LedgerTables
    counters: RedisCounters
    budgets: RedisBudgets


@dataclass(frozen=True, slots=True)
class Corrections:
    """What an adjustment is kept in, and what it is held against."""

    adjustments: PostgresAdjustments
    limits: PostgresLimits
    budgets: RedisBudgets


@contextlib.asynccontextmanager
async def open_ledger(environment: Environment) -> AsyncIterator[LedgerTables]:
    """The ledger's tables, for somebody who has time.

    Raises:
        Unavailable: the DSN cannot be read.
    """
    async with open_pool(environment.postgres_dsn, most_connections=1) as pool:
        yield LedgerTables(pool, limit_s=_LIMIT_S)


@contextlib.asynccontextmanager
async def open_books(environment: Environment, redis: Redis, clock: Clock) -> AsyncIterator[Books]:
    """The ledger and the counters of an open Redis.

    Raises:
        Unavailable: the DSN cannot be read.
    """
    async with open_ledger(environment) as ledger:
        budgets = RedisBudgets(redis, ledger, clock, deadline_s=10.0)
        yield Books(ledger, RedisCounters(redis, budgets), budgets)


@contextlib.asynccontextmanager
async def open_corrections(environment: Environment, redis: Redis, clock: Clock) -> AsyncIterator[Corrections]:
    """Adjustments of spend, the limits in force, and the counters of an open Redis.

    Raises:
        Unavailable: the DSN cannot be read.
    """
    async with open_pool(environment.postgres_dsn, most_connections=1) as pool:
        budgets = RedisBudgets(redis, LedgerTables(pool, limit_s=_LIMIT_S), clock, deadline_s=10.0)
        yield Corrections(PostgresAdjustments(pool), PostgresLimits(pool), budgets)
