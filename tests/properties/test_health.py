"""Whatever two workers see, in any order: cooldowns only grow, and nothing stays under way for ever."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, fields
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extproc.adapters.redis_health import RedisHealth, read_states
from extproc.model.exchange import ExchangeContext, Usage
from extproc.model.ids import DeploymentName
from extproc.policy.health import State
from extproc.policy.health_view import HealthView
from tests.contracts.health_fleet import (
    MAIN,
    NAMES,
    OTHER,
    Fleet,
    attempt_of,
    context_of,
    delivery_of,
    exchange_of,
    open_fleet,
)
from tests.servers import Valkey

PLANS = [(MAIN,), (OTHER,), (MAIN, OTHER), (OTHER, MAIN)]
FAILURES = ["upstream_error", "upstream_rate_limited", "upstream_rejected", "invalid_request", "", "complete"]
EXAMPLES = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True, slots=True)
class Happening:
    """Something a worker sees of one of a few exchanges."""

    worker: int
    kind: str
    exchange: int
    deployment: DeploymentName
    failure: str
    seconds: float
    is_shared: bool


happenings = st.lists(
    st.builds(
        Happening,
        worker=st.integers(0, 1),
        kind=st.sampled_from(["started", "attempted", "delivered", "delivered", "finished", "time"]),
        exchange=st.integers(0, 9),
        deployment=st.sampled_from(NAMES),
        failure=st.sampled_from(FAILURES),
        seconds=st.sampled_from([0.5, 5.0, 12.0, 45.0]),
        is_shared=st.booleans(),
    ),
    max_size=40,
)


def context(number: int) -> ExchangeContext:
    return context_of(f"x{number}", *PLANS[number % len(PLANS)], is_stream=number % 2 == 0)


def show(worker: HealthView, fleet: Fleet, what: Happening) -> None:
    of = context(what.exchange)
    match what.kind:
        case "started":
            worker.started(of, 10 + what.exchange)
        case "attempted":
            worker.attempted(attempt_of(of.id, "UF" if what.seconds < 1 else "UO", what.deployment))
        case "finished":
            worker.finished(exchange_of(of))
        case "time":
            fleet.clock.advance(what.seconds)
        case _:
            is_complete = what.failure == "complete"
            record = delivery_of(
                of,
                what.deployment,
                "" if is_complete else what.failure,
                status=401,
                retry_after_s=what.seconds if what.exchange % 2 else None,
                first_token_s=what.seconds,
                usage=Usage(what.exchange, 3) if is_complete else None,
                is_complete=is_complete,
            )
            worker.delivered(record)


def check_same(one: State, other: State) -> None:
    for field in fields(State):
        have, want = getattr(one, field.name), getattr(other, field.name)
        if isinstance(want, float):
            assert have == pytest.approx(want, abs=0.01), field.name
        else:
            assert have == want, field.name


@EXAMPLES
@given(seen=happenings)
def test_the_sums_in_redis_are_those_in_memory(seen: list[Happening], valkey_server: Valkey) -> None:
    async def run() -> None:
        async with open_fleet(None) as alone, open_fleet(valkey_server.url) as shared:
            for what in seen:
                show(alone.one, alone, what)
                show(shared.workers[what.worker], shared, what)
                await shared.share()
                alone.one.sweep()
            redis = shared.workers[0]
            assert isinstance(redis, RedisHealth)
            for name, state in (await read_states(redis.redis)).items():
                check_same(state, alone.one.state(name))
                check_same(shared.one.state(name), state)
                check_same(shared.two.state(name), state)

    asyncio.run(run())


@EXAMPLES
@given(seen=happenings, draws=st.randoms(use_true_random=False))
def test_in_any_order_cooldowns_only_grow_and_nothing_stays_under_way(
    seen: list[Happening], draws: Random, valkey_server: Valkey
) -> None:
    draw: Callable[[], float] = draws.random

    async def run() -> None:
        async with open_fleet(valkey_server.url, draw) as fleet:
            until_s = dict.fromkeys(NAMES, 0.0)
            for what in seen:
                show(fleet.workers[what.worker], fleet, what)
                if what.is_shared:
                    await fleet.share()
                    for name in NAMES:
                        now_until_s = (await fleet.standing(name)).cooldown_until_s
                        assert now_until_s >= until_s[name] - 0.001
                        until_s[name] = now_until_s
            for number in range(10):
                fleet.workers[number % 2].finished(exchange_of(context(number)))
            for name in NAMES:
                assert (await fleet.standing(name)).in_flight == 0
                assert fleet.one.state(name).in_flight == 0
            fleet.clock.advance(5000)
            fleet.one.delivered(delivery_of(context_of("last"), is_complete=True))
            assert ((await fleet.standing()).failures, (await fleet.standing()).trouble) == (0, None)

    asyncio.run(run())
