"""Sums of the ledger, against rows that are added up one by one."""

import re
import statistics
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extproc.adapters.ledger_tables import LedgerTables
from extproc.adapters.postgres_adjustments import PostgresAdjustments
from extproc.adapters.postgres_keys import PostgresKeys
from extproc.adapters.postgres_pool import open_pool
from extproc.adapters.postgres_reports import PostgresReports
from extproc.model.exchange import Usage
from extproc.model.ids import ExchangeId
from extproc.model.keys import Deed, NewKey
from extproc.model.ledger import LedgerRow
from extproc.model.refusals import Unavailable
from extproc.model.reports import Column, Figures, PromptAnswer, Question, Sums, Value
from extproc.operations.periods import Period, days_of
from extproc.operations.reports import BLOCKING
from tests.contracts.test_adjustments import CREDIT
from tests.samples import make_key
from tests.spend_rows import NOON, naive, spend_row, spend_rows, store

OCTOBER_IN_BERLIN = Period(
    datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 11, 1, 23, tzinfo=UTC), "Europe/Berlin"
)


def question(period: Period, *columns: Column, organisation: str = "") -> Question:
    return Question(period.starts_at, period.ends_at, columns, days_of(period), BLOCKING, organisation)


def around(at: datetime = NOON, *columns: Column, organisation: str = "") -> Question:
    period = Period(at - timedelta(days=1), at + timedelta(days=1), "UTC")
    return question(period, *columns, organisation=organisation)


async def spend(dsn: str, asked: Question) -> Sums:
    async with open_pool(dsn, most_connections=1) as pool:
        return await PostgresReports(pool, limit_s=30.0).spend(asked)


async def prompts(dsn: str, asked: Question) -> PromptAnswer:
    async with open_pool(dsn, most_connections=1) as pool:
        return await PostgresReports(pool, limit_s=30.0).prompts(asked)


def value(row: LedgerRow, column: Column) -> Value:
    match column:
        case Column.KEY:
            return row.key
        case Column.USER:
            return row.user
        case Column.TIME:
            return f"{datetime.fromtimestamp(row.started_at_s, ZoneInfo('Europe/Berlin')):%Y-%m-%d}"
        case _:
            found: Value = getattr(row, column.value)
            return found


def grouped(rows: Sequence[LedgerRow], columns: Sequence[Column]) -> dict[tuple[Value, ...], Figures]:
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(value(row, column) for column in columns)].append(row)
    return {values: naive(found) for values, found in groups.items()}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=spend_rows,
    columns=st.lists(st.sampled_from(Column), unique=True, max_size=9).map(tuple),
    organisation=st.sampled_from(["", "acme", "nobody"]),
)
async def test_every_sum_is_that_of_the_rows_added_up_one_by_one(
    postgres_dsn: str, rows: list[LedgerRow], columns: tuple[Column, ...], organisation: str
) -> None:
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        for statement in (
            "alter table ledger disable trigger all",
            "truncate ledger",
            "alter table ledger enable trigger all",
        ):
            connection.execute(statement.encode())
    await store(postgres_dsn, rows)
    period = OCTOBER_IN_BERLIN
    within = [
        row
        for row in rows
        if period.starts_at.timestamp() <= row.started_at_s < period.ends_at.timestamp()
        and organisation in {"", row.organisation}
    ]
    sums = await spend(postgres_dsn, question(period, *columns, organisation=organisation))
    assert sums.total == naive(within)
    assert dict(sums.groups) == grouped(within, columns)
    assert len(dict(sums.groups)) == len(sums.groups)
    assert {(name,): figures for name, figures in sums.series} == grouped(within, (Column.TIME,))
    versions = {row.price_version for row in within}
    assert dict(sums.price_versions) == {
        version: naive(row for row in within if row.price_version == version) for version in versions
    }


async def test_sums_beyond_what_a_row_can_hold_are_exact(postgres_dsn: str) -> None:
    most = 2**63 - 1
    await store(postgres_dsn, [spend_row(micro_usd=most, usage=Usage(most, most)) for _ in range(3)])
    sums = await spend(postgres_dsn, around(NOON, Column.TEAM))
    assert (sums.total.micro_usd, sums.total.input_tokens) == (3 * most, 3 * most)
    assert sums.groups == ((("search",), sums.total),)


async def test_a_period_begins_with_its_first_moment_and_ends_before_its_last(postgres_dsn: str) -> None:
    asked = around()
    step = timedelta(microseconds=1)
    moments = (asked.starts_at - step, asked.starts_at, asked.ends_at - step, asked.ends_at)
    await store(postgres_dsn, [spend_row(at, 10**place) for place, at in enumerate(moments)])
    assert (await spend(postgres_dsn, asked)).total.micro_usd == 110


