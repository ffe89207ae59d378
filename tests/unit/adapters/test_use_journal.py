"""Counting and handing over; ``contracts/test_uses`` has the stores."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import pytest
from structlog.testing import capture_logs

from extproc.adapters.memory import MemoryClock, MemoryUses
from extproc.adapters.use_journal import UseJournal
from extproc.model.ids import DeploymentName
from extproc.model.refusals import Unavailable
from extproc.model.uses import Count, Use
from tests.servers import eventually
from tests.unit.adapters.test_log_journal import ATTEMPT, DELIVERY, EXCHANGE

ANSWER = replace(DELIVERY, status=200)
TODAY = date(2027, 1, 15)
USE = Use(TODAY, ANSWER.context.key, ANSWER.context.model, ANSWER.deployment)


def made(store: MemoryUses, **changes: float) -> tuple[UseJournal, MemoryClock]:
    clock = MemoryClock()
    return UseJournal(store, clock, **changes), clock


async def test_answers_are_counted_by_the_day_and_the_last_moment() -> None:
    store = MemoryUses()
    journal, clock = made(store)
    journal.delivered(ANSWER)
    clock.advance(1)
    journal.delivered(replace(ANSWER, is_complete=False))
    clock.advance(86_400)
    journal.delivered(ANSWER)
    await journal.flush()
    begin_s = MemoryClock().now_s()
    tomorrow = replace(USE, day=date(2027, 1, 16))
    assert store.counts == {USE: Count(2, begin_s + 1), tomorrow: Count(1, begin_s + 86_401)}


async def test_an_attempt_that_the_client_saw_nothing_of_is_no_use() -> None:
    store = MemoryUses()
    journal, _ = made(store)
    journal.delivered(replace(ANSWER, judged_bytes=0))
    journal.delivered(replace(ANSWER, status=503))
    journal.attempted(ATTEMPT)
    journal.finished(EXCHANGE)
    await journal.flush()
    assert store.counts == {}


async def test_what_the_store_missed_is_added_when_it_is_back() -> None:
    store = MemoryUses(is_down=True)
    journal, clock = made(store)
    journal.delivered(ANSWER)
    with pytest.raises(Unavailable):
        await journal.flush()
    journal.delivered(ANSWER)
    store.is_down = False
    await journal.flush()
    await journal.flush()
    assert store.counts == {USE: Count(2, clock.now_s())}


async def test_an_outage_is_said_once_and_neither_it_nor_its_end_stops_the_counting() -> None:
    store = MemoryUses(is_down=True)
    journal, _ = made(store, every_s=0.001)
    with capture_logs() as lines:
        run = asyncio.create_task(journal.run())
        journal.delivered(ANSWER)
        await eventually(lambda: bool(lines), "the word of the outage")
        for _ in range(20):
            await asyncio.sleep(0)
        store.is_down = False
        await eventually(lambda: USE in store.counts, "the count")
        run.cancel()
        await asyncio.wait({run})
    assert [line["event"] for line in lines] == ["uses_delayed"]


async def test_memory_is_bounded_and_what_was_dropped_is_said() -> None:
    store = MemoryUses()
    journal, _ = made(store, most=2)
    for name in ("d0", "d1", "d2", "d0", "d3"):
        journal.delivered(replace(ANSWER, deployment=DeploymentName(name)))
    with capture_logs() as lines:
        await journal.flush()
        await journal.flush()
    assert {use.deployment: count.requests for use, count in store.counts.items()} == {"d0": 2, "d1": 1}
    assert [(line["event"], line["requests"]) for line in lines] == [("uses_dropped", 2)]


@dataclass
class Slow(MemoryUses):
    """Takes the first batch and then hangs."""

    batches: int = 0

    async def add(self, counts: Mapping[Use, Count]) -> None:
        self.batches += 1
        if self.batches == 2:
            await asyncio.sleep(600)
        await MemoryUses.add(self, counts)


async def test_a_worker_that_stops_in_the_middle_of_it_still_hands_over_the_rest_once() -> None:
    store = Slow()
    journal, _ = made(store, every_s=0.001)
    for index in range(1500):
        journal.delivered(replace(ANSWER, deployment=DeploymentName(f"d{index}")))
    run = asyncio.create_task(journal.run())
    await eventually(lambda: store.batches == 2, "the second batch")
    journal.delivered(ANSWER)
    run.cancel()
    await asyncio.wait({run})
    assert len(store.counts) == 1500
    assert sorted({count.requests for count in store.counts.values()}) == [1, 2]


async def test_what_a_stopping_worker_cannot_hand_over_is_said_to_be_lost() -> None:
    journal, _ = made(MemoryUses(is_down=True), every_s=60)
    with capture_logs() as lines:
        run = asyncio.create_task(journal.run())
        await asyncio.sleep(0)
        journal.delivered(ANSWER)
        run.cancel()
        await asyncio.wait({run})
    assert [(line["event"], line["requests"]) for line in lines] == [("uses_lost", 1)]


@dataclass
class Broken(MemoryUses):
    """Has a bug, the first time."""

    is_broken: bool = True

    async def add(self, counts: Mapping[Use, Count]) -> None:
        if self.is_broken:
            self.is_broken = False
            raise TypeError("not what it should be")
        await MemoryUses.add(self, counts)


async def test_a_store_with_a_bug_costs_the_counts_and_never_the_worker() -> None:
    store = Broken()
    journal, clock = made(store, every_s=0.001)
    with capture_logs() as lines:
        run = asyncio.create_task(journal.run())
        journal.delivered(ANSWER)
        await eventually(lambda: bool(lines), "the word of it")
        journal.delivered(ANSWER)
        await eventually(lambda: USE in store.counts, "the next count")
        run.cancel()
        await asyncio.wait({run})
    assert [(line["event"], line["error"]) for line in lines] == [("uses_failed", "TypeError")]
    assert store.counts == {USE: Count(1, clock.now_s())}
