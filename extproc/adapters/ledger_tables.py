"""The ledger's tables in Postgres: what is asked of them, each in one statement.

The rules are in ``migrations/0003_ledger.sql`` to ``0007_verdicts.sql``: a row changes only by a merge, and the sums
change with it.
``postgres_ledger`` writes in the background, ``operations.ledger`` looks after what is there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from extproc.adapters.ledger_rows import read_row, write_row
from extproc.adapters.postgres_pool import DEPENDENCY, Pool, Row, ask
from extproc.model.ids import ExchangeId
from extproc.model.ledger import Adjustment, LedgerRow, Writer, merge_all
from extproc.model.limits import Baseline, Charge, Rank, Settlement
from extproc.model.refusals import Unavailable

RECENT_S = 3600.0
"""As long as ``redis_budgets.KEEP_S``: no settlement is told again later than that."""

_BASELINE_S = 2.0
"""A request may be waiting for it."""

_BASELINES = """
    select wanted.part, coalesce(t.amount, 0), r.exchanges, r.amounts
      from unnest(%(parts)s::text[]) as wanted (part)
      left join ledger_totals t on t.organisation = %(organisation)s and t.part = wanted.part
     cross join lateral (
           select array_agg(exchange) as exchanges, array_agg(amount) as amounts
             from (select distinct on (exchange) exchange, amount
                     from ledger_recent
                    where organisation = %(organisation)s and part = wanted.part
                      and written_at > now() - make_interval(secs => %(recent_s)s)
                    order by exchange, id desc) latest) r
"""
_ADJUST = """
    insert into ledger_adjustments (id, organisation, part, unit, amount, reason, actor, approval)
    values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict (id) do nothing
"""
_COUNTED = "select part, amount from ledger_totals where organisation = %s and part = any (%s::text[])"
_SEEN = """
    insert into ledger_writers (id, unwritten, seen_at) values (%s, %s, clock_timestamp())
        on conflict (id) do update set unwritten = excluded.unwritten, seen_at = excluded.seen_at
"""
_WRITERS = "select id, unwritten, extract(epoch from now() - seen_at)::float8 from ledger_writers order by id"
_BILLED = """
    select to_jsonb(l.*) from ledger l
     where dialect = %(dialect)s and provider_request_id <> ''
       and (provider_request_id = any (%(ids)s::text[])
            or (started_at >= to_timestamp(%(from_s)s) and started_at < to_timestamp(%(to_s)s)))
"""
_RECENT = """
    select exchange, organisation, rank, input_tokens + output_tokens as tokens, to_jsonb(charges),
           cardinality(freed)
      from ledger
     where written_at > now() - make_interval(secs => %(since_s)s) and cardinality(charges) > 0
     union all
    select id, organisation, 2, 0,
           jsonb_build_array(jsonb_build_object('part', part, 'amount', amount, 'generation', '')), 0
      from ledger_adjustments
     where at > now() - make_interval(secs => %(since_s)s)
