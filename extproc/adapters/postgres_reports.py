"""What the ledger in Postgres says in sums. Each answer is one snapshot: all of it is of the same moment.

Rows are added up once, as finely as the answer needs (``cells``, in parallel where Postgres can), and these sums are
added up again for groups, time, price versions and the total. ``model.reports`` says what the figures mean.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

from extproc.adapters.postgres_pool import Connection, Pool, Row, ask
from extproc.model.money import MicroUsd
from extproc.model.reports import Column, Figures, PromptAnswer, PromptSums, Question, Sums, Value

_SUMS = {
    "requests": "count(*)",
    "answered": "count(*) filter (where outcome = 'answered')",
    "cached": "count(*) filter (where outcome = 'cached')",
    "refused": "count(*) filter (where outcome = 'refused')",
    "failed": "count(*) filter (where outcome = 'failed')",
    "abandoned": "count(*) filter (where outcome = 'abandoned')",
    "blocked": "count(*) filter (where outcome = 'refused' and refusal = any (%(blocking)s))",
    "failovers": "count(*) filter (where attempts > 1)",
    "estimated": "count(*) filter (where flags && '{estimated,abandoned_estimate}')",
    "unpriced": "count(*) filter (where flags && '{unpriced}')",
    "input_tokens": "sum(input_tokens)",
    "cached_tokens": "sum(cached_tokens)",
    "output_tokens": "sum(output_tokens)",
    "reasoning_tokens": "sum(reasoning_tokens)",
    "micro_usd": "sum(micro_usd)",
    "estimated_micro_usd": "sum(micro_usd) filter (where flags && '{estimated,abandoned_estimate}')",
    "saved_micro_usd": "sum(saved_micro_usd)",
}
_NAMES = tuple(_SUMS)
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
    with spent as materialized (
        select organisation, team, project, tags, input_tokens, cached_tokens, micro_usd from ledger {_WHERE}
    ), sets as (
        select tags, array(select distinct t from unnest(tags) t order by t) as names
          from (select distinct tags from spent) d
    )
    select null, null, null, null, 0, null, null, 0, 0, coalesce(sum(micro_usd), 0) from spent
    union all
    select * from (
        select organisation, team, project, names, count(*), percentile_disc(array[0.5, 0.95])
               within group (order by input_tokens), max(input_tokens), sum(input_tokens), sum(cached_tokens),
               sum(micro_usd)
          from spent join sets using (tags)
         where input_tokens > 0
         group by organisation, team, project, names) g
"""  # noqa: S608 - our own condition
_SNAPSHOT = """
    select now(), (select coalesce(sum(unwritten), 0) from ledger_writers)
"""


@dataclass(frozen=True, slots=True)
class PostgresReports:
    """Sums of the ledger."""

    pool: Pool
    limit_s: float = 300.0

    async def spend(self, question: Question) -> Sums:
        """The sums that are asked for.

        Raises:
            Unavailable: Postgres failed, or was not done within the limit.
        """
        return await ask(self.limit_s, self._spend(question))

    async def prompts(self, question: Question) -> PromptAnswer:
        """How long prompts are, by project and tags; the question's columns and buckets do not matter.

        Raises:
            Unavailable: Postgres failed, or was not done within the limit.
        """
        return await ask(self.limit_s, self._prompts(question))

    async def _spend(self, question: Question) -> Sums:
        async with self._snapshot() as connection:
            as_of, unwritten = await _first(connection)
            cursor = await connection.execute(_statement(question), _values(question))
            rows = await cursor.fetchall()
        return _read(question, as_of, unwritten, rows)

    async def _prompts(self, question: Question) -> PromptAnswer:
        async with self._snapshot() as connection:
            as_of, _ = await _first(connection)
            (total, *groups) = await (await connection.execute(_PROMPTS, _values(question))).fetchall()
        return PromptAnswer(as_of, MicroUsd(int(total[-1])), tuple(_read_prompts(row) for row in groups))

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[Connection]:
        async with self.pool.connection() as connection, connection.transaction():
            await connection.execute("set transaction isolation level repeatable read, read only")
            # A report reads much once: room to add up in memory, and no compiling for it.
            await connection.execute("set local work_mem = '64MB'")
            await connection.execute("set local jit = off")
            yield connection


def _statement(question: Question) -> str:
    values = [_EXPRESSIONS[column] for column in question.columns]
    names = [*(f"c{place}" for place in range(len(values))), "bucket", "price_version"]
    finest = ", ".join(
        f"{value} as {name}" for value, name in zip([*values, _BUCKET, "price_version"], names, strict=True)
    )
    sums = ", ".join(f"{_SUMS[name]} as {name}" for name in _NAMES)
    again = ", ".join(f"coalesce(sum({name}), 0)" for name in _NAMES)
    every = ", ".join(names)
    groups = ", ".join(names[:-2])
    sets = f"({groups}), (bucket), (price_version), ()" if values else "(bucket), (price_version), ()"
    grouping = f"grouping({names[0]})" if values else "1"
    ordinals = ", ".join(str(place + 1) for place in range(len(names)))
    return f"""
        with cells as materialized (select {finest}, {sums} from ledger {_WHERE} group by {ordinals})
        select {grouping}, grouping(bucket), grouping(price_version), {every}, {again}
          from cells group by grouping sets ({sets})
    """  # noqa: S608 - our own names and expressions only


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


def _read(question: Question, as_of: datetime, unwritten: int, rows: list[Row]) -> Sums:
    count = len(question.columns)
    total = Figures()
    groups: list[tuple[tuple[Value, ...], Figures]] = []
    series: list[tuple[int, Figures]] = []
    versions: list[tuple[str, Figures]] = []
    for not_group, not_bucket, not_version, *rest in rows:
        figures = _read_figures(rest[count + 2 :])
        if not not_group:
            groups.append((tuple(map(_read_value, question.columns, rest, [question] * count)), figures))
        elif not not_bucket:
            series.append((rest[count], figures))
        elif not not_version:
            versions.append((rest[count + 1], figures))
        else:
            total = figures
    if not count and total.requests:
        groups.append(((), total))
    named = tuple((question.buckets[place - 1].name, figures) for place, figures in sorted(series, key=lambda e: e[0]))
    return Sums(as_of, unwritten, total, tuple(groups), named, tuple(sorted(versions, key=lambda each: each[0])))


def _read_figures(sums: list[Any]) -> Figures:
    return Figures(**{name: int(value) for name, value in zip(_NAMES, sums, strict=True)})  # type: ignore[arg-type]


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
