"""Who travels together, who waits, and what is taken for a Redis that does not answer: on a clock that only jumps."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import pytest
from redis.exceptions import BusyLoadingError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from extproc.adapters.redis_lanes import MOST_LANES, MOST_TOGETHER, RedisLanes

DEADLINE_S = 0.5
Behaviour = Callable[[int], float | Exception]
"""How long the round trip of this number takes, or what it comes to."""


class Jumping(asyncio.SelectorEventLoop):
    """Nobody waits: when nothing is to be done, it is later."""

    def __init__(self) -> None:
        self.now_s = 0.0
        loop = self

        class Selector(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
            def select(self, timeout: float | None = None) -> Any:
                if timeout is not None and timeout > 0:
                    loop.now_s += timeout
                return super().select(0 if timeout is None or timeout > 0 else timeout)

        super().__init__(Selector())

    def time(self) -> float:
        return self.now_s


def simulate(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=Jumping) as runner:
        runner.run(main)


@dataclass(slots=True)
class Server:
    """A Redis that answers each command with itself."""

    behaviour: Behaviour = lambda _: 0.0
    trips: list[int] = field(default_factory=list)

    def pipeline(self, *, transaction: bool) -> "Pipeline":
        assert not transaction
        return Pipeline(self)


@dataclass(slots=True)
class Pipeline:
    server: Server
    commands: list[str] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def execute_command(self, command: str) -> None:
        self.commands.append(command)

    async def execute(self, *, raise_on_error: bool) -> list[Any]:
        assert not raise_on_error
        self.server.trips.append(len(self.commands))
        found = self.server.behaviour(len(self.server.trips) - 1)
        if isinstance(found, Exception):
            raise found
        await asyncio.sleep(found)
        return [ResponseError(each) if each.startswith("bad") else each for each in self.commands]


def lanes_to(server: Server) -> RedisLanes:
    return RedisLanes(server, DEADLINE_S)  # type: ignore[arg-type]


async def ask_all(lanes: RedisLanes, count: int) -> list[Any]:
    return await asyncio.gather(*(lanes.ask(f"c{number}") for number in range(count)), return_exceptions=True)


def test_a_thousand_at_once_are_answered_however_long_they_wait_for_a_turn() -> None:
    async def main() -> None:
        # Nearly as long as a round trip may take: with one command each, the last would wait for sixty of them.
        server = Server(lambda _: DEADLINE_S * 0.9)
        lanes = lanes_to(server)
        assert await ask_all(lanes, 1000) == [f"c{number}" for number in range(1000)]
        assert sum(server.trips) == 1000
        assert len(server.trips) == lanes.round_trips <= 1000 // MOST_TOGETHER + MOST_LANES
        rounds = -(-len(server.trips) // MOST_LANES)
        assert asyncio.get_running_loop().time() == pytest.approx(rounds * DEADLINE_S * 0.9)

    simulate(main())


def test_where_nothing_is_answered_everybody_hears_so_when_the_first_does() -> None:
    async def main() -> None:
        lanes = lanes_to(Server(lambda _: 3600.0))
        assert {type(each) for each in await ask_all(lanes, 1000)} == {TimeoutError}
        assert asyncio.get_running_loop().time() == pytest.approx(DEADLINE_S)

    simulate(main())


def test_one_connection_that_hangs_costs_only_those_who_travelled_on_it() -> None:
    async def main() -> None:
        server = Server(lambda number: 3600.0 if number == 0 else 0.01)
        found = await ask_all(lanes_to(server), 1000)
        assert [type(each) for each in found].count(TimeoutError) == server.trips[0] == MOST_TOGETHER

    simulate(main())


def test_what_a_connection_lost_is_asked_once_more() -> None:
    async def main() -> None:
        server = Server(lambda number: RedisConnectionError("gone") if number == 0 else 0.0)
        assert await ask_all(lanes_to(server), 3) == ["c0", "c1", "c2"]
        again = Server(lambda _: RedisConnectionError("gone"))
        assert {type(each) for each in await ask_all(lanes_to(again), 3)} == {RedisConnectionError}
        assert again.trips == [3, 3]
        loading = Server(lambda _: BusyLoadingError("loading"))
        assert {type(each) for each in await ask_all(lanes_to(loading), 3)} == {BusyLoadingError}
        assert loading.trips == [3]

    simulate(main())


def test_an_error_is_for_who_asked_for_it() -> None:
    async def main() -> None:
        lanes = lanes_to(Server())
        good, bad = await asyncio.gather(lanes.ask("good"), lanes.ask("bad"), return_exceptions=True)
        assert good == "good"
        assert isinstance(bad, ResponseError)

    simulate(main())


def test_who_left_is_not_asked_for_and_keeps_nobody_from_an_answer() -> None:
    async def main() -> None:
        server = Server(lambda _: 0.1)
        lanes = lanes_to(server)
        leaving = [asyncio.create_task(lanes.ask(f"x{number}")) for number in range(MOST_LANES * MOST_TOGETHER + 5)]
        staying = asyncio.create_task(lanes.ask("stays"))
        await asyncio.sleep(0.05)
        for each in leaving:
            each.cancel()
        assert await staying == "stays"
        assert server.trips[-1] == 1
        assert len(server.trips) == MOST_LANES + 1

    simulate(main())
