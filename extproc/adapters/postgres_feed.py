"""What was done to keys, read from the admin log. Followed by ``key_cache``.

It has a connection of its own: a flood of unknown keys that keeps the whole pool busy must not delay a revocation, and
the pool's growing pauses between attempts to reconnect would break the promise of one second.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from extproc.adapters.postgres_directory import KEY_COLUMNS, read_key
from extproc.adapters.postgres_pool import Connection, Row, ask, check_dsn
from extproc.model.keys import Changes
from extproc.model.refusals import Unavailable

_MOST_CHANGES = 1000
_HEAD = "select coalesce(max(seq), 0) from admin_log"
# One statement, so head and keys are one snapshot. A change of something else than a key moves only the head.
_CHANGES = f"""
    with head as (select coalesce(max(seq), 0) as seq from admin_log),
         changed as (select distinct subject from admin_log where seq > %(seq)s and seq <= %(seq)s + {_MOST_CHANGES})
    select head.seq, {KEY_COLUMNS}
      from head left join (changed join virtual_keys k on k.id = changed.subject) on true
"""  # noqa: S608 - our own column list


class PostgresFeed:
    """ChangeFeed, for one asker at a time. Made by ``open_feed``."""

    def __init__(self, dsn: str, limit_s: float) -> None:
        self._dsn = dsn
        self._limit_s = limit_s
        self._connection: Connection | None = None

    async def changes_since(self, seq: int | None) -> Changes:
        """See ``ChangeFeed``."""
        try:
            rows = await ask(self._limit_s, self._fetch(_HEAD if seq is None else _CHANGES, {"seq": seq}))
        except Unavailable:
            await self.close()
            raise
        head = rows[0][0]
        if seq is None:
            return Changes(head, (), is_whole=True)
        keys = tuple(read_key(row[1:]) for row in rows if row[1] is not None)
        return Changes(head, keys, is_whole=seq <= head <= seq + _MOST_CHANGES)

    async def close(self) -> None:
        """Give the connection up; the next question makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _fetch(self, query: Any, values: dict[str, int | None]) -> list[Row]:
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(
                self._dsn, autocommit=True, connect_timeout=2, application_name="extproc-feed"
            )
        return await (await self._connection.execute(query, values)).fetchall()


@asynccontextmanager
async def open_feed(dsn: str, limit_s: float = 0.9) -> AsyncIterator[PostgresFeed]:
    """A feed that connects when it is first asked; closed on leaving. Raises Unavailable for an unreadable DSN."""
    check_dsn(dsn)
    feed = PostgresFeed(dsn, limit_s)
    try:
        yield feed
    finally:
        await feed.close()
