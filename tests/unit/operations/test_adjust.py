from dataclasses import replace
from datetime import UTC, datetime

import pytest

from extproc.adapters.memory_adjustments import MemoryAdjustments
from extproc.model.adjustments import AdjustmentProblem, SpendAdjustment
from extproc.model.limits import (
    Budget,
    Charge,
    Level,
    Limit,
    LimitId,
    Rank,
    Rate,
    Scope,
    Settled,
    Settlement,
    Span,
    Unit,
    Window,
)
from extproc.model.money import MicroUsd
from extproc.model.refusals import Unavailable
from extproc.operations.adjust import AdjustmentDone, make_adjustment, plan_adjustment, settlements_of

NOON_S = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
WANTED = SpendAdjustment("adj_credit-1", NOON_S, "acme", MicroUsd(-500), "credit note", "ada", "CHG-1", team="search")
MONTH, DAY, HOUR = Window(Span.MONTH), Window(Span.DAY), Window(Span.ROLLING, rolling_s=3600)


class Counters:
    """The part of ``Budgets`` that is asked."""

    def __init__(self, *, is_down: bool = False) -> None:
        self.is_down = is_down
        self.told: list[Settlement] = []

    async def settle(self, settlement: Settlement) -> Settled:
        if self.is_down:
            raise Unavailable("redis", "told to be down")
        self.told.append(settlement)
        return Settled(settlement.charges)


def budget(name: str, window: Window = MONTH, unit: Unit = Unit.MICRO_USD, **scope: object) -> Budget:
    return Budget(LimitId(name), Scope(**{"organisation": "acme", **scope}), unit, 10, window)  # type: ignore[arg-type]


async def charged(limits: list[Limit], now_s: float = NOON_S, **changes: object) -> list[str]:
    plan = await plan_adjustment(replace(WANTED, **changes), limits, MemoryAdjustments(), now_s)
    assert plan.adjustment.parts == tuple(part for _, part in plan.budgets)
    return [name for name, _ in plan.budgets]


# -- which budgets ----------------------------------------------------------------------------------------------------


async def test_it_charges_each_budget_in_money_that_is_for_its_place() -> None:
    limits: list[Limit] = [
        budget("all"),
        budget("team", team="search"),
        budget("other-team", team="ads"),
        budget("project", team="search", project="ranking"),
        budget("model", model="chat"),
        budget("other-org", organisation="globex"),
        budget("tokens", unit=Unit.TOKENS),
        Rate(LimitId("rate"), Scope("acme"), requests_per_minute=1),
    ]
    assert await charged(limits) == ["all", "team"]
    assert await charged(limits, project="ranking", model="chat") == ["all", "team", "project", "model"]


@pytest.mark.parametrize(
    ("each", "place", "is_charged"),
    [
        (Level.TEAM, {}, True),
        (Level.TEAM, {"team": ""}, False),
        (Level.PROJECT, {}, False),
        (Level.PROJECT, {"project": "ranking"}, True),
        (Level.KEY, {"project": "ranking"}, False),
        (Level.KEY, {"project": "ranking", "key": "key_1"}, True),
        (Level.USER, {"project": "ranking", "key": "key_1"}, False),
        (Level.ORGANISATION, {"team": ""}, True),
    ],
)
async def test_a_budget_with_counts_of_its_own_is_charged_where_the_one_is_named(
    each: Level, place: dict[str, object], is_charged: bool
) -> None:
    plan = await plan_adjustment(replace(WANTED, **place), [budget("b", each=each)], MemoryAdjustments(), NOON_S)
    assert bool(plan.budgets) is is_charged
    assert [name for name, _ in plan.left_alone] == ([] if is_charged else ["b"])


async def test_the_counter_is_that_of_the_time_it_is_for() -> None:
    plan = await plan_adjustment(WANTED, [budget("b"), budget("d", DAY, team="search")], MemoryAdjustments(), NOON_S)
    assert plan.adjustment.parts == ("b::2026-11", "d:search:2026-11-23")


