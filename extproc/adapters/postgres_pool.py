"""Connections to Postgres, and the rule that nobody waits for it longer than they meant to.

``postgres_directory`` and ``postgres_keys`` ask through this file; ``postgres_migrate`` makes the schema.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from extproc.model.refusals import Unavailable

T = TypeVar("T")
Row = tuple[Any, ...]
Connection = psycopg.AsyncConnection[Row]
Pool = AsyncConnectionPool[Connection]

DEPENDENCY = "postgres"
_ABANDON_S = 0.2


@asynccontextmanager
async def open_pool(dsn: str, *, most_connections: int = 4, most_waiting: int = 64) -> AsyncIterator[Pool]:
    """A pool that is usable at once and connects when Postgres answers; closed on leaving.

    Args:
        dsn: libpq URL or keywords.
        most_connections: the bulkhead: a flood of unknown keys gets no more of Postgres than this.
        most_waiting: how many wait for one of them; whoever comes later is told Unavailable at once.

    Raises:
        Unavailable: the DSN cannot be read.
    """
    check_dsn(dsn)
    # The pool warns at every attempt to reconnect; whoever asks is told Unavailable and logs the outage once.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    pool: Pool = AsyncConnectionPool(
        dsn,
        min_size=1,
        max_size=most_connections,
        max_waiting=most_waiting,
        timeout=2.0,
        max_idle=60.0,
        reconnect_timeout=5.0,
        num_workers=1,
        # Without it the first askers after a restart of Postgres would each get a dead connection.
        check=AsyncConnectionPool.check_connection,
        kwargs={"autocommit": True, "connect_timeout": 2, "application_name": "extproc"},
        open=False,
    )
    await pool.open(wait=False)
    try:
        yield pool
    finally:
        await pool.close(timeout=1.0)


class LoneConnection:
    """A connection of one asker's own: no flood that keeps a pool busy delays it, and it comes back at once."""

    def __init__(self, dsn: str, limit_s: float) -> None:
        self._dsn = dsn
        self._limit_s = limit_s
        self._connection: Connection | None = None

    async def fetch(self, query: Any, values: Any) -> list[Row]:
        """Every row of the answer.

        Raises:
            Unavailable: Postgres failed or did not answer in time.
        """
        try:
            return await ask(self._limit_s, self._fetch(query, values))
        except Unavailable:
            await self.close()
            raise

    async def close(self) -> None:
        """Give the connection up; the next question makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _fetch(self, query: Any, values: Any) -> list[Row]:
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(
                self._dsn, autocommit=True, connect_timeout=2, application_name="extproc-feed"
            )
        return await (await self._connection.execute(query, values)).fetchall()


def check_dsn(dsn: str) -> None:
    """Raise Unavailable if libpq could never connect with this; the DSN is not repeated, it may hold a password."""
    try:
        conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        raise Unavailable(DEPENDENCY, "the DSN is not a libpq URL or a list of keywords") from None


async def ask(limit_s: float, work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``, within the limit and whatever state Postgres is in.

    Raises:
        Unavailable: Postgres failed or did not answer in time.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=limit_s)
    except asyncio.CancelledError:
        await _abandon(task)
        raise
    if not done:
        await _abandon(task)
        raise Unavailable(DEPENDENCY, f"no answer in {limit_s:g} s")
    try:
        return task.result()
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as problem:
        raise Unavailable(DEPENDENCY, "the schema is not up to date; run `extproc migrate`") from problem
    except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError) as problem:
        # Only the kind of failure: a server's message may quote what it was sent.
        reason = "no connection" if isinstance(problem, PoolTimeout) else type(problem).__name__
        raise Unavailable(DEPENDENCY, reason) from problem


async def _abandon(task: asyncio.Future[Any]) -> None:
    """Give a task up within a moment.

    Cancelled once, psycopg asks the server to stop and waits up to 10 s for it (``AsyncConnection.wait``); a server
    that hangs never does. Cancelled a second time it closes the connection.
    """
    for _ in range(2):
        task.cancel()
        done, _pending = await asyncio.wait({task}, timeout=_ABANDON_S)
        if done:
            break
    if task.done() and not task.cancelled():
        task.exception()  # looked at, so that asyncio does not report it as forgotten
