"""Many callers, few round trips: commands that wait at the same time travel together.

    caller ──┐              ┌── lane ── one write, so many answers
    caller ──┼── queue ─────┤
    caller ──┘              └── lane

One command on one connection makes five hundred callers at once wait for thirty round trips of sixteen connections, and
the last of them take that for a Redis that does not answer. Here the time limit is that of a round trip, from when it
begins: who waits for a turn learns nothing about Redis. Where a round trip takes too long and no other one was
answered meanwhile, nobody is left to wait. Read next: ``redis_functions`` for what is said.
"""

import asyncio
import math
from collections import deque
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import BusyLoadingError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError

Command = tuple[str | float, ...]
Asked = tuple[Command, asyncio.Future[Any]]

MOST_LANES = 4
"""Connections; the pool has more, for what others ask."""
MOST_TOGETHER = 64
"""Commands of one round trip: as long as a function of ours takes, a few milliseconds in all."""


class RedisLanes:
    """Idempotent commands to one Redis: what a connection lost is asked once more, within the same limit."""

    def __init__(self, redis: Redis, deadline_s: float) -> None:
        """``deadline_s`` is for each round trip, retry included."""
        self._redis = redis
        self._deadline_s = deadline_s
        self._queue: deque[Asked] = deque()
        self._lanes: set[asyncio.Task[None]] = set()
        self._answered_at_s = -math.inf
        self.round_trips = 0
        """Made so far."""

    async def ask(self, *command: str | float) -> Any:
        """What Redis answers.

        Raises:
            RedisError, OSError, TimeoutError: as the client says it; nothing is known of what was done.
        """
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.append((command, answer))
        if len(self._lanes) < MOST_LANES:
            lane = asyncio.create_task(self._run())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)
        return await answer

    async def _run(self) -> None:
        while batch := self._take():
            try:
                await self._travel(batch)
            finally:
                # Of a lane that was stopped, or met a bug.
                for _, answer in batch:
                    answer.cancel()

    def _take(self) -> list[Asked]:
        batch: list[Asked] = []
        while self._queue and len(batch) < MOST_TOGETHER:
            asked = self._queue.popleft()
            if not asked[1].done():  # else its caller has left
                batch.append(asked)
        return batch

    async def _travel(self, batch: Sequence[Asked]) -> None:
        began_s = asyncio.get_running_loop().time()
        self.round_trips += 1
        try:
            async with asyncio.timeout(self._deadline_s):
                try:
                    answers = await self._execute(batch)
                except BusyLoadingError:
                    raise
                except (RedisConnectionError, OSError):
                    answers = await self._execute(batch)
        except TimeoutError:
            is_silent = self._answered_at_s <= began_s
            _fail([*batch, *(self._queue if is_silent else ())], TimeoutError)
        except (RedisError, OSError) as error:
            _fail(batch, type(error))
        else:
            self._answered_at_s = asyncio.get_running_loop().time()
            for (_, answer), said in zip(batch, answers, strict=True):
                if answer.done():
                    continue
                if isinstance(said, Exception):
                    answer.set_exception(said)
                else:
                    answer.set_result(said)

    async def _execute(self, batch: Sequence[Asked]) -> list[Any]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for command, _ in batch:
                pipeline.execute_command(*command)
            return await pipeline.execute(raise_on_error=False)


def _fail(batch: Sequence[Asked], error: type[Exception]) -> None:
    for _, answer in batch:
        if not answer.done():
            # Each its own: an exception collects the stack of everybody who raises it.
            answer.set_exception(error())
