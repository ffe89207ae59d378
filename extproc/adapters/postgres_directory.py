"""The virtual keys in Postgres as workers ask for them: by digest, and what changed since.

Workers ask through ``key_cache``; operators through ``postgres_keys``.
"""

from dataclasses import dataclass
from typing import Any

from extproc.adapters.postgres_pool import Pool, Row, ask
from extproc.model.identity import VirtualKey
from extproc.model.ids import KeyId, ModelName, OrganisationId, ProjectId, TeamId
from extproc.model.keys import Changes

KEY_COLUMNS = """
    k.id, k.organisation, k.team, k.project, k.environment, k.owner, k.tags, k.allowed_models,
    extract(epoch from k.created_at)::float8, extract(epoch from k.expires_at)::float8,
    extract(epoch from k.revoked_at)::float8, k.hint
"""
_FIND = f"select {KEY_COLUMNS} from virtual_keys k where k.digest = %s"  # noqa: S608 - our own column list
_HEAD = "select coalesce(max(seq), 0) from admin_log"
# One statement, so head and keys are one snapshot. A change of something else than a key yields only its seq.
_CHANGES = f"""
    with head as (select coalesce(max(seq), 0) as seq from admin_log),
         changed as (select distinct subject from admin_log where seq > %(seq)s and seq <= %(seq)s + %(most)s)
    select head.seq, {KEY_COLUMNS}
      from head left join (changed join virtual_keys k on k.id = changed.subject) on true
"""  # noqa: S608 - same
_MOST_CHANGES = 1000


def read_key(row: Row) -> VirtualKey:
    """A key from a row of ``KEY_COLUMNS``."""
    identity, organisation, team, project, environment, owner, tags, models, created, expires, revoked, hint = row
    return VirtualKey(
        id=KeyId(identity),
        organisation=OrganisationId(organisation),
        team=TeamId(team),
        project=ProjectId(project),
        environment=environment,
        owner=owner,
        allowed_models=None if models is None else frozenset(ModelName(model) for model in models),
        tags=tuple(tags),
        created_at_s=created,
        expires_at_s=expires,
        revoked_at_s=revoked,
        hint=hint,
    )


@dataclass(frozen=True, slots=True)
class PostgresDirectory:
    """Directory and ChangeFeed. Both only read."""

    pool: Pool
    limit_s: float = 1.0
    """How long one answer may take, the wait for a connection included."""

    async def find(self, digest: bytes) -> VirtualKey | None:
        """See ``Directory``."""
        rows = await ask(self.limit_s, self._fetch(_FIND, (digest,)))
        return read_key(rows[0]) if rows else None

    async def changes_since(self, seq: int | None) -> Changes:
        """See ``ChangeFeed``."""
        if seq is None:
            ((head,),) = await ask(self.limit_s, self._fetch(_HEAD, None))
            return Changes(head, (), is_whole=True)
        rows = await ask(self.limit_s, self._fetch(_CHANGES, {"seq": seq, "most": _MOST_CHANGES}))
        head = rows[0][0]
        keys = tuple(read_key(row[1:]) for row in rows if row[1] is not None)
        return Changes(head, keys, is_whole=seq <= head <= seq + _MOST_CHANGES)

    async def _fetch(self, query: Any, values: Any) -> list[Row]:
        async with self.pool.connection() as connection:
            return await (await connection.execute(query, values)).fetchall()
