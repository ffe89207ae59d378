"""What is settled when, and what waits for whom."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

import pytest

from extproc.adapters.memory import MemoryClock
from extproc.adapters.memory_money import MemoryLedger
from extproc.adapters.settler import GRACE_S, Settler
from extproc.model.exchange import AttemptRecord, Outcome, Usage
from extproc.model.ids import ExchangeId
from extproc.model.ledger import Flag, merged
from extproc.model.limits import Charge, Claim, Crossing, Denied, LimitId, Rank, Reservation, Settled, Settlement, Unit
from extproc.model.refusals import Unavailable
from extproc.policy.closing import close_attempt, close_delivered
from tests.servers import eventually
from tests.unit.policy.test_closing import CONTEXT, DELIVERED, FINISHED, MAIN


@dataclass(slots=True)
class Noting:
    """Budgets that note what they are told."""

    settled: list[Settlement] = field(default_factory=list)
    voided: list[ExchangeId] = field(default_factory=list)
    is_down: bool = False
    crossed: tuple[Crossing, ...] = ()
    outranked: tuple[Charge, ...] = ()

    async def reserve(self, claim_at: Callable[[float], Claim]) -> Reservation | Denied:
        raise AssertionError

    async def settle(self, settlement: Settlement) -> Settled:
        if self.is_down:
            raise Unavailable("redis", "down")
        self.settled.append(settlement)
        return Settled(settlement.charges, self.crossed, self.outranked)

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


async def test_what_the_ledger_says_when_the_journals_time_has_come_is_charged(bench: Bench) -> None:
    twice = replace(FINISHED, flags="UF", attempts=2)
    bench.settler.finished(twice)
    bench.settler.attempted(AttemptRecord(CONTEXT.id, MAIN, 0, "UF", 5))
    row = bench.ledger.rows[CONTEXT.id]
    assert (row.freed, row.micro_usd) == ((MAIN,), 0)
    bench.settler.committed([row])
    bench.clock.advance(GRACE_S)
    bench.settler.delivered(replace(DELIVERED, context=replace(CONTEXT, id=ExchangeId("w"))))
    await eventually(lambda: len(bench.budgets.settled) == 2, "both settlements")
    told = {each.reservation: each for each in bench.budgets.settled}[CONTEXT.id]
    assert [each.amount for each in told.charges] == [0, 0]
    assert (told.buckets, told.rank, told.freed) == (("bucket",), Rank.JOURNAL, 1)


async def test_an_attempt_that_another_worker_knows_was_free_is_taken_off_by_whoever_hears_of_it(bench: Bench) -> None:
    bench.settler.finished(replace(FINISHED, flags="UF", attempts=2))
    free = close_attempt(AttemptRecord(CONTEXT.id, MAIN, 0, "UF", 5), 0.0)
    assert free is not None
    row = merged(bench.ledger.rows[CONTEXT.id], free)
    elsewhere = Settler(bench.budgets, bench.ledger, bench.clock, lambda *_: None)
    elsewhere.committed([row])
    bench.clock.advance(GRACE_S)
    task = asyncio.create_task(elsewhere.run())
    await eventually(lambda: any(each.freed for each in bench.budgets.settled), "the correction")
    task.cancel()
    (told,) = [each for each in bench.budgets.settled if each.freed]
    assert [each.amount for each in told.charges] == [0, 0]


async def test_what_delivery_told_in_time_is_not_settled_by_the_journal(bench: Bench) -> None:
    bench.settler.finished(replace(FINISHED, outcome=Outcome.ANSWERED, status=200))
    bench.settler.delivered(DELIVERED)
    bench.settler.committed([bench.ledger.rows[CONTEXT.id]])
    bench.clock.advance(GRACE_S)
    bench.settler.delivered(replace(DELIVERED, context=replace(CONTEXT, id=ExchangeId("w"))))
    await eventually(lambda: "w" in [each.reservation for each in bench.budgets.settled], "the last settlement")
    assert {each.rank for each in bench.budgets.settled} == {Rank.DELIVERY}


async def test_a_row_takes_over_what_a_killed_delivery_charged_and_never_wrote(bench: Bench) -> None:
    bench.settler.finished(replace(FINISHED, outcome=Outcome.ANSWERED, status=200))
    estimate = bench.ledger.rows[CONTEXT.id]
    bench.settler.committed([estimate])
    bench.budgets.outranked = (Charge("money", 190), Charge("tokens", 30))
    bench.clock.advance(GRACE_S)
    bench.settler.delivered(replace(DELIVERED, context=replace(CONTEXT, id=ExchangeId("w"), hold=None)))
    await eventually(lambda: bool(bench.budgets.settled), "the journal's settlement")
    await asyncio.sleep(0)
    assert bench.ledger.rows[CONTEXT.id] == estimate
    bench.settler.committed([estimate])
    row = bench.ledger.rows[CONTEXT.id]
    assert (row.rank, row.micro_usd, [each.amount for each in row.charges]) == (Rank.DELIVERY, 190, [190, 30])
    assert Flag.ABANDONED_ESTIMATE in row.flags
    late = close_delivered(replace(DELIVERED, context=CONTEXT, deployment=MAIN, usage=Usage(50, 70)), 0.0)
    assert late is not None
    bench.ledger.append(late.row)
    assert bench.ledger.rows[CONTEXT.id].usage == Usage(50, 70)


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
