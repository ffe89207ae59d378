"""What a store of declared limits promises, in memory and in Postgres alike."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from extproc.adapters.memory_limits import MemoryLimits
from extproc.adapters.postgres_limits import PostgresLimits, open_limit_feed
from extproc.adapters.postgres_pool import open_pool
from extproc.model.keys import Deed
from extproc.model.limit_definition import write_limit
from extproc.model.limit_records import LimitChange, LimitConflict, LimitProblem, LimitSet, Source
from extproc.model.limits import Budget, Level, Limit, LimitId, Rate, Scope, Span, Unit, Window
from extproc.policy.limit_ports import LimitFeed, LimitStore

DEED = Deed(actor="ada", approval="CHG-1, approved by grace")
BUDGET = Budget(
    LimitId("acme-month"),
    Scope("acme", team="search", each=Level.KEY),
    Unit.MICRO_USD,
    2_500_500_001,
    Window(Span.MONTH, "Europe/London"),
    alert_percents=(50, 80),
)
RATE = Rate(LimitId("acme-rate"), Scope("acme", model="m"), 60, 9000, 4)


@dataclass(frozen=True)
class World:
    store: LimitStore
    feed: LimitFeed

    async def change(self, limit: Limit, expected: int = 0, source: Source = Source.FILE) -> int:
        return await self.store.change([LimitChange(limit.id, limit, source, expected)], DEED)

    async def remove(self, limit: Limit, expected: int) -> int:
        return await self.store.change([LimitChange(limit.id, None, Source.FILE, expected)], DEED)


@pytest.fixture(params=["memory", "postgres"])
async def world(request: pytest.FixtureRequest, postgres_dsn: str) -> AsyncIterator[World]:
    if request.param == "memory":
        memory = MemoryLimits()
        yield World(memory, memory)
        return
    async with open_pool(postgres_dsn) as pool, open_limit_feed(postgres_dsn) as feed:
        yield World(PostgresLimits(pool), feed)


def in_force(limits: LimitSet) -> list[Limit]:
    return [each.limit for each in limits.limits if each.is_active]


async def test_where_nothing_was_declared_there_is_an_empty_set_at_version_0(world: World) -> None:
    assert await world.store.read() == LimitSet(0, ())
    assert await world.feed.limits_since(None) == LimitSet(0, ())
    assert await world.feed.limits_since(0) == LimitSet(0, (), is_whole=False)


async def test_a_limit_is_read_exactly_as_it_was_declared(world: World) -> None:
    limits = (
        BUDGET,
        RATE,
        replace(BUDGET, id=LimitId("tokens"), unit=Unit.TOKENS, window=Window(Span.ROLLING, rolling_s=5400)),
    )
    changes = [LimitChange(limit.id, limit, Source.FILE, 0) for limit in limits]
    version = await world.store.change(changes, DEED, base=0)
    for found in (await world.store.read(), await world.feed.limits_since(None)):
        assert (found.version, found.is_whole) == (version, True)
        assert in_force(found) == list(limits)
        assert {each.source for each in found.limits} == {Source.FILE}


async def test_every_change_is_a_row_of_the_log_with_what_was_and_who_approved(world: World) -> None:
    first = await world.change(BUDGET)
    raised = replace(BUDGET, amount=3_000_000_000)
    second = await world.change(raised, first, Source.COMMAND)
    await world.remove(BUDGET, second)
    rows = await world.store.history(BUDGET.id)
    assert [(row.action, row.deed, row.seq) for row in rows] == [
        ("limit.set", DEED, first),
        ("limit.set", DEED, second),
        ("limit.remove", DEED, second + 1),
    ]
    told = [{name: json.loads(text) if name != "source" else text for name, text in row.detail} for row in rows]
    assert told == [
        {"source": "file", "definition": write_limit(BUDGET)},
        {"source": "command", "definition": write_limit(raised), "before": write_limit(BUDGET)},
        {"source": "file", "before": write_limit(raised)},
    ]


async def test_a_removed_limit_is_out_of_force_and_may_come_back(world: World) -> None:
    removed = await world.remove(BUDGET, await world.change(BUDGET))
    assert in_force(await world.store.read()) == []
    (gone,) = (await world.feed.limits_since(removed - 1)).limits
    assert (gone.limit, gone.is_active) == (BUDGET, False)
    await world.change(BUDGET, removed)
    assert in_force(await world.store.read()) == [BUDGET]


async def test_the_feed_tells_what_changed_since_and_everything_where_it_cannot_know(world: World) -> None:
    first = await world.change(BUDGET)
    second = await world.change(RATE)
    since = await world.feed.limits_since(first)
    assert (since.version, in_force(since), since.is_whole) == (second, [RATE], False)
    assert await world.feed.limits_since(second) == LimitSet(second, (), is_whole=False)
    set_back = await world.feed.limits_since(second + 5)
    assert (set_back.version, in_force(set_back), set_back.is_whole) == (second, [BUDGET, RATE], True)


async def test_whoever_saw_an_older_version_changes_nothing(world: World) -> None:
    first = await world.change(BUDGET)
    second = await world.change(replace(BUDGET, amount=5), first)
    for stale in (0, first, second + 1):
        with pytest.raises(LimitConflict):
            await world.change(replace(BUDGET, amount=7), stale)
    assert in_force(await world.store.read()) == [replace(BUDGET, amount=5)]


async def test_a_plan_on_an_older_set_changes_nothing_whatever_changed_in_it(world: World) -> None:
    base = await world.change(BUDGET)
    await world.change(RATE)
    other = replace(BUDGET, id=LimitId("other"))
    with pytest.raises(LimitConflict):
        await world.store.change([LimitChange(other.id, other, Source.FILE, 0)], DEED, base=base)
    assert in_force(await world.store.read()) == [BUDGET, RATE]


async def test_of_many_admins_at_once_each_change_is_made_or_refused_and_none_is_lost(world: World) -> None:
    first = await world.change(BUDGET)
    offers = [replace(BUDGET, amount=amount) for amount in range(8)]
    answers = await asyncio.gather(*(world.change(offer, first) for offer in offers), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["LimitConflict"] * 7 + ["int"]
    (winner,) = [offer for offer, answer in zip(offers, answers, strict=True) if isinstance(answer, int)]
    assert in_force(await world.store.read()) == [winner]
    assert len(await world.store.history(BUDGET.id)) == 2


async def test_one_bad_change_undoes_all(world: World) -> None:
    await world.change(BUDGET)
    changes = [LimitChange(RATE.id, RATE, Source.FILE, 0), LimitChange(BUDGET.id, BUDGET, Source.FILE, 99)]
    with pytest.raises(LimitConflict):
        await world.store.change(changes, DEED)
    assert in_force(await world.store.read()) == [BUDGET]
    assert await world.store.history(RATE.id) == ()


@pytest.mark.parametrize(
    "other",
    [
        replace(BUDGET, unit=Unit.TOKENS),
        replace(BUDGET, scope=Scope("globex")),
        Rate(BUDGET.id, BUDGET.scope, 60),
    ],
)
async def test_an_id_keeps_its_organisation_and_its_unit_even_when_it_was_removed(world: World, other: Limit) -> None:
    first = await world.change(BUDGET)
    with pytest.raises(LimitProblem, match="keeps its organisation and its unit"):
        await world.change(other, first)
    removed = await world.remove(BUDGET, first)
    with pytest.raises(LimitProblem, match="keeps its organisation and its unit"):
        await world.change(other, removed)


async def test_what_never_was_cannot_be_removed(world: World) -> None:
    with pytest.raises(LimitProblem, match="does not exist"):
        await world.remove(BUDGET, 0)


async def test_a_change_of_nothing_is_no_change(world: World) -> None:
    first = await world.change(BUDGET)
    assert await world.store.change([], DEED, base=first) == first
    assert len(await world.store.history(BUDGET.id)) == 1