@pytest.mark.parametrize(
    ("zone", "at", "day"),
    [
        # The clocks of Berlin go back on 2026-10-25: that day has 25 hours.
        ("Europe/Berlin", "2026-10-24T22:00:00+00:00", "2026-10-25"),
        ("Europe/Berlin", "2026-10-25T22:59:59+00:00", "2026-10-25"),
        ("Europe/Berlin", "2026-10-25T23:00:00+00:00", "2026-10-26"),
        # Those of Beirut go forward at midnight: 2026-03-29 begins at one o'clock.
        ("Asia/Beirut", "2026-03-28T21:59:59+00:00", "2026-03-28"),
        ("Asia/Beirut", "2026-03-28T22:00:00+00:00", "2026-03-29"),
        ("Pacific/Kiritimati", "2026-10-31T10:00:00+00:00", "2026-11-01"),
        ("Pacific/Pago_Pago", "2026-11-01T10:59:59+00:00", "2026-10-31"),
    ],
)
async def test_an_exchange_is_of_the_day_that_the_clocks_on_the_wall_showed(
    postgres_dsn: str, zone: str, at: str, day: str
) -> None:
    moment = datetime.fromisoformat(at)
    await store(postgres_dsn, [spend_row(moment, 7)])
    period = Period(moment - timedelta(days=40), moment + timedelta(days=40), zone)
    sums = await spend(postgres_dsn, question(period, Column.TIME))
    assert sums.groups == (((day,), sums.total),)
    assert sums.series == ((day, sums.total),)


async def test_a_row_that_lies_in_the_partition_of_the_month_beside_is_found(postgres_dsn: str) -> None:
    midnight = datetime(2026, 12, 1, tzinfo=UTC)
    row = spend_row(midnight + timedelta(milliseconds=1), 5)
    # Its other record says that it began a moment earlier: the row stays in December's partition.
    await store(postgres_dsn, [row])
    early = midnight - timedelta(milliseconds=1)
    await store(postgres_dsn, [replace(row, started_at_s=early.timestamp())])
    period = Period(midnight - timedelta(days=3), midnight, "UTC")
    assert (await spend(postgres_dsn, question(period))).total.micro_usd == 5


async def test_an_empty_period_is_nothing_and_no_error(postgres_dsn: str) -> None:
    for columns in ((), (Column.TEAM, Column.TAGS)):
        sums = await spend(postgres_dsn, around(NOON, *columns))
        assert (sums.total, sums.groups, sums.series, sums.price_versions) == (Figures(), (), (), ())
    answer = await prompts(postgres_dsn, around())
    assert (answer.total_micro_usd, answer.groups) == (0, ())


async def test_what_workers_have_not_written_yet_is_told(postgres_dsn: str) -> None:
    async with open_pool(postgres_dsn) as pool:
        await LedgerTables(pool).tell_writer("one", 3)
        await LedgerTables(pool).tell_writer("two", 4)
    sums = await spend(postgres_dsn, around())
    assert sums.unwritten == 7
    assert abs(sums.as_of - datetime.now(UTC)) < timedelta(minutes=1)


async def test_prompts_are_measured_by_project_and_set_of_tags(postgres_dsn: str) -> None:
    lengths = [120, 80, 90, 100, 5_000]
    await store(
        postgres_dsn,
        [
            *(spend_row(tags=("a", "b"), micro_usd=2, usage=Usage(each, 1, cached_tokens=5)) for each in lengths[:3]),
            *(spend_row(tags=("b", "a", "b"), micro_usd=2, usage=Usage(each, 1)) for each in lengths[3:]),
            spend_row(tags=("a",), micro_usd=1, usage=Usage(7, 1)),
            spend_row(tags=("a",), micro_usd=100),  # without input
            spend_row(project="other", tags=("a", "b"), micro_usd=3, usage=Usage(9, 1)),
        ],
    )
    answer = await prompts(postgres_dsn, around())
    found = {(each.project, each.tags): each for each in answer.groups}
    assert found.keys() == {("ranking", ("a", "b")), ("ranking", ("a",)), ("other", ("a", "b"))}
    both = found["ranking", ("a", "b")]
    assert (both.p50, both.p95, both.most) == (statistics.median(lengths), 5_000, 5_000)
    assert (both.requests, both.input_tokens, both.cached_tokens, both.micro_usd) == (5, sum(lengths), 15, 10)
    assert found["ranking", ("a",)].micro_usd == 1
    assert answer.total_micro_usd == 114


