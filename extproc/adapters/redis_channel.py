"""Word to whoever listens, over Redis publish/subscribe: one message on one channel.

Redis keeps nothing for who is not listening, so a lost connection is a lost message: whoever listens polls as well.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from extproc.model.refusals import Unavailable

T = TypeVar("T")

_DEPENDENCY = "redis"
_DEADLINE_S = 1.0
_SILENCE_S = 1.0
"""After so long without a word the connection is asked whether it still lives."""


@dataclass(frozen=True, slots=True)
class RedisChannel(Generic[T]):
    """One channel, and how its messages are written and read."""

    redis: Redis
    name: str
    write: Callable[[T], str]
    read: Callable[[bytes | str], T | None]
    """None for what is no message: anybody who reaches Redis can publish."""

    async def publish(self, said: T) -> None:
        """Tell whoever listens now.

        Raises:
            Unavailable: nobody was told.
        """
        try:
            async with asyncio.timeout(_DEADLINE_S):
                await self.redis.publish(self.name, self.write(said))
        except (RedisError, OSError, TimeoutError) as problem:
            raise Unavailable(_DEPENDENCY, type(problem).__name__) from problem

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[T]]:
        """Entered once subscribed: what is published from then on arrives, until the connection is lost.

        Raises:
            Unavailable: on entering or while iterating.
        """
        subscription = self.redis.pubsub()
        try:
            try:
                async with asyncio.timeout(_DEADLINE_S):
                    await subscription.subscribe(self.name)
                    # Published from here on arrives: Redis has confirmed.
                    await _next_message(subscription, _DEADLINE_S)
            except (RedisError, OSError, TimeoutError) as problem:
                raise Unavailable(_DEPENDENCY, type(problem).__name__) from problem
            yield self._listen(subscription)
        finally:
            await _close(subscription)

    async def _listen(self, subscription: PubSub) -> AsyncIterator[T]:
        is_asked = False
        while True:
            try:
                message = await _next_message(subscription, _SILENCE_S)
                if message is None:
                    if is_asked:
                        raise Unavailable(_DEPENDENCY, "the connection is dead")
                    async with asyncio.timeout(_DEADLINE_S):
                        await subscription.ping()
                    is_asked = True
                    continue
            except (RedisError, OSError, TimeoutError) as problem:
                raise Unavailable(_DEPENDENCY, type(problem).__name__) from problem
            is_asked = False
            if message["type"] == "subscribe":
                raise Unavailable(_DEPENDENCY, "the client subscribed anew, so messages may have been missed")
            if message["type"] == "message" and (said := self.read(message["data"])) is not None:
                yield said


async def _next_message(subscription: PubSub, limit_s: float) -> dict[str, Any] | None:
    # get_message bounds the wait for the first byte of a message only.
    async with asyncio.timeout(limit_s + _DEADLINE_S):
        message: dict[str, Any] | None = await subscription.get_message(timeout=limit_s)
        return message


async def _close(subscription: PubSub) -> None:
    try:
        async with asyncio.timeout(_DEADLINE_S):
            await subscription.aclose()  # type: ignore[no-untyped-call]  # redis-py leaves it unannotated
    except (RedisError, OSError, TimeoutError):
        return  # it was given up anyway
