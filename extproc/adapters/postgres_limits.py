"""The limits in Postgres: every change with its row of the admin log, or not at all; and what workers read of them.

Whoever changes limits holds one lock for it: what was read under the lock is so until the commit, and a plan that was
made on something else is refused. The rules that must hold whoever writes are triggers, in ``migrations``.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from extproc.adapters.postgres_pool import DEPENDENCY, Connection, LoneConnection, Pool, Row, ask, check_dsn
from extproc.model.keys import AdminEntry, Deed
from extproc.model.limit_definition import DefinitionInvalid, read_limit, write_limit
from extproc.model.limit_records import LimitChange, LimitConflict, LimitProblem, LimitSet, Source, StoredLimit
from extproc.model.limits import LimitId
from extproc.model.refusals import Unavailable

_LOCK = "select pg_advisory_xact_lock(hashtext('extproc.limits'))"
_HEAD = "select coalesce(max(version), 0) from limits"
# The definition as text: it is read in a thread, ten thousand of them would hold up requests.
_ROW = "l.id, l.definition::text, l.source, l.version, extract(epoch from l.changed_at)::float8, l.is_active"
# One statement each, so the head and the rows are one snapshot.
_ALL = f"""
    with head as ({_HEAD}) select head.coalesce, {_ROW} from head left join limits l on true order by l.id
"""  # noqa: S608 - our own column list
_CHANGED = f"""
    with head as ({_HEAD}) select head.coalesce, {_ROW} from head left join limits l on l.version > %s order by l.id
"""  # noqa: S608 - same
_SOME = f"select {_ROW} from limits l where l.id = any(%s)"  # noqa: S608 - same
_LOG = """
    insert into admin_log (actor, action, subject, approval, detail)
    select %(actor)s, item ->> 'action', item ->> 'subject', %(approval)s, item -> 'detail'
      from jsonb_array_elements(%(items)s) with ordinality as items (item, number) order by number
    returning seq, subject
"""
_SET = """
    insert into limits as l (id, organisation, definition, source, version, is_active)
    select item ->> 'id', item ->> 'organisation', item -> 'definition', item ->> 'source',
           (item ->> 'version')::bigint, (item ->> 'is_active')::boolean
      from jsonb_array_elements(%s) as items (item)
    on conflict (id) do update
       set organisation = excluded.organisation, definition = excluded.definition, source = excluded.source,
           version = excluded.version, is_active = excluded.is_active, changed_at = clock_timestamp()
"""
_HISTORY = """
    select seq, extract(epoch from at)::float8, actor, approval, action, subject, detail
      from admin_log where subject = %s order by seq
"""
_BELATED = "limits were changed by somebody else since this was planned; look at what there is now, and plan again"


@dataclass(frozen=True, slots=True)
class PostgresLimits:
    """LimitStore."""

    pool: Pool
    limit_s: float = 30.0
    """Ten thousand changes at once are a second's work."""

    async def read(self) -> LimitSet:
        """See ``LimitStore``."""
        return await ask(self.limit_s, self._read())

    async def change(self, changes: Sequence[LimitChange], deed: Deed, *, base: int | None = None) -> int:
        """See ``LimitStore``."""
        return await ask(self.limit_s, self._change(changes, deed, base))

    async def history(self, identity: LimitId) -> tuple[AdminEntry, ...]:
        """See ``LimitStore``."""
        return await ask(self.limit_s, self._history(identity))

    async def _read(self) -> LimitSet:
        async with self.pool.connection() as connection:
            return _read_set(await (await connection.execute(_ALL)).fetchall())

    async def _history(self, identity: LimitId) -> tuple[AdminEntry, ...]:
        async with self.pool.connection() as connection:
            rows = await (await connection.execute(_HISTORY, (_subject(identity),))).fetchall()
        return tuple(
            AdminEntry(seq, at_s, Deed(actor, approval), action, subject, tuple(sorted(detail.items())))
            for seq, at_s, actor, approval, action, subject, detail in rows
        )

    async def _change(self, changes: Sequence[LimitChange], deed: Deed, base: int | None) -> int:
        async with _transaction(self.pool) as connection:
            await connection.execute(_LOCK)
            head = await _one(connection, _HEAD)
            if base is not None and base != head:
                raise LimitConflict(_BELATED)
            identities = [change.id for change in changes]
            rows = await (await connection.execute(_SOME, (identities,))).fetchall()
            before = {stored.limit.id: stored for stored in map(_read_stored, rows)}
            for change in changes:
                if change.expected != (before[change.id].version if change.id in before else 0):
                    raise LimitConflict(_BELATED)
            if not changes:
                return head
            items = [_item(change, before.get(change.id)) for change in changes]
            values = {"actor": deed.actor, "approval": deed.approval, "items": Jsonb(items)}
            logged = await (await connection.execute(_LOG, values)).fetchall()
            versions: dict[str, int] = {subject: seq for seq, subject in logged}
            await connection.execute(_SET, (Jsonb([item | {"version": versions[item["subject"]]} for item in items]),))
            return max(versions.values())


