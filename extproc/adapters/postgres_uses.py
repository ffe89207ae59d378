"""Which keys use which models and deployments, in Postgres. ``use_journal`` counts, ``extproc models usage`` reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from extproc.adapters.postgres_directory import KEY_COLUMNS, read_key
from extproc.adapters.postgres_pool import Pool, Row, ask
from extproc.model.ids import DeploymentName, KeyId, ModelName
from extproc.model.uses import Count, KeyUse, Use, UseFilter

_ADD = """
    insert into model_uses (day, key_id, model, deployment, requests, last_used_at)
    select day, key_id, model, deployment, requests, to_timestamp(last_used_s)
      from unnest(%s::date[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::float8[])
           as new (day, key_id, model, deployment, requests, last_used_s)
        on conflict (day, key_id, model, deployment) do update
       set requests = model_uses.requests + excluded.requests,
           last_used_at = greatest(model_uses.last_used_at, excluded.last_used_at)
"""
_LIST = f"""
    select {KEY_COLUMNS}, u.key_id, u.model, u.deployment, u.requests, extract(epoch from u.last_used_at)::float8
      from (select key_id, model, deployment, sum(requests)::bigint as requests, max(last_used_at) as last_used_at
              from model_uses
             where day >= %(since)s
               and (%(models)s::text[] is null or model = any (%(models)s::text[]))
               and (%(deployments)s::text[] is null or deployment = any (%(deployments)s::text[]))
             group by key_id, model, deployment) u
      left join virtual_keys k on k.id = u.key_id
     order by u.last_used_at desc, u.key_id, u.model, u.deployment
"""  # noqa: S608 - our own column list


@dataclass(frozen=True, slots=True)
class PostgresUses:
    """UseStore."""

    pool: Pool
    limit_s: float = 2.0

    async def add(self, counts: Mapping[Use, Count]) -> None:
        """See ``UseStore``."""
        if counts:
            await ask(self.limit_s, self._add(counts))

    async def list(self, which: UseFilter) -> tuple[KeyUse, ...]:
        """See ``UseStore``."""
        return await ask(self.limit_s, self._list(which))

    async def _add(self, counts: Mapping[Use, Count]) -> None:
        # All workers lock rows in the same order, so that two of them cannot wait for each other.
        ordered = sorted(counts.items(), key=lambda each: (each[0].day, each[0].key, each[0].model, each[0].deployment))
        columns = (
            [use.day for use, _ in ordered],
            [use.key for use, _ in ordered],
            [use.model for use, _ in ordered],
            [use.deployment for use, _ in ordered],
            [count.requests for _, count in ordered],
            [count.last_used_at_s for _, count in ordered],
        )
        async with self.pool.connection() as connection:
            await connection.execute(_ADD, columns)

    async def _list(self, which: UseFilter) -> tuple[KeyUse, ...]:
        values: dict[str, Any] = {
            "since": which.since,
            "models": sorted(which.models) or None,
            "deployments": sorted(which.deployments) or None,
        }
        async with self.pool.connection() as connection:
            rows = await (await connection.execute(_LIST, values)).fetchall()
        return tuple(_read(row) for row in rows)


def _read(row: Row) -> KeyUse:
    *key, key_id, model, deployment, requests, last_used_at_s = row
    return KeyUse(
        key_id=KeyId(key_id),
        key=None if key[0] is None else read_key(tuple(key)),
        model=ModelName(model),
        deployment=DeploymentName(deployment),
        count=Count(requests, last_used_at_s),
    )
