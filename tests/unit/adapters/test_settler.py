"""What is settled when, and what waits for whom."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

import pytest

from extproc.adapters.memory import MemoryClock
from extproc.adapters.memory_money import MemoryLedger
from extproc.adapters.settler import GRACE_S, Settler
from extproc.model.exchange import Outcome
from extproc.model.ids import ExchangeId
from extproc.model.limits import Claim, Crossing, Denied, LimitId, Rank, Reservation, Settled, Settlement, Unit
from extproc.model.refusals import Unavailable
from tests.servers import eventually
from tests.unit.policy.test_closing import CONTEXT, DELIVERED, FINISHED


@dataclass(slots=True)
class Noting:
    """Budgets that note what they are told."""

    settled: list[Settlement] = field(default_factory=list)
    voided: list[ExchangeId] = field(default_factory=list)
    is_down: bool = False
    crossed: tuple[Crossing, ...] = ()

    async def reserve(self, claim_at: Callable[[float], Claim]) -> Reservation | Denied:
        raise AssertionError

    async def settle(self, settlement: Settlement) -> Settled:
        if self.is_down:
            raise Unavailable("redis", "down")
        self.settled.append(settlement)
        return Settled(settlement.charges, self.crossed)

    async def void(self, organisation: str, reservation: ExchangeId) -> None:
        if self.is_down:
            raise Unavailable("redis", "down")
        self.voided.append(reservation)

    async def extend(self, organisation: str, reservations: object, hold_s: float) -> int:
        raise AssertionError


@dataclass(slots=True)
class Bench:
    budgets: Noting
    ledger: MemoryLedger
    clock: MemoryClock
    told: list[tuple[str, Crossing]]
    settler: Settler


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    budgets, ledger, clock = Noting(), MemoryLedger(), MemoryClock()
    told: list[tuple[str, Crossing]] = []
    settler = Settler(budgets, ledger, clock, lambda organisation, crossing: told.append((organisation, crossing)))
    task = asyncio.create_task(settler.run())
    yield Bench(budgets, ledger, clock, told, settler)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_delivery_saw_is_charged_at_once_and_kept(bench: Bench) -> None:
    bench.settler.delivered(DELIVERED)
    assert bench.ledger.rows[CONTEXT.id].micro_usd == 190
    await eventually(lambda: bool(bench.budgets.settled), "the settlement")
    assert bench.budgets.settled[0].rank is Rank.DELIVERY


async def test_the_journal_waits_for_delivery_before_it_settles_or_voids(bench: Bench) -> None:
    bench.settler.finished(replace(FINISHED, outcome=Outcome.ABANDONED))
    bench.settler.finished(
        replace(FINISHED, exchange=ExchangeId("y"), flags="UF", context=replace(CONTEXT, id=ExchangeId("y")))
    )
    assert set(bench.ledger.rows) == {"x", "y"}
    bench.clock.advance(GRACE_S - 1)
    bench.settler.delivered(replace(DELIVERED, context=replace(CONTEXT, id=ExchangeId("z"))))
    await eventually(lambda: bool(bench.budgets.settled), "delivery's settlement")
    assert [each.reservation for each in bench.budgets.settled] == ["z"]
    bench.clock.advance(2)
    bench.settler.delivered(replace(DELIVERED, context=replace(CONTEXT, id=ExchangeId("w"))))
    await eventually(lambda: bool(bench.budgets.voided) and len(bench.budgets.settled) == 3, "the journal's word")
    assert {each.reservation: each.rank for each in bench.budgets.settled}[ExchangeId("x")] is Rank.JOURNAL
    assert bench.budgets.voided == ["y"]


async def test_while_redis_is_away_settlements_wait_in_order_and_none_is_lost(bench: Bench) -> None:
    bench.budgets.is_down = True
    names = [ExchangeId(f"x{number}") for number in range(5)]
    for name in names:
        bench.settler.delivered(replace(DELIVERED, context=replace(CONTEXT, id=name)))
    await asyncio.sleep(0)
    bench.budgets.is_down = False
    await eventually(lambda: len(bench.budgets.settled) == len(names), "every settlement")
    assert [each.reservation for each in bench.budgets.settled] == names


async def test_each_crossing_is_told_with_its_organisation(bench: Bench) -> None:
    bench.budgets.crossed = (Crossing(LimitId("m"), "money", 80, 810, 1000, Unit.MICRO_USD),)
    bench.settler.delivered(DELIVERED)
    await eventually(lambda: bool(bench.told), "the alert")
    assert bench.told == [("acme", bench.budgets.crossed[0])]


async def test_what_the_ledger_has_is_said_again_for_delivery_only(bench: Bench) -> None:
    bench.settler.delivered(DELIVERED)
    await eventually(lambda: bool(bench.budgets.settled), "the settlement")
    delivered = bench.ledger.rows[CONTEXT.id]
    bench.settler.committed([delivered, replace(delivered, rank=Rank.JOURNAL), replace(delivered, charges=())])
    await eventually(lambda: len(bench.budgets.settled) == 2, "the confirmation")
    first, again = bench.budgets.settled
    assert (again.reservation, again.charges, again.rank) == (first.reservation, first.charges, first.rank)


async def test_what_is_ready_is_charged_before_a_worker_ends() -> None:
    budgets, ledger = Noting(), MemoryLedger()
    settler = Settler(budgets, ledger, MemoryClock(), lambda *_: None)
    settler.delivered(DELIVERED)
    await settler.flush(1.0)
    assert len(budgets.settled) == 1
    budgets.is_down = True
    settler.delivered(DELIVERED)
    await settler.flush(1.0)
    assert len(budgets.settled) == 1


async def test_what_was_settled_is_unsent_until_the_ledger_has_it(bench: Bench) -> None:
    bench.settler.delivered(DELIVERED)
    assert [each.reservation for each in bench.settler.unsent()] == [CONTEXT.id]
    bench.settler.committed([replace(bench.ledger.rows[CONTEXT.id], rank=Rank.JOURNAL)])
    assert len(bench.settler.unsent()) == 1
    bench.settler.committed([bench.ledger.rows[CONTEXT.id]])
    assert bench.settler.unsent() == ()