async def test_prompts_of_one_organisation_say_nothing_of_another(postgres_dsn: str) -> None:
    await store(postgres_dsn, [spend_row(usage=Usage(5, 1)), spend_row(organisation="other", usage=Usage(6, 1))])
    answer = await prompts(postgres_dsn, around(organisation="other"))
    assert [(each.organisation, each.most) for each in answer.groups] == [("other", 6)]


async def test_a_report_is_of_one_moment_whatever_is_written_meanwhile(postgres_dsn: str) -> None:
    await store(postgres_dsn, [spend_row(exchange=ExchangeId(f"x{number}"), micro_usd=1) for number in range(50)])
    async with open_pool(postgres_dsn) as pool:
        reports = PostgresReports(pool, limit_s=30.0)
        async with reports._snapshot() as connection:
            before = await (await connection.execute("select sum(micro_usd) from ledger")).fetchone()
            await store(postgres_dsn, [spend_row(micro_usd=1)])
            after = await (await connection.execute("select sum(micro_usd) from ledger")).fetchone()
        assert before == after == (50,)
        assert (await reports.spend(around())).total.micro_usd == 51


async def test_a_report_writes_nothing(postgres_dsn: str) -> None:
    async with open_pool(postgres_dsn) as pool:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            async with PostgresReports(pool)._snapshot() as connection:
                await connection.execute("delete from ledger_writers")


async def test_without_the_ledgers_tables_the_way_out_is_said(empty_postgres_dsn: str) -> None:
    with pytest.raises(Unavailable, match="extproc migrate"):
        await spend(empty_postgres_dsn, around())


async def test_adjustments_are_of_the_time_that_they_are_for_and_of_one_organisation_where_one_is_asked_of(
    postgres_dsn: str,
) -> None:
    moments = {"adj_before": -86_400.001, "adj_first": -86_400.0, "adj_last": 86_399.999, "adj_after": 86_400.0}
    async with open_pool(postgres_dsn) as pool:
        for name, later_s in moments.items():
            each = replace(CREDIT, id=name, at_s=NOON.timestamp() + later_s, parts=())
            await PostgresAdjustments(pool).make(each)
        await PostgresAdjustments(pool).make(replace(CREDIT, id="adj_other", at_s=NOON.timestamp(), organisation="o"))
    found = (await spend(postgres_dsn, around())).adjustments
    assert [each.id for each in found] == ["adj_first", "adj_other", "adj_last"]
    assert [each.id for each in (await spend(postgres_dsn, around(organisation="o"))).adjustments] == ["adj_other"]


async def test_keys_that_the_directory_knows_have_names_where_keys_are_told_apart(postgres_dsn: str) -> None:
    key = replace(make_key(), owner="ada")
    async with open_pool(postgres_dsn) as pool:
        await PostgresKeys(pool).add(NewKey(key, bytes(32)), Deed("ada", "CHG-1"), may_create_project=True)
    await store(postgres_dsn, [spend_row(key=key.id), spend_row(key="key_gone"), spend_row(key="")])
    name = f"{key.organisation}/{key.team}/{key.project} ({key.environment}, ada)"
    assert (await spend(postgres_dsn, around(NOON, Column.MODEL, Column.KEY))).keys == ((key.id, name),)
    assert (await spend(postgres_dsn, around(NOON, Column.MODEL))).keys == ()


async def test_the_rights_that_the_document_names_are_enough_and_a_lack_of_one_is_told(postgres_dsn: str) -> None:
    role = f"reader_{uuid.uuid4().hex}"
    text = re.sub(r"\s+", " ", (Path(__file__).parents[3] / "docs/reports.md").read_text())
    said = text.partition("its role needs `select` on ")[2].partition(". ")[0]
    tables = re.findall(r"`([a-z_]+)`", said)
    assert len(tables) == 4
    asked = around(NOON, Column.KEY)
    await store(postgres_dsn, [spend_row(micro_usd=1)])
    with psycopg.connect(postgres_dsn, autocommit=True) as owner:
        owner.execute(f"create role {role}".encode())
        for table in tables:
            owner.execute(f"grant select on {table} to {role}".encode())
        dsn = f"{postgres_dsn}&options=-crole%3D{role}"
        assert (await spend(dsn, asked)).total.micro_usd == 1
        await prompts(dsn, asked)
        for table in tables:
            owner.execute(f"revoke select on {table} from {role}".encode())  # noqa: S608 - names of ours
            with pytest.raises(Unavailable, match="may not read"):
                await spend(dsn, asked)
            owner.execute(f"grant select on {table} to {role}".encode())
        owner.execute(f"drop owned by {role}; drop role {role}".encode())
