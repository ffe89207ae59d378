"""Two workers that share what they see, and the records of it: in memory, over Valkey, over Redis 8 if there is one."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from extproc.adapters.memory import MemoryClock
from extproc.adapters.redis_client import open_redis
from extproc.adapters.redis_health import RedisHealth
from extproc.model.catalog import Catalog, Deployment, Operation, Timeouts
from extproc.model.exchange import (
    AttemptLimits,
    AttemptRecord,
    DeliveryRecord,
    ExchangeContext,
    ExchangeRecord,
    Outcome,
    Usage,
)
from extproc.model.health import Standing
from extproc.model.ids import DeploymentName, ExchangeId, KeyId, ModelName, OrganisationId, ProjectId, TeamId
from extproc.model.routing import RoutingPolicy
from extproc.policy.health_view import HealthView

MAIN, OTHER = DeploymentName("main"), DeploymentName("other")
NAMES = (MAIN, OTHER)
POLICY = RoutingPolicy(allowed_fails=3, cooldown_s=10.0, max_cooldown_s=60.0)


def catalog_of(*names: DeploymentName, policy: RoutingPolicy = POLICY) -> Catalog:
    def deployment(name: DeploymentName) -> Deployment:
        return Deployment(
            name=name,
            dialect="openai",
            scheme="http",
            host="127.0.0.1",
            port=1,
            base_path="/v1",
            upstream_model="m",
            operations=frozenset({Operation.CHAT}),
            credential=None,
            timeouts=Timeouts(1.0, 10.0, 20.0, 10.0),
            max_connections=10,
            ca_file=None,
        )

    return Catalog("v", {}, {}, {name: deployment(name) for name in names}, routing=policy)


def context_of(exchange: str, *plan: DeploymentName, is_stream: bool = False) -> ExchangeContext:
    limits = tuple(AttemptLimits(name, "openai", 10.0, 20.0, 10.0) for name in plan or NAMES)
    return ExchangeContext(
        id=ExchangeId(exchange),
        organisation=OrganisationId("acme"),
        team=TeamId("cards"),
        project=ProjectId("chatbot"),
        key=KeyId("key_1"),
        operation=Operation.CHAT,
        model=ModelName("chat"),
        is_stream=is_stream,
        wants_usage=False,
        plan=limits,
        catalog_version="v",
    )


def delivery_of(
    context: ExchangeContext,
    deployment: DeploymentName = MAIN,
    failure: str = "",
    *,
    status: int = 200,
    retry_after_s: float | None = None,
    first_token_s: float | None = None,
    usage: Usage | None = None,
    is_complete: bool = False,
    judged_bytes: int = 0,
) -> DeliveryRecord:
    return DeliveryRecord(
        context, deployment, usage, is_complete, 0, judged_bytes, failure, status, retry_after_s, first_token_s
    )


def attempt_of(exchange: str, flags: str, deployment: DeploymentName = MAIN, status: int = 0) -> AttemptRecord:
    return AttemptRecord(ExchangeId(exchange), deployment, status, flags, 1)


def exchange_of(context: ExchangeContext) -> ExchangeRecord:
    return ExchangeRecord(context.id, context, Outcome.ANSWERED, 200, "", "", 1, 1, 1)


@dataclass(slots=True)
class Fleet:
    """The workers; in memory both are one."""

    clock: MemoryClock
    workers: list[HealthView]
    rejected: list[tuple[int, DeploymentName]] = field(default_factory=list)
    """(worker, deployment) of each call of the hook."""
    catalog: Catalog = field(default_factory=lambda: catalog_of(*NAMES))
    count: int = 0

    @property
    def one(self) -> HealthView:
        return self.workers[0]

    @property
    def two(self) -> HealthView:
        return self.workers[-1]

    async def share(self) -> None:
        """Everybody knows everything."""
        for _ in range(2):
            for worker in self.workers:
                if isinstance(worker, RedisHealth):
                    await worker.sync()

    async def standing(self, deployment: DeploymentName = MAIN) -> Standing:
        """As everybody sees it; fails where they differ."""
        await self.share()
        first, *others = [worker.standing(deployment) for worker in self.workers]
        for each in others:
            assert replace(each, error_rate=0, first_token_s=None, cooldown_until_s=0) == replace(
                first, error_rate=0, first_token_s=None, cooldown_until_s=0
            )
            assert each.cooldown_until_s == pytest.approx(first.cooldown_until_s, abs=0.01)
            assert each.error_rate == pytest.approx(first.error_rate, abs=1e-6)
            assert each.first_token_s == pytest.approx(first.first_token_s, abs=1e-6)
        return first

    def new_context(self, *plan: DeploymentName, is_stream: bool = False) -> ExchangeContext:
        self.count += 1
        return context_of(f"x{self.count}", *plan, is_stream=is_stream)

    def fail(self, worker: HealthView, **more: float | str) -> None:
        """One more request that fails at MAIN, seen by this worker."""
        told = {"failure": "upstream_error", "status": 500, **more}
        worker.delivered(delivery_of(self.new_context(), **told))  # type: ignore[arg-type]

    def succeed(self, worker: HealthView, first_token_s: float | None = None) -> None:
        worker.delivered(delivery_of(self.new_context(), is_complete=True, first_token_s=first_token_s))


@asynccontextmanager
async def open_fleet(url: str | None, draw: Callable[[], float] = lambda: 0.5) -> AsyncIterator[Fleet]:
    """Two workers over this Redis; None: in memory."""
    clock = MemoryClock()
    fleet = Fleet(clock, [])

    def hook(index: int) -> Callable[[DeploymentName], None]:
        return lambda name: fleet.rejected.append((index, name))

    if url is None:
        fleet.workers = [HealthView(clock, lambda: fleet.catalog, draw, hook(0))]
        yield fleet
        return
    async with open_redis(url) as redis:
        await redis.flushall()
        fleet.workers = [RedisHealth(redis, clock, lambda: fleet.catalog, draw, hook(index)) for index in range(2)]
        await fleet.share()
        yield fleet