@pytest.mark.parametrize(("window", "over_s"), [(MONTH, 8 * 86_400), (DAY, 86_400), (HOUR, 3661)])
async def test_a_window_that_is_over_is_left_alone(window: Window, over_s: float) -> None:
    assert await charged([budget("b", window)], NOON_S + 60) == ["b"]
    assert await charged([budget("b", window)], NOON_S + over_s) == []


# -- what cannot be made ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"id": "credit-1"}, "id"),
        ({"id": "adj_x"}, "id"),
        ({"micro_usd": MicroUsd(0)}, "amount"),
        ({"micro_usd": MicroUsd(10**16)}, "amount"),
        ({"reason": " "}, "reason"),
        ({"reason": "two\nlines"}, "reason"),
        ({"actor": ""}, "actor"),
        ({"organisation": ""}, "organisation"),
        ({"team": "", "project": "ranking"}, "project"),
        ({"key": "key_1"}, "key"),
        ({"deployment": "a\x1bb"}, "deployment"),
        ({"at_s": NOON_S + 1}, "time"),
    ],
)
async def test_what_is_not_well_is_named_before_anything_happens(change: dict[str, object], named: str) -> None:
    with pytest.raises(AdjustmentProblem, match=named):
        await plan_adjustment(replace(WANTED, **change), [], MemoryAdjustments(), NOON_S)


async def test_everything_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(AdjustmentProblem, match=r"id.*amount"):
        await plan_adjustment(replace(WANTED, id="x", micro_usd=MicroUsd(0)), [], MemoryAdjustments(), NOON_S)


# -- making it ------------------------------------------------------------------------------------------------------


async def test_it_is_kept_and_the_shared_counters_are_told_under_the_ids_of_the_ledger() -> None:
    store, counters = MemoryAdjustments(), Counters()
    plan = await plan_adjustment(WANTED, [budget("a"), budget("b")], store, NOON_S)
    done = await make_adjustment(plan, store, counters)  # type: ignore[arg-type]
    assert done == AdjustmentDone(is_new=True, is_told=True)
    assert counters.told == settlements_of(plan.adjustment)
    assert [(each.reservation, each.charges, each.rank) for each in counters.told] == [
        ("adj_credit-1-0001", (Charge("a::2026-11", -500),), Rank.DELIVERY),
        ("adj_credit-1-0002", (Charge("b::2026-11", -500),), Rank.DELIVERY),
    ]


async def test_again_changes_nothing_and_tells_nobody() -> None:
    store, counters = MemoryAdjustments(), Counters()
    limits = [budget("a")]
    first = await plan_adjustment(WANTED, limits, store, NOON_S)
    await make_adjustment(first, store, counters)  # type: ignore[arg-type]
    again = await plan_adjustment(replace(WANTED, actor="bob"), limits, store, NOON_S)
    assert again.is_made
    for plan in (again, first):
        done = await make_adjustment(plan, store, counters)  # type: ignore[arg-type]
        assert done == AdjustmentDone(is_new=False, is_told=True)
    assert len(counters.told) == 1


async def test_another_one_of_that_id_is_a_problem() -> None:
    store = MemoryAdjustments()
    await store.make(WANTED)
    with pytest.raises(AdjustmentProblem, match="another"):
        await plan_adjustment(replace(WANTED, micro_usd=MicroUsd(1)), [], store, NOON_S)


async def test_without_redis_it_is_kept_and_said() -> None:
    store = MemoryAdjustments()
    plan = await plan_adjustment(WANTED, [budget("a")], store, NOON_S)
    done = await make_adjustment(plan, store, Counters(is_down=True))  # type: ignore[arg-type]
    assert done == AdjustmentDone(is_new=True, is_told=False)
    assert store.made == {WANTED.id: plan.adjustment}