class PostgresLimitFeed(LoneConnection):
    """LimitFeed, for one asker at a time. Made by ``open_limit_feed``."""

    async def limits_since(self, version: int | None) -> LimitSet:
        """See ``LimitFeed``."""
        if version is None:
            return await asyncio.to_thread(_read_set, await self.fetch(_ALL, ()))
        ((head,),) = await self.fetch(_HEAD, ())
        if head == version:
            return LimitSet(head, (), is_whole=False)
        if head < version:
            # The database was set back: what is remembered is of another history.
            return await asyncio.to_thread(_read_set, await self.fetch(_ALL, ()))
        return await asyncio.to_thread(_read_set, await self.fetch(_CHANGED, (version,)), is_whole=False)


@asynccontextmanager
async def open_limit_feed(dsn: str, limit_s: float = 5.0) -> AsyncIterator[PostgresLimitFeed]:
    """A feed that connects when it is first asked; closed on leaving. Raises Unavailable for an unreadable DSN."""
    check_dsn(dsn)
    feed = PostgresLimitFeed(dsn, limit_s)
    try:
        yield feed
    finally:
        await feed.close()


@asynccontextmanager
async def _transaction(pool: Pool) -> AsyncIterator[Connection]:
    """One transaction; what the schema forbids becomes a LimitProblem."""
    try:
        async with pool.connection() as connection, connection.transaction():
            await connection.execute("set local lock_timeout = '5s'")
            yield connection
    except psycopg.IntegrityError as problem:
        raise LimitProblem(f"the schema refuses this: {problem.diag.message_primary}") from problem
    except psycopg.errors.RaiseException as problem:
        raise LimitProblem(f"{problem.diag.message_primary}") from problem


async def _one(connection: Connection, query: Any) -> int:
    row = await (await connection.execute(query)).fetchone()
    if row is None:
        raise TypeError("an aggregate gave no row")
    found: int = row[0]
    return found


def _item(change: LimitChange, before: StoredLimit | None) -> dict[str, Any]:
    limit = change.limit
    if limit is None:
        if before is None:
            raise LimitProblem(f"limit {change.id} does not exist; `extproc budgets list` shows those that do")
        limit = before.limit
    definition = write_limit(limit)
    told = {} if change.limit is None else {"definition": _as_text(definition)}
    if before is not None and before.is_active:
        told["before"] = _as_text(write_limit(before.limit))
    return {
        "id": change.id,
        "organisation": limit.scope.organisation,
        "definition": definition,
        "source": change.source.value,
        "is_active": change.limit is not None,
        "subject": _subject(change.id),
        "action": "limit.remove" if change.limit is None else "limit.set",
        "detail": {"source": change.source.value, **told},
    }


def _subject(identity: LimitId) -> str:
    return f"limit:{identity}"


def _as_text(definition: Mapping[str, object]) -> str:
    return json.dumps(definition, ensure_ascii=False)


def _read_set(rows: Sequence[Row], *, is_whole: bool = True) -> LimitSet:
    found = tuple(_read_stored(row[1:]) for row in rows if row[1] is not None)
    return LimitSet(rows[0][0], found, is_whole)


def _read_stored(row: Row) -> StoredLimit:
    identity, definition, source, version, changed_at_s, is_active = row
    try:
        return StoredLimit(
            read_limit(identity, json.loads(definition)), Source(source), version, changed_at_s, is_active
        )
    except (DefinitionInvalid, ValueError):
        raise Unavailable(
            DEPENDENCY, f"this version does not know limits such as {identity}: install a newer one"
        ) from None
