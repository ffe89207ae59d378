import asyncio
from dataclasses import replace

import pytest

from extproc.adapters.cache_writer import CacheWriter
from extproc.adapters.memory import MemoryClock
from extproc.adapters.memory_cache import MemoryCache
from extproc.model.cache import EntryId, Question, Ticket
from extproc.model.exchange import DeliveryRecord, Usage
from extproc.model.ids import DeploymentName
from extproc.model.money import Price
from extproc.policy.recall import RecallDesk
from tests.cache_entries import PARTITION
from tests.unit.exchange.remembered import LetterEmbedder, plain
from tests.unit.exchange.test_delivery import context

ANSWER = plain("Hello.")
TICKET = Ticket(Question(PARTITION, EntryId("q1"), "what", "key:user"), b"", 60.0, 10)


def record() -> DeliveryRecord:
    found = context()
    plan = (replace(found.plan[0], price=Price(2000, 3000), upstream_model="gpt-up"),)
    priced = replace(found, plan=plan, input_tokens=10, output_tokens=10)
    return DeliveryRecord(priced, DeploymentName("d0"), Usage(3, 2), is_complete=True, received_bytes=1, judged_bytes=1)


class World:
    def __init__(self, most_waiting: int = 256) -> None:
        self.clock = MemoryClock()
        self.memory = MemoryCache(self.clock)
        self.embedder = LetterEmbedder()
        self.recalling: RecallDesk | None = RecallDesk(self.memory, self.embedder, lambda *_: None)
        self.writer = CacheWriter(lambda: self.recalling, self.clock, most_waiting=most_waiting)

    async def keep(self, ticket: Ticket = TICKET) -> None:
        self.writer.keep(ticket, ANSWER, record())
        await self.writer.flush(5.0)


async def test_an_answer_is_kept_with_what_it_cost() -> None:
    world = World()
    await world.keep()
    entry = await world.memory.get(PARTITION, EntryId("q1"))
    assert entry is not None
    assert (entry.text, entry.answer, entry.owner, entry.exchange) == ("what", ANSWER, "key:user", "x-1")
    assert (entry.model, entry.usage, entry.micro_usd) == ("gpt-up", Usage(3, 2), 12)
    assert entry.expires_at_s - entry.stored_at_s == 60.0
    assert world.embedder.asked == 0


@pytest.mark.parametrize(("embedder", "has_vector"), [("letters", True), ("another", False)])
async def test_a_vector_is_made_by_the_model_of_the_partition_or_not_at_all(embedder: str, *, has_vector: bool) -> None:
    world = World()
    await world.keep(replace(TICKET, embedder=embedder))
    entry = await world.memory.get(PARTITION, EntryId("q1"))
    assert entry is not None
    assert bool(entry.vector) is has_vector


async def test_a_vector_that_there_is_is_not_made_again() -> None:
    world = World()
    await world.keep(replace(TICKET, embedder="letters", vector=b"\0" * 128))
    assert world.embedder.asked == 0


async def test_an_answer_without_a_vector_is_still_found_exactly() -> None:
    world = World()
    world.embedder.is_down = True
    await world.keep(replace(TICKET, embedder="letters"))
    assert await world.memory.get(PARTITION, EntryId("q1")) is not None


async def test_what_cannot_be_kept_is_counted_and_the_next_is_kept() -> None:
    world = World()
    world.memory.is_down = True
    await world.keep()
    assert (world.writer.stored, world.writer.dropped) == (0, 1)
    world.memory.is_down = False
    await world.keep()
    assert (world.writer.stored, world.writer.dropped) == (1, 1)
    world.recalling = None
    await world.keep()
    assert (world.writer.stored, world.writer.dropped) == (1, 2)


async def test_a_queue_that_is_full_drops_and_never_waits() -> None:
    world = World(most_waiting=2)
    for _ in range(5):
        world.writer.keep(TICKET, ANSWER, record())
    assert (world.writer.waiting, world.writer.dropped) == (2, 3)


async def test_it_runs_in_the_background_and_keeps_the_rest_at_its_end() -> None:
    world = World()
    running = asyncio.create_task(world.writer.run())
    world.writer.keep(TICKET, ANSWER, record())
    async with asyncio.timeout(10):
        while not world.writer.stored:
            await asyncio.sleep(0)
    world.writer.keep(replace(TICKET, question=replace(TICKET.question, id=EntryId("q2"))), ANSWER, record())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await world.memory.get(PARTITION, EntryId("q2")) is not None


async def test_who_waits_is_told_that_nothing_comes() -> None:
    world = World()
    assert await world.memory.begin(PARTITION, EntryId("q1"), 30.0)
    world.writer.give_up(TICKET)
    await world.writer.flush(5.0)
    assert await world.memory.begin(PARTITION, EntryId("q1"), 30.0)
