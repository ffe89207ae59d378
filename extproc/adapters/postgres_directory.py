"""The virtual keys in Postgres as workers ask for them: by digest.

Workers ask through ``key_cache`` and follow ``postgres_feed``; operators change keys through ``postgres_keys``.
"""

from dataclasses import dataclass

from extproc.adapters.postgres_pool import Pool, Row, ask
from extproc.model.identity import VirtualKey
from extproc.model.ids import KeyId, ModelName, OrganisationId, ProjectId, TeamId

KEY_COLUMNS = """
    k.id, k.organisation, k.team, k.project, k.environment, k.owner, k.tags, k.allowed_models,
    extract(epoch from k.created_at)::float8, extract(epoch from k.expires_at)::float8,
    extract(epoch from k.revoked_at)::float8, k.hint
"""
_FIND = f"select {KEY_COLUMNS} from virtual_keys k where k.digest = %s"  # noqa: S608 - our own column list


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
    """Directory."""

    pool: Pool
    limit_s: float = 1.0
    """How long one answer may take, the wait for a connection included."""

    async def find(self, digest: bytes) -> VirtualKey | None:
        """See ``Directory``."""
        return await ask(self.limit_s, self._find(digest))

    async def _find(self, digest: bytes) -> VirtualKey | None:
        async with self.pool.connection() as connection:
            row = await (await connection.execute(_FIND, (digest,))).fetchone()
        return None if row is None else read_key(row)