"""


class RowRefused(ValueError):  # noqa: N818 - reads as a claim
    """Postgres will never take one of these rows."""


@dataclass(frozen=True, slots=True)
class LedgerTables:
    """``Baselines``, ``Recent`` and ``LedgerBook``; each call is bounded by ``limit_s``."""

    pool: Pool
    limit_s: float = 5.0

    async def write(self, rows: Sequence[LedgerRow]) -> tuple[LedgerRow, ...]:
        """Merge these into the ledger, all of them or none; the rows as they are afterwards.

        Raises:
            Unavailable: they are not known to be there; write them again.
            RowRefused: one of them cannot be stored; none is.
        """
        if not rows:
            return ()
        values = Jsonb([write_row(row) for row in merge_all(rows)])
        found = await self._ask("select * from ledger_append(%s)", (values,))
        return tuple(read_row(row[0]) for row in found)

    async def baselines(self, organisation: str, parts: Sequence[str]) -> Mapping[str, Baseline]:
        """See ``Baselines``: one statement, hence one snapshot."""
        values = {"organisation": organisation, "parts": list(parts), "recent_s": RECENT_S}
        limit_s = min(self.limit_s, _BASELINE_S)
        return {
            part: Baseline(int(used), tuple(zip(map(ExchangeId, exchanges or ()), amounts or (), strict=True)))
            for part, used, exchanges, amounts in await self._ask(_BASELINES, values, limit_s=limit_s)
        }

    async def adjust(self, adjustment: Adjustment) -> None:
        """See ``LedgerBook``."""
        each = adjustment
        values = (each.id, each.organisation, each.part, each.unit.value, each.amount)
        await self._ask(_ADJUST, (*values, each.reason, each.actor, each.approval), has_rows=False)

    async def counted(self, organisation: str, parts: Sequence[str]) -> Mapping[str, int]:
        """See ``LedgerBook``."""
        return {part: int(amount) for part, amount in await self._ask(_COUNTED, (organisation, list(parts)))}

    async def retain(self, first_kept: date) -> tuple[str, ...]:
        """See ``LedgerBook``."""
        return tuple(row[0] for row in await self._ask("select * from ledger_retain(%s)", (first_kept,)))

    async def months(self) -> tuple[date, ...]:
        """See ``LedgerBook``."""
        return tuple(row[0] for row in await self._ask("select distinct month from ledger order by month", ()))

    async def billed(
        self, dialect: str, provider_request_ids: Sequence[str], from_s: float, to_s: float
    ) -> tuple[LedgerRow, ...]:
        """See ``LedgerBook``."""
        values = {"dialect": dialect, "ids": list(provider_request_ids), "from_s": from_s, "to_s": to_s}
        return tuple(read_row(row[0]) for row in await self._ask(_BILLED, values))

    async def recent(self, since_s: float) -> tuple[Settlement, ...]:
        """See ``Recent``; adjustments among them, under their own ids."""
        return tuple(
            Settlement(
                reservation=ExchangeId(exchange),
                organisation=organisation,
                charges=tuple(Charge(each["part"], each["amount"], each["generation"]) for each in charges),
                buckets=(),
                tokens=tokens,
                rank=Rank(rank),
                freed=freed,
            )
            for exchange, organisation, rank, tokens, charges, freed in await self._ask(_RECENT, {"since_s": since_s})
        )

    async def tell_writer(self, writer: str, unwritten: int) -> None:
        """Let it be known that a writer lives, and how many rows it has that are not here.

        Raises:
            Unavailable
        """
        await self._ask(_SEEN, (writer, unwritten), has_rows=False)

    async def forget_writer(self, writer: str) -> None:
        """It is gone, and has left nothing.

        Raises:
            Unavailable
        """
        await self._ask("delete from ledger_writers where id = %s", (writer,), has_rows=False)

    async def writers(self) -> tuple[Writer, ...]:
        """See ``LedgerBook``."""
        return tuple(Writer(*row) for row in await self._ask(_WRITERS, ()))

    async def _ask(self, query: str, values: Any, *, has_rows: bool = True, limit_s: float | None = None) -> list[Row]:
        try:
            return await ask(limit_s or self.limit_s, self._execute(query, values, has_rows=has_rows))
        except (psycopg.DataError, psycopg.IntegrityError) as problem:
            # Its message may quote the row.
            raise RowRefused(type(problem).__name__) from None
        except psycopg.errors.UndefinedFunction as problem:
            raise Unavailable(DEPENDENCY, "the schema is not up to date; run `extproc migrate`") from problem
        except psycopg.Error as problem:
            raise Unavailable(DEPENDENCY, type(problem).__name__) from problem

    async def _execute(self, query: str, values: Any, *, has_rows: bool) -> list[Row]:
        async with self.pool.connection() as connection:
            cursor = await connection.execute(query.encode(), values)
            return await cursor.fetchall() if has_rows else []
