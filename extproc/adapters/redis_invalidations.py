"""Word that a key changed, over Redis publish/subscribe: one JSON object on one channel.

Redis keeps nothing for who is not listening, so a lost connection is a lost message: ``key_cache`` polls as well.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from extproc.model.ids import KeyId
from extproc.model.keys import KeyChange
from extproc.model.refusals import Unavailable

CHANNEL = "extproc:keys"
_DEPENDENCY = "redis"
_DEADLINE_S = 1.0
_SILENCE_S = 1.0
"""After so long without a word the connection is asked whether it still lives."""


@dataclass(frozen=True, slots=True)
class RedisInvalidations:
    """Invalidations."""

    redis: Redis

    async def publish(self, change: KeyChange) -> None:
        """See ``Invalidations``."""
        try:
            async with asyncio.timeout(_DEADLINE_S):
                await self.redis.publish(CHANNEL, _write(change))
        except (RedisError, OSError, TimeoutError) as problem:
            raise Unavailable(_DEPENDENCY, type(problem).__name__) from problem

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[KeyChange]]:
        """See ``Invalidations``."""
        subscription = self.redis.pubsub()
        try:
            try:
                async with asyncio.timeout(_DEADLINE_S):
                    await subscription.subscribe(CHANNEL)
                    # Published from here on arrives: Redis has confirmed.
                    await _next_message(subscription, _DEADLINE_S)
            except (RedisError, OSError, TimeoutError) as problem:
                raise Unavailable(_DEPENDENCY, type(problem).__name__) from problem
            yield _listen(subscription)
        finally:
            await _close(subscription)


async def _listen(subscription: PubSub) -> AsyncIterator[KeyChange]:
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
        if message["type"] == "message" and (change := _read(message["data"])) is not None:
            yield change


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


def _write(change: KeyChange) -> str:
    return json.dumps({"seq": change.seq, "key": change.key, "revoked_at_s": change.revoked_at_s})


def _read(data: bytes | str) -> KeyChange | None:
    """The change, or None for what is none: anybody who reaches Redis can publish."""
    try:
        said = json.loads(data)
        revoked_at_s = said["revoked_at_s"]
        return KeyChange(
            int(said["seq"]), KeyId(str(said["key"])), None if revoked_at_s is None else float(revoked_at_s)
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        structlog.get_logger("extproc.keys").warning("invalidation_unreadable", size_bytes=len(data))
        return None
