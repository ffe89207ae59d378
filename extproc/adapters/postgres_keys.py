"""The virtual keys in Postgres as operators change them: every change with its row of the admin log, or not at all.

The rules that must hold whoever writes (a revocation is final, the log is append-only) are triggers, in ``migrations``.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psycopg
from psycopg.types.json import Jsonb

from extproc.adapters.postgres_directory import KEY_COLUMNS, read_key
from extproc.adapters.postgres_pool import Connection, Pool, ask
from extproc.model.identity import VirtualKey
from extproc.model.ids import KeyId
from extproc.model.keys import (
    AdminEntry,
    Deed,
    KeyChange,
    KeyFile,
    KeyFilter,
    KeyProblem,
    NewKey,
    describe_project,
)

_INSERT = """
    insert into virtual_keys (id, digest, organisation, team, project, environment, owner, tags, allowed_models,
                              created_at, expires_at, revoked_at, rotated_from, hint)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s, to_timestamp(%s), to_timestamp(%s), to_timestamp(%s), %s, %s)
"""
_LOG = "insert into admin_log (actor, action, subject, approval, detail) values (%s, %s, %s, %s, %s) returning seq"
_ONE = f"select {KEY_COLUMNS} from virtual_keys k where k.id = %s"  # noqa: S608 - our own column list
_MANY = f"""
    select {KEY_COLUMNS} from virtual_keys k
     where (%(organisation)s::text is null or k.organisation = %(organisation)s)
       and (%(team)s::text is null or k.team = %(team)s)
       and (%(project)s::text is null or k.project = %(project)s)
       and (%(environment)s::text is null or k.environment = %(environment)s)
       and (%(owner)s::text is null or k.owner = %(owner)s)
       and (%(tag)s::text is null or %(tag)s = any (k.tags))
       and (%(live)s::float8 is null
            or (coalesce(k.expires_at > to_timestamp(%(live)s), true)
                and coalesce(k.revoked_at > to_timestamp(%(live)s), true)))
     order by k.created_at, k.id
"""  # noqa: S608 - same
_HISTORY = """
    select seq, extract(epoch from at)::float8, actor, approval, action, subject, detail
      from admin_log where subject = %s order by seq
