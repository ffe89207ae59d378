"""One Redis client for a process: a bounded pool whose callers wait their turn, and no hidden retries.

``redis_invalidations`` and ``redis_tally`` ask through it. redis-py's default pool raises beyond 100 connections, which
looks like an outage; a blocking pool waits.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from extproc.model.secret import Secret


@asynccontextmanager
async def open_redis(url: str, password: Secret | None = None, *, most_connections: int = 16) -> AsyncIterator[Redis]:
    """A client that connects when it is first asked; closed on leaving. Await it under ``asyncio.timeout`` only.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``, without a password.
        password: of the default user; None when Redis asks for none.
        most_connections: a subscription holds one for as long as it lasts.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        password=None if password is None else password.reveal(),
        max_connections=most_connections,
        timeout=1.0,
        # Every caller sets a deadline of its own. With one here redis-py writes through asyncio.wait_for, which in
        # Python 3.11 may swallow a cancellation that comes as the write ends: a background task then never stops.
        socket_timeout=None,
        socket_connect_timeout=1.0,
        # A retry inside the client would re-subscribe in silence, and what was published meanwhile would be missed
        # without anybody noticing.
        retry=Retry(NoBackoff(), 0),
    )
    client = Redis(connection_pool=pool)
    try:
        yield client
    finally:
        await client.aclose()
        await pool.disconnect()
