"""What the ledger in Postgres says in sums. Each answer is one snapshot: all of it is of the same moment.

Rows are added up twice: by time and price version, which is where the total is from, and by what the question tells
them apart by. So the groups can be held against a total that they are not made of. ``model.reports`` says what the
figures mean.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import psycopg

from extproc.adapters.postgres_adjustments import COLUMNS, read_adjustment
from extproc.adapters.postgres_pool import DEPENDENCY, Connection, Pool, Row, ask
from extproc.adapters.postgres_verdicts import read_verdicts
from extproc.model.money import MicroUsd
from extproc.model.refusals import Unavailable
from extproc.model.reports import Column, Figures, GuardAnswer, PromptAnswer, PromptSums, Question, Sums, Value, add

T = TypeVar("T")
_SUMS = {
    "requests": "count(*)",
    "answered": "count(*) filter (where outcome = 'answered')",
    "cached": "count(*) filter (where outcome = 'cached')",
    "refused": "count(*) filter (where outcome = 'refused')",
    "failed": "count(*) filter (where outcome = 'failed')",
    "abandoned": "count(*) filter (where outcome = 'abandoned')",
    "blocked": "count(*) filter (where outcome = 'refused' and refusal = any (%(blocking)s))",
    "failovers": "count(*) filter (where attempts > 1)",
    "estimated": "count(*) filter (where flags && '{estimated,abandoned_estimate,unanswered_attempts}')",
    "unpriced": "count(*) filter (where flags && '{unpriced}')",
    "input_tokens": "sum(input_tokens)",
    "cached_tokens": "sum(cached_tokens)",
    "output_tokens": "sum(output_tokens)",
    "reasoning_tokens": "sum(reasoning_tokens)",
    "micro_usd": "sum(micro_usd)",
    "estimated_micro_usd": (
        "sum(case when flags && '{estimated,abandoned_estimate}' then micro_usd else unanswered_micro_usd end)"
    ),
    "saved_micro_usd": "sum(saved_micro_usd)",
}
_BUCKET = "width_bucket(started_at, %(buckets)s::timestamptz[])"
_EXPRESSIONS = {
    Column.ORGANISATION: "organisation",
    Column.TEAM: "team",
    Column.PROJECT: "project",
    Column.KEY: "key_id",
    Column.MODEL: "model",
    Column.DEPLOYMENT: "deployment",
    Column.USER: "end_user",
    Column.TAGS: "tags",
    Column.TIME: _BUCKET,
}
# The month narrows it to partitions. A row may lie in its neighbour's: see ledger_append.
_WHERE = """
    where month between %(first_month)s and %(last_month)s
      and started_at >= %(starts_at)s and started_at < %(ends_at)s
      and (%(organisation)s = '' or organisation = %(organisation)s)
"""
_PROMPTS = f"""
    with sets as materialized (
        select tags, array(select distinct t from unnest(tags) t order by t) as names
          from (select tags from ledger {_WHERE} group by tags) d
    )
    select null, null, null, null, 0, null, null, 0, 0, coalesce(sum(micro_usd), 0) from ledger {_WHERE}
    union all
    select * from (
        select organisation, team, project, names, count(*), percentile_disc(array[0.5, 0.95])
               within group (order by input_tokens), max(input_tokens), sum(input_tokens), sum(cached_tokens),
               sum(micro_usd)
          from ledger join sets using (tags) {_WHERE} and input_tokens > 0
         group by organisation, team, project, names) g
"""  # noqa: S608 - our own condition
_EVERY_SUM = ", ".join(f"coalesce({each}, 0)" for each in _SUMS.values())
_CELLS = f"select {_BUCKET}, price_version, {_EVERY_SUM} from ledger {_WHERE} group by 1, 2"  # noqa: S608 - same
_SNAPSHOT = """
    select now(), (select coalesce(sum(unwritten), 0) from ledger_writers)
"""
_ADJUSTMENTS = f"""
    select {COLUMNS} from spend_adjustments
     where applies_at >= %(starts_at)s and applies_at < %(ends_at)s
       and (%(organisation)s = '' or organisation = %(organisation)s)
     order by applies_at, id
"""  # noqa: S608 - our own words only
_KEYS = """
    select id, organisation || '/' || team || '/' || project || ' (' || environment || ', ' || owner || ')'
      from virtual_keys where id = any (%s::text[])
