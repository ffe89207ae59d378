"""Counters are held against the ledger, and only what stays different is set right."""

from dataclasses import replace
from datetime import date

import pytest

from extproc.adapters.memory_money import MemoryCounters, MemoryLedger
from extproc.model.ids import ExchangeId
from extproc.model.ledger import LedgerRow, Writer
from extproc.model.limits import Settled, Settlement
from extproc.operations.ledger import Reconciliation, State, reconcile, repair, retain
from tests.contracts.test_ledger import row

ORG, KEY = ("acme", "org"), ("acme", "key")


class Told:
    """Budgets that only remember what is settled."""

    def __init__(self) -> None:
        self.settled: list[Settlement] = []

    async def settle(self, settlement: Settlement) -> Settled:
        self.settled.append(settlement)
        return Settled(settlement.charges)


class World:
    """A ledger with two rows, and counters that agree with it."""

    def __init__(self) -> None:
        self.ledger = MemoryLedger()
        self.ledger.append(row("a", amount=30))
        self.ledger.append(row("b", amount=12))
        self.counters = MemoryCounters({ORG: 42, KEY: 42})
        self.budgets = Told()
        self.arriving: list[LedgerRow] = []
        """Committed one after another, each time somebody waits."""

    async def sleep(self, _: float) -> None:
        if self.arriving:
            self.ledger.append(self.arriving.pop(0))

    async def look(self) -> Reconciliation:
        return await reconcile(self.ledger, self.counters, self.sleep)

    async def mend(self, *, is_forced: bool = False) -> Reconciliation:
        found = await self.look()
        return await repair(found, self.ledger, self.ledger, self.counters, self.budgets, is_forced=is_forced)


@pytest.fixture
def world() -> World:
    return World()


async def test_counters_that_agree_are_no_difference(world: World) -> None:
    found = await world.look()
    assert (found.compared, found.differences, found.is_even) == (2, (), True)


async def test_what_differs_each_time_by_the_same_is_told_and_left_alone(world: World) -> None:
    world.counters.used[ORG] = 40
    found = await world.look()
    (difference,) = found.differences
    assert (difference.part, difference.redis, difference.ledger, difference.excess) == ("org", 40, 42, -2)
    assert (difference.state, found.is_even, world.counters.used[ORG]) == (State.DIFFERS, False, 40)


async def test_a_row_that_is_still_on_its_way_is_no_difference(world: World) -> None:
    world.counters.used |= {ORG: 49, KEY: 49}
    world.arriving = [row("c", amount=7)]
    assert (await world.look()).is_even


async def test_what_differs_each_time_by_another_amount_is_moving_and_is_not_repaired(world: World) -> None:
    world.counters.used[KEY] = 1000
    world.arriving = [row("c", amount=7), row("d", amount=8)]
    world.counters.used[ORG] = 42 + 15
    found = await world.mend()
    assert [(each.part, each.state) for each in found.differences] == [("key", State.MOVING)]
    assert (world.counters.used[KEY], found.is_even) == (1000, False)


async def test_a_repair_takes_the_difference_away_and_tells_the_last_rows_again_first(world: World) -> None:
    world.counters.used |= {ORG: 40, KEY: 50}
    world.counters.held[ORG] = 5
    found = await world.mend()
    assert {each.state for each in found.differences} == {State.REPAIRED}
    assert found.is_even
    assert world.counters.used == {ORG: 42, KEY: 42}
    assert {each.reservation for each in world.budgets.settled} == {"a", "b"}
    assert (await world.look()).differences == ()


async def test_what_is_charged_during_a_repair_stays(world: World) -> None:
    world.counters.used[ORG] = 40
    found = await world.look()
    # Nothing at the second look; then between the look and the setting, and between that and the next.
    world.counters.charges[ORG] = [0, 3, 4]
    found = await repair(found, world.ledger, world.ledger, world.counters, world.budgets)
    assert found.is_even
    assert world.counters.used[ORG] == 42 + 3 + 4


async def test_nothing_is_repaired_while_a_writer_is_behind_or_silent(world: World) -> None:
    for behind in (Writer("w", 3, 0.1), Writer("w", 0, 60.0)):
        world.ledger.told = [Writer("fine", 0, 1.0), behind]
        world.counters.used[ORG] = 40
        found = await world.mend()
        assert (found.behind, found.is_even, world.counters.used[ORG]) == ((behind,), False, 40)
    assert (await world.mend(is_forced=True)).is_even
    assert world.counters.used[ORG] == 42


async def test_one_organisation_is_compared_by_itself(world: World) -> None:
    world.counters.used["globex", "org"] = 9
    found = await reconcile(world.ledger, world.counters, world.sleep, organisation="acme")
    assert found.is_even
    assert [each.organisation for each in (await world.look()).differences] == ["globex"]


async def test_a_counter_that_vanishes_is_loaded_from_the_ledger_and_needs_no_repair(world: World) -> None:
    world.counters.used[ORG] = 40
    found = await world.look()
    del world.counters.used[ORG]
    assert (await repair(found, world.ledger, world.ledger, world.counters, world.budgets)).is_even


async def test_whole_months_before_the_last_ones_go(world: World) -> None:
    old = replace(row("old"), exchange=ExchangeId("old"), started_at_s=row().started_at_s - 120 * 86_400)
    world.ledger.append(old)
    today = date(2026, 11, 23)
    assert await retain(world.ledger, 3, today, is_rehearsal=True) == (date(2026, 8, 1), ("ledger_2026_07",))
    assert "old" in world.ledger.rows
    assert await retain(world.ledger, 3, today, is_rehearsal=False) == (date(2026, 8, 1), ("ledger_2026_07",))
    assert set(world.ledger.rows) == {"a", "b"}
    assert (await retain(world.ledger, 12, date(2026, 1, 31), is_rehearsal=True))[0] == date(2025, 1, 1)


async def test_less_than_the_longest_window_is_not_kept(world: World) -> None:
    with pytest.raises(ValueError, match="3 months"):
        await retain(world.ledger, 2, date(2026, 11, 23), is_rehearsal=True)
