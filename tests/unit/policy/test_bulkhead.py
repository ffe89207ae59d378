import asyncio
import contextlib

import pytest

from extproc.model.refusals import Unavailable
from extproc.policy.bulkhead import Bulkhead, BulkheadPolicy
from tests.servers import eventually


class World:
    def __init__(self, running: int = 1, waiting: int = 2) -> None:
        self.bulkhead = Bulkhead("scanner", BulkheadPolicy(running, waiting))
        self.begun: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    def ask(self, name: str, organisation: str = "acme") -> None:
        async def work() -> None:
            async with self.bulkhead.turn(organisation):
                self.begun.append(name)
                await self.gates[name].wait()

        self.gates[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(work())

    async def waits(self, number: int) -> None:
        places = self.bulkhead._places
        await eventually(lambda: "acme" in places and len(places["acme"].waiting) == number, f"{number} that wait")

    async def end(self, name: str) -> None:
        self.gates[name].set()
        await self.tasks[name]


async def test_turns_are_taken_in_the_order_of_asking() -> None:
    world = World()
    for name in "abc":
        world.ask(name)
    await world.waits(2)
    assert world.begun == ["a"]
    for name, begun in (("a", "ab"), ("b", "abc"), ("c", "abc")):
        await world.end(name)
        await eventually(lambda begun=begun: world.begun == list(begun), begun)
    assert not world.bulkhead._places


async def test_one_too_many_is_refused_at_once_and_others_have_turns_of_their_own() -> None:
    world = World()
    for name in "abc":
        world.ask(name)
    await world.waits(2)
    with pytest.raises(Unavailable, match="scanner"):
        async with world.bulkhead.turn("acme"):
            pass
    assert world.bulkhead.refused == 1
    async with world.bulkhead.turn("globex"):
        pass
    for name in "abc":
        await world.end(name)
    async with world.bulkhead.turn("acme"):
        pass


async def test_who_gives_up_waiting_takes_no_turn() -> None:
    world = World()
    for name in "abc":
        world.ask(name)
    await world.waits(2)
    world.tasks["b"].cancel()
    await world.waits(1)
    await world.end("a")
    await eventually(lambda: world.begun == ["a", "c"], "the one behind")
    await world.end("c")
    assert not world.bulkhead._places


@pytest.mark.parametrize("gives_up_first", [True, False])
async def test_who_gives_up_at_the_moment_of_its_turn_passes_it_on(gives_up_first: bool) -> None:
    world = World()
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(world.bulkhead.turn("acme"))
        for name in "bc":
            world.ask(name)
        await world.waits(2)
        # What leaving does, and a cancellation, before the loop has run again.
        if gives_up_first:
            world.tasks["b"].cancel()
        world.bulkhead._pass_on(world.bulkhead._places["acme"])
        if not gives_up_first:
            world.tasks["b"].cancel()
        await eventually(lambda: world.begun == ["c"], "the one behind")
        world.bulkhead._places["acme"].running += 1  # the block's own, passed on above
        await world.end("c")
    assert not world.bulkhead._places


async def test_a_failure_gives_the_turn_back() -> None:
    world = World(running=1, waiting=0)
    for _ in range(3):
        with pytest.raises(LookupError):
            async with world.bulkhead.turn("acme"):
                raise LookupError
    assert not world.bulkhead._places
