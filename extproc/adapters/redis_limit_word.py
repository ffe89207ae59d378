"""Word that limits changed, over Redis publish/subscribe: the new version, as a decimal number, on one channel."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import structlog
from redis.asyncio import Redis

from extproc.adapters.redis_channel import RedisChannel

CHANNEL = "extproc:limits"
_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class RedisLimitWord:
    """LimitWord."""

    redis: Redis

    async def publish(self, version: int) -> None:
        """See ``LimitWord``."""
        await self._channel().publish(version)

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[int]]:
        """See ``LimitWord``."""
        return self._channel().subscribe()

    def _channel(self) -> RedisChannel[int]:
        return RedisChannel(self.redis, CHANNEL, str, _read)


def _read(data: bytes | str) -> int | None:
    """The version, or None for what is none: anybody who reaches Redis can publish."""
    text = data.decode("ascii", "replace") if isinstance(data, bytes) else data
    if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS:
        return int(text)
    structlog.get_logger("extproc.limits").warning("word_unreadable", size_bytes=len(data))
    return None
