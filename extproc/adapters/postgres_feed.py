"""What was done to keys, read from the admin log. Followed by ``key_cache``.

It has a connection of its own: a flood of unknown keys that keeps the whole pool busy must not delay a revocation, and
the pool's growing pauses between attempts to reconnect would break the promise of one second.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from extproc.adapters.postgres_directory import KEY_COLUMNS, read_key
from extproc.adapters.postgres_pool import LoneConnection, check_dsn
from extproc.model.keys import Changes

_MOST_CHANGES = 1000
_HEAD = "select coalesce(max(seq), 0) from admin_log"
# One statement, so head and keys are one snapshot. A change of something else than a key moves only the head: applying
# ten thousand limits at once is no reason to forget keys.
_CHANGES = f"""
    with head as (select coalesce(max(seq), 0) as seq from admin_log),
         changed as (select distinct subject from admin_log
                      where seq > %(seq)s and subject like 'key\\_%%' limit {_MOST_CHANGES} + 1)
    select head.seq, (select count(*) from changed), {KEY_COLUMNS}
      from head left join (changed join virtual_keys k on k.id = changed.subject) on true
"""  # noqa: S608 - our own column list


class PostgresFeed(LoneConnection):
    """ChangeFeed, for one asker at a time. Made by ``open_feed``."""

    async def changes_since(self, seq: int | None) -> Changes:
        """See ``ChangeFeed``."""
        rows = await self.fetch(_HEAD if seq is None else _CHANGES, {"seq": seq})
        head = rows[0][0]
        if seq is None:
            return Changes(head, (), is_whole=True)
        keys = tuple(read_key(row[2:]) for row in rows if row[2] is not None)
        return Changes(head, keys, is_whole=seq <= head and rows[0][1] <= _MOST_CHANGES)


@asynccontextmanager
async def open_feed(dsn: str, limit_s: float = 0.9) -> AsyncIterator[PostgresFeed]:
    """A feed that connects when it is first asked; closed on leaving. Raises Unavailable for an unreadable DSN."""
    check_dsn(dsn)
    feed = PostgresFeed(dsn, limit_s)
    try:
        yield feed
    finally:
        await feed.close()