"""


@dataclass(frozen=True, slots=True)
class PostgresKeys:
    """KeyStore."""

    pool: Pool
    limit_s: float = 5.0

    async def add(self, new: NewKey, deed: Deed, *, may_create_project: bool) -> KeyChange:
        """See ``KeyStore``."""
        return await ask(self.limit_s, self._add(new, deed, may_create_project=may_create_project))

    async def list(self, which: KeyFilter) -> tuple[VirtualKey, ...]:
        """See ``KeyStore``."""
        return await ask(self.limit_s, self._list(which))

    async def show(self, key: KeyId) -> KeyFile:
        """See ``KeyStore``."""
        return await ask(self.limit_s, self._show(key))

    async def replace(self, old: KeyId, revoked_at_s: float, new: NewKey, deed: Deed) -> tuple[KeyChange, KeyChange]:
        """See ``KeyStore``."""
        return await ask(self.limit_s, self._replace(old, revoked_at_s, new, deed))

    async def revoke(self, key: KeyId, revoked_at_s: float, deed: Deed) -> KeyChange:
        """See ``KeyStore``."""
        return await ask(self.limit_s, self._revoke(key, revoked_at_s, deed))

    async def _add(self, new: NewKey, deed: Deed, *, may_create_project: bool) -> KeyChange:
        async with self._change() as connection:
            if may_create_project:
                await _create_project(connection, new.key, deed)
            try:
                await _insert(connection, new, rotated_from=None)
            except psycopg.errors.ForeignKeyViolation as problem:
                project = describe_project(new.key.organisation, new.key.team, new.key.project)
                raise KeyProblem(f"project {project} does not exist; add --create to make it") from problem
            return await _log_mint(connection, new.key, deed, {})

    async def _list(self, which: KeyFilter) -> tuple[VirtualKey, ...]:
        values = {
            "organisation": which.organisation,
            "team": which.team,
            "project": which.project,
            "environment": which.environment,
            "owner": which.owner,
            "tag": which.tag,
            "live": which.live_at_s,
        }
        async with self.pool.connection() as connection:
            return tuple(read_key(row) for row in await (await connection.execute(_MANY, values)).fetchall())

    async def _show(self, key: KeyId) -> KeyFile:
        async with self.pool.connection() as connection, connection.transaction():
            found = await _get(connection, key)
            rows = await (await connection.execute(_HISTORY, (key,))).fetchall()
        history = tuple(
            AdminEntry(seq, at_s, Deed(actor, approval), action, subject, tuple(sorted(detail.items())))
            for seq, at_s, actor, approval, action, subject, detail in rows
        )
        return KeyFile(found, history)

    async def _replace(self, old: KeyId, revoked_at_s: float, new: NewKey, deed: Deed) -> tuple[KeyChange, KeyChange]:
        async with self._change() as connection:
            before = await _get(connection, old, for_update=True)
            if before.revoked_at_s is not None:
                raise KeyProblem(f"key {old} is already revoked; mint a new one")
            await _insert(connection, new, rotated_from=old)
            await _set_revoked(connection, old, revoked_at_s)
            detail = {"successor": new.key.id, "revoked_at_s": f"{revoked_at_s:.3f}"}
            seq = await _log(connection, deed, "key.rotate", old, detail)
            return KeyChange(seq, old, revoked_at_s), await _log_mint(connection, new.key, deed, {"rotated_from": old})

    async def _revoke(self, key: KeyId, revoked_at_s: float, deed: Deed) -> KeyChange:
        async with self._change() as connection:
            before = await _get(connection, key, for_update=True)
            if before.revoked_at_s is not None and before.revoked_at_s <= revoked_at_s:
                raise KeyProblem(f"key {key} is already revoked")
            await _set_revoked(connection, key, revoked_at_s)
            seq = await _log(connection, deed, "key.revoke", key, {"revoked_at_s": f"{revoked_at_s:.3f}"})
            return KeyChange(seq, key, revoked_at_s)

    @asynccontextmanager
    async def _change(self) -> AsyncIterator[Connection]:
        """One transaction; what the schema forbids becomes a KeyProblem."""
        try:
            async with self.pool.connection() as connection, connection.transaction():
                await connection.execute("set local lock_timeout = '2s'")
                yield connection
        except psycopg.IntegrityError as problem:
            raise KeyProblem(f"the schema refuses this: {problem.diag.message_primary}") from problem
        except psycopg.errors.RaiseException as problem:
            raise KeyProblem(f"{problem.diag.message_primary}") from problem


async def _get(connection: Connection, key: KeyId, *, for_update: bool = False) -> VirtualKey:
    query = _ONE + (" for update" if for_update else "")
    row = await (await connection.execute(query, (key,))).fetchone()
    if row is None:
        raise KeyProblem(f"key {key} does not exist; `extproc keys list` shows those that do")
    return read_key(row)


async def _insert(connection: Connection, new: NewKey, rotated_from: KeyId | None) -> None:
    key = new.key
    await connection.execute(
        _INSERT,
        (
            key.id,
            new.digest,
            key.organisation,
            key.team,
            key.project,
            key.environment,
            key.owner,
            list(key.tags),
            None if key.allowed_models is None else sorted(key.allowed_models),
            key.created_at_s,
            key.expires_at_s,
            key.revoked_at_s,
            rotated_from,
            key.hint,
        ),
    )


async def _set_revoked(connection: Connection, key: KeyId, revoked_at_s: float) -> None:
    await connection.execute("update virtual_keys set revoked_at = to_timestamp(%s) where id = %s", (revoked_at_s, key))


async def _create_project(connection: Connection, key: VirtualKey, deed: Deed) -> None:
    values = {"organisation": key.organisation, "team": key.team, "project": key.project}
    await connection.execute("insert into organisations (id) values (%(organisation)s) on conflict do nothing", values)
    await connection.execute(
        "insert into teams (organisation, id) values (%(organisation)s, %(team)s) on conflict do nothing", values
    )
    created = await connection.execute(
        "insert into projects (organisation, team, id) values (%(organisation)s, %(team)s, %(project)s)"
        " on conflict do nothing",
        values,
    )
    if created.rowcount:
        await _log(connection, deed, "project.create", describe_project(key.organisation, key.team, key.project), {})


async def _log_mint(connection: Connection, key: VirtualKey, deed: Deed, extra: Mapping[str, str]) -> KeyChange:
    detail = {
        "project": describe_project(key.organisation, key.team, key.project),
        "environment": key.environment,
        "owner": key.owner,
        "models": "*" if key.allowed_models is None else ", ".join(sorted(key.allowed_models)),
        "expires_at_s": "never" if key.expires_at_s is None else f"{key.expires_at_s:.3f}",
        **extra,
    }
    return KeyChange(await _log(connection, deed, "key.mint", key.id, detail), key.id, key.revoked_at_s)


async def _log(connection: Connection, deed: Deed, action: str, subject: str, detail: Mapping[str, str]) -> int:
    cursor = await connection.execute(_LOG, (deed.actor, action, subject, deed.approval, Jsonb(dict(detail))))
    row = await cursor.fetchone()
    if row is None:
        raise TypeError("insert … returning gave no row")
    seq: int = row[0]
    return seq