"""


@dataclass(frozen=True, slots=True)
class PostgresReports:
    """Sums of the ledger."""

    pool: Pool
    limit_s: float = 300.0

    async def spend(self, question: Question) -> Sums:
        """The sums that are asked for.

        Raises:
            Unavailable: Postgres failed, was not done within the limit, or does not let this role read what is asked.
        """
        return await _permitted(ask(self.limit_s, self._spend(question)))

    async def prompts(self, question: Question) -> PromptAnswer:
        """How long prompts are, by project and tags; the question's columns and buckets do not matter.

        Raises:
            Unavailable: as of ``spend``.
        """
        return await _permitted(ask(self.limit_s, self._prompts(question)))

    async def guard(self, question: Question) -> GuardAnswer:
        """What the firewall came to; the question's columns and buckets do not matter.

        Raises:
            Unavailable: as of ``spend``.
        """
        return await _permitted(ask(self.limit_s, self._guard(question)))

    async def _guard(self, question: Question) -> GuardAnswer:
        async with self._snapshot() as connection:
            as_of, _ = await _first(connection)
            return await read_verdicts(connection, _values(question), as_of)

    async def _spend(self, question: Question) -> Sums:
        values = _values(question)
        async with self._snapshot() as connection:
            as_of, unwritten = await _first(connection)
            # There are far fewer groups than Postgres expects of expressions: it would sort the whole month for them.
            await connection.execute("set local enable_sort = off")
            cells = await (await connection.execute(_CELLS.encode(), values)).fetchall()
            groups = await (await connection.execute(_groups(question).encode(), values)).fetchall()
            adjustments = await (await connection.execute(_ADJUSTMENTS.encode(), values)).fetchall()
            keys = await _names_of_keys(connection, question, groups)
        return replace(
            _read(question, as_of, unwritten, cells, groups),
            adjustments=tuple(map(read_adjustment, adjustments)),
            keys=keys,
        )

    async def _prompts(self, question: Question) -> PromptAnswer:
        async with self._snapshot() as connection:
            as_of, _ = await _first(connection)
            (total, *groups) = await (await connection.execute(_PROMPTS.encode(), _values(question))).fetchall()
        return PromptAnswer(as_of, MicroUsd(int(total[-1])), tuple(_read_prompts(row) for row in groups))

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[Connection]:
        async with self.pool.connection() as connection, connection.transaction():
            await connection.execute("set transaction isolation level repeatable read, read only")
            # A report reads much once: room to add up in memory, and no compiling for it.
            await connection.execute("set local work_mem = '64MB'")
            await connection.execute("set local jit = off")
            yield connection


async def _permitted(work: Awaitable[T]) -> T:
    try:
        return await work
    except psycopg.errors.InsufficientPrivilege:
        raise Unavailable(DEPENDENCY, "this role may not read all that a report needs: see docs/reports.md") from None


async def _names_of_keys(connection: Connection, question: Question, groups: list[Row]) -> tuple[tuple[str, str], ...]:
    if Column.KEY not in question.columns:
        return ()
    place = question.columns.index(Column.KEY)
    ids = sorted({row[place] for row in groups})
    return tuple((row[0], row[1]) for row in await (await connection.execute(_KEYS.encode(), (ids,))).fetchall())


def _groups(question: Question) -> str:
    columns = [_EXPRESSIONS[column] for column in question.columns]
    ordinals = ", ".join(str(place + 1) for place in range(len(columns)))
    by = f"group by {ordinals}" if columns else "having count(*) > 0"
    return f"select {', '.join([*columns, _EVERY_SUM])} from ledger {_WHERE} {by}"  # noqa: S608 - our own words only


def _values(question: Question) -> dict[str, Any]:
    return {
        "first_month": _month(question.starts_at, -1),
        "last_month": _month(question.ends_at, 1),
        "starts_at": question.starts_at,
        "ends_at": question.ends_at,
        "organisation": question.organisation,
        "blocking": sorted(question.blocking),
        "buckets": [bucket.starts_at for bucket in question.buckets],
    }


def _month(moment: datetime, later: int) -> date:
    """The first day of the month before or after the one that the moment is in, UTC."""
    first = moment.astimezone(UTC).date().replace(day=1)
    return (first + timedelta(days=32) if later > 0 else first - timedelta(days=1)).replace(day=1)


async def _first(connection: Connection) -> tuple[datetime, int]:
    row = await (await connection.execute(_SNAPSHOT)).fetchone()
    if row is None:
        raise TypeError("a select without a table gave no row")
    return row[0], int(row[1])


def _read(question: Question, as_of: datetime, unwritten: int, cells: list[Row], groups: list[Row]) -> Sums:
    count = len(question.columns)
    series: dict[int, list[Figures]] = defaultdict(list)
    versions: dict[str, list[Figures]] = defaultdict(list)
    for bucket, version, *sums in cells:
        figures = _read_figures(sums)
        series[bucket].append(figures)
        versions[version].append(figures)
    return Sums(
        as_of=as_of,
        unwritten=unwritten,
        total=add(*(figures for each in series.values() for figures in each)),
        groups=tuple(
            (
                tuple(
                    _read_value(column, value, question) for column, value in zip(question.columns, row, strict=False)
                ),
                _read_figures(row[count:]),
            )
            for row in groups
        ),
        series=tuple((question.buckets[place - 1].name, add(*each)) for place, each in sorted(series.items())),
        price_versions=tuple((version, add(*each)) for version, each in sorted(versions.items())),
    )


def _read_figures(sums: Sequence[Any]) -> Figures:
    # By position: ``_SUMS`` has the order of the fields.
    return Figures(*map(int, sums))  # type: ignore[arg-type]


def _read_value(column: Column, value: Any, question: Question) -> Value:
    match column:
        case Column.TIME:
            return question.buckets[int(value) - 1].name
        case Column.TAGS:
            return tuple(value)
        case _:
            return str(value)


def _read_prompts(row: Row) -> PromptSums:
    organisation, team, project, tags, requests, (p50, p95), most, input_tokens, cached_tokens, micro_usd = row
    return PromptSums(
        organisation, team, project, tuple(tags), requests, p50, p95, most, int(input_tokens), int(cached_tokens),
        MicroUsd(int(micro_usd)),
    )  # fmt: skip


if tuple(_SUMS) != tuple(each.name for each in fields(Figures)):
    raise TypeError("a figure has no sum")
