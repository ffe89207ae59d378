"""Adjustments of spend in Postgres; the rules are in ``migrations/0006_spend_adjustments.sql``."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from extproc.adapters.postgres_pool import DEPENDENCY, Pool, Row, ask
from extproc.model.adjustments import AdjustmentProblem, SpendAdjustment
from extproc.model.money import MicroUsd
from extproc.model.refusals import Unavailable

COLUMNS = """
    id, extract(epoch from applies_at)::float8, organisation, micro_usd, reason, actor, approval, team, project, key_id,
    model, deployment, parts
"""
_FIND = f"select {COLUMNS} from spend_adjustments where id = %s"  # noqa: S608 - our own words only


@dataclass(frozen=True, slots=True)
class PostgresAdjustments:
    """``Adjustments``."""

    pool: Pool
    limit_s: float = 30.0

    async def make(self, adjustment: SpendAdjustment) -> bool:
        """See ``Adjustments``."""
        try:
            rows = await self._ask("select ledger_adjust(%s)", (Jsonb(_write(adjustment)),))
        except psycopg.errors.UniqueViolation:
            raise AdjustmentProblem(f"there is another adjustment with the id {adjustment.id}") from None
        except (psycopg.DataError, psycopg.IntegrityError) as problem:
            raise AdjustmentProblem(f"Postgres does not take it: {type(problem).__name__}") from None
        return bool(rows[0][0])

    async def find(self, identity: str) -> SpendAdjustment | None:
        """See ``Adjustments``."""
        rows = await self._ask(_FIND, (identity,))
        return read_adjustment(rows[0]) if rows else None

    async def _ask(self, query: str, values: Any) -> list[Row]:
        try:
            return await ask(self.limit_s, self._execute(query, values))
        except psycopg.errors.UndefinedFunction as problem:
            raise Unavailable(DEPENDENCY, "the schema is not up to date; run `extproc migrate`") from problem
        except psycopg.errors.InsufficientPrivilege as problem:
            raise Unavailable(DEPENDENCY, "this role may not make adjustments") from problem

    async def _execute(self, query: str, values: Any) -> list[Row]:
        async with self.pool.connection() as connection:
            return await (await connection.execute(query.encode(), values)).fetchall()


def read_adjustment(row: Row) -> SpendAdjustment:
    """One row of ``COLUMNS``."""
    identity, at_s, organisation, micro_usd, reason, actor, approval, team, project, key, model, deployment, parts = row
    return SpendAdjustment(
        identity, at_s, organisation, MicroUsd(micro_usd), reason, actor, approval, team, project, key, model,
        deployment, tuple(parts),
    )  # fmt: skip


def _write(each: SpendAdjustment) -> dict[str, object]:
    return {
        "id": each.id,
        "applies_at": datetime.fromtimestamp(each.at_s, UTC).isoformat(),
        "organisation": each.organisation,
        "team": each.team,
        "project": each.project,
        "key_id": each.key,
        "model": each.model,
        "deployment": each.deployment,
        "micro_usd": int(each.micro_usd),
        "parts": list(each.parts),
        "reason": each.reason,
        "actor": each.actor,
        "approval": each.approval,
    }
