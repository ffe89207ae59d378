"""The part of the composition root that opens what operators ask about limits."""

import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from extproc.adapters.postgres_limits import PostgresLimits
from extproc.adapters.postgres_pool import open_pool
from extproc.adapters.redis_budgets import RedisBudgets
from extproc.adapters.redis_limit_word import RedisLimitWord
from extproc.bootstrap import open_redis_of
from extproc.config.environment import Environment
from extproc.model.limits import Baseline
from extproc.model.refusals import Unavailable
from extproc.operations.limits import LimitDesk
from extproc.policy.limit_ports import LimitUse


@dataclass(frozen=True, slots=True)
class LimitOffice:
    """A desk for changes, and the counters for who looks."""

    desk: LimitDesk
    use: LimitUse


@contextlib.asynccontextmanager
async def open_limit_office(environment: Environment) -> AsyncIterator[LimitOffice]:
    """What operations on limits ask of the world.

    Raises:
        EnvironmentInvalid: it names files that cannot be read.
        Unavailable: the DSN cannot be read.
    """
    async with (
        open_pool(environment.postgres_dsn, most_connections=1) as pool,
        open_redis_of(environment) as redis,
    ):
        budgets = RedisBudgets(redis, _NoBaselines(), _Clock())
        yield LimitOffice(LimitDesk(PostgresLimits(pool), RedisLimitWord(redis)), budgets)


class _Clock:
    def now_s(self) -> float:
        return time.time()


class _NoBaselines:
    """Whoever only looks at counters loads none."""

    async def baselines(self, organisation: str, parts: Sequence[str]) -> Mapping[str, Baseline]:
        raise Unavailable("ledger", f"not asked for {len(parts)} counters of {organisation}")
