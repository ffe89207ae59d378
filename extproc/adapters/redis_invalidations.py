"""Word that a key changed, over Redis publish/subscribe: one JSON object on one channel.

Redis keeps nothing for who is not listening, so a lost connection is a lost message: ``key_cache`` polls as well.
"""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import structlog
from redis.asyncio import Redis

from extproc.adapters.redis_channel import RedisChannel
from extproc.model.ids import KeyId
from extproc.model.keys import KeyChange

CHANNEL = "extproc:keys"


@dataclass(frozen=True, slots=True)
class RedisInvalidations:
    """Invalidations."""

    redis: Redis

    async def publish(self, change: KeyChange) -> None:
        """See ``Invalidations``."""
        await self._channel().publish(change)

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[KeyChange]]:
        """See ``Invalidations``."""
        return self._channel().subscribe()

    def _channel(self) -> RedisChannel[KeyChange]:
        return RedisChannel(self.redis, CHANNEL, _write, _read)


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
