"""What a report makes of the ledger's sums."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.model.ledger import LedgerRow
from extproc.model.money import MicroUsd
from extproc.model.reports import Column, Figures, PromptAnswer, PromptSums, Question, Sums, Value, add
from extproc.operations.periods import Period, PeriodProblem
from extproc.operations.reports import (
    FEW,
    By,
    SpendReport,
    ask_spend,
    buckets_of,
    feature_of,
    make_prompts,
    make_spend,
    permille,
)
from tests.spend_rows import NOON, naive, spend_row, spend_rows

ZONE = "Europe/Berlin"
PERIOD = Period(datetime(2026, 10, 23, tzinfo=UTC), datetime(2026, 11, 4, tzinfo=UTC), ZONE)


def answer(question: Question, rows: Sequence[LedgerRow]) -> Sums:
    """What a ledger of these rows would say."""

    def value(row: LedgerRow, column: Column) -> Value:
        others: dict[Column, Value] = {Column.KEY: row.key, Column.USER: row.user, Column.TIME: day(row)}
        found: Value = others.get(column) or getattr(row, column.value, "")
        return found

    def day(row: LedgerRow) -> str:
        return f"{datetime.fromtimestamp(row.started_at_s, ZoneInfo(ZONE)):%Y-%m-%d}"

    groups, series = defaultdict(list), defaultdict(list)
    for row in rows:
        groups[tuple(value(row, column) for column in question.columns)].append(row)
        series[day(row)].append(row)
    return Sums(
        NOON,
        0,
        naive(rows),
        tuple((values, naive(found)) for values, found in groups.items()),
        tuple((name, naive(found)) for name, found in sorted(series.items())),
        (),
    )


def report(rows: Sequence[LedgerRow], *by: By, most: int | None = None) -> SpendReport:
    question = ask_spend(PERIOD, by)
    return make_spend(question, answer(question, rows), PERIOD, by, most)


def names(made: SpendReport) -> list[tuple[tuple[str, ...], ...]]:
    return [row.names for row in made.rows]


@given(spend_rows, st.lists(st.sampled_from(By), unique=True, max_size=4), st.integers(0, 5) | st.none())
def test_rows_and_rest_add_up_to_the_ledgers_total_and_so_does_the_series(
    rows: list[LedgerRow], by: list[By], most: int | None
) -> None:
    made = report(rows, *by, most=most)
    rest = Figures() if made.rest is None else made.rest.figures
    assert add(*(row.figures for row in made.rows), rest) == made.total == naive(rows)
    assert add(*(figures for _, figures in made.series)) == made.total
    assert len(set(names(made))) == len(made.rows)
    assert made.total.requests == sum(
        getattr(made.total, end) for end in ("answered", "cached", "refused", "failed", "abandoned")
    )
    assert len(made.rows) <= len(rows)
    assert most is None or len(made.rows) <= most


def test_teams_of_the_same_name_in_two_organisations_are_two_teams() -> None:
    rows = [spend_row(PERIOD.starts_at, 3), spend_row(PERIOD.starts_at, 4, organisation="other")]
    assert names(report(rows, By.TEAM)) == [(("other", "search"),), (("acme", "search"),)]
    assert names(report(rows, By.PROJECT))[0] == (("other", "search", "ranking"),)
    assert names(report(rows, By.USER)) == [((),)]
    rows = [replace(row, user="u1") for row in rows]
    assert names(report(rows, By.USER))[1] == (("acme", "search", "ranking", "u1"),)


def test_tags_in_another_order_are_the_same_tags_and_an_exchange_is_in_one_row_only() -> None:
    rows = [
        spend_row(PERIOD.starts_at, 1, tags=("eu", "batch")),
        spend_row(PERIOD.starts_at, 2, tags=("batch", "eu", "eu")),
        spend_row(PERIOD.starts_at, 4, tags=("batch",)),
        spend_row(PERIOD.starts_at, 8),
        spend_row(PERIOD.starts_at, 16, tags=("batch, eu",)),
    ]
    made = report(rows, By.TAG)
    assert [(row.names, row.figures.micro_usd) for row in made.rows] == [
        ((("batch, eu",),), 16),
        (((),), 8),
        ((("batch",),), 4),
        ((("batch", "eu"),), 3),
    ]


def test_a_feature_is_the_tag_that_says_so() -> None:
    assert feature_of(("eu", "feature=rag")) == feature_of(("feature:rag", "feature=rag")) == ("rag",)
    assert feature_of(("feature=b", "feature=a")) == ("a", "b")
    assert feature_of(("feature=", "features=x", "xfeature=y")) == ()
    rows = [spend_row(PERIOD.starts_at, 1, tags=(tag, "feature=rag")) for tag in ("a", "b")]
    (row,) = report(rows, By.FEATURE).rows
    assert (row.names, row.figures.micro_usd) == ((("rag",),), 2)


def test_the_dearest_come_first_and_days_in_their_order() -> None:
    rows = [
        spend_row(PERIOD.starts_at + timedelta(days=day), amount, model=model)
        for day, amount, model in ((5, 1, "a"), (5, 3, "b"), (9, 50, "a"), (1, 2, "c"))
    ]
    assert names(report(rows, By.MODEL)) == [(("a",),), (("b",),), (("c",),)]
    assert names(report(rows, By.MODEL, By.DAY)) == [
        (("c",), ("2026-10-24",)),
        (("b",), ("2026-10-28",)),
        (("a",), ("2026-10-28",)),
        (("a",), ("2026-11-01",)),
    ]
    assert names(report(rows, By.MONTH)) == [(("2026-10",),), (("2026-11",),)]


def test_the_rest_is_one_sum_of_the_least_dear() -> None:
    made = report([spend_row(PERIOD.starts_at, 10**place, model=str(place)) for place in range(4)], By.MODEL, most=2)
    assert names(made) == [(("3",),), (("2",),)]
    assert made.rest is not None
    assert (made.rest.groups, made.rest.figures.micro_usd) == (2, 11)


def test_groups_that_do_not_add_up_are_no_report() -> None:
    question = ask_spend(PERIOD, (By.MODEL,))
    sums = answer(question, [spend_row(PERIOD.starts_at, 5)])
    for wrong in (replace(sums, groups=()), replace(sums, series=()), replace(sums, total=Figures())):
        with pytest.raises(ArithmeticError):
            make_spend(question, wrong, PERIOD, (By.MODEL,))


def test_the_series_has_every_day_and_a_long_period_has_months() -> None:
    made = report([spend_row(PERIOD.starts_at, 5)], By.MODEL)
    assert [name for name, _ in made.series][:2] == ["2026-10-23", "2026-10-24"]
    assert len(made.series) == 13
    long = Period(PERIOD.starts_at, PERIOD.starts_at + timedelta(days=500), ZONE)
    assert buckets_of(long, ())[0].name == "2026-10"
    with pytest.raises(PeriodProblem):
        buckets_of(long, (By.DAY,))
    assert len(buckets_of(Period(PERIOD.starts_at, PERIOD.starts_at + timedelta(days=93), ZONE), ())) == 94


def prompt(p50: int, requests: int = FEW, **changes: object) -> PromptSums:
    plain = PromptSums("acme", "search", "ranking", (), requests, p50, p50, p50, p50 * requests, 0, MicroUsd(1))
    return replace(plain, **changes)


def test_the_feature_that_stuffs_every_prompt_stands_on_top() -> None:
    stuffing = prompt(12_000, 40, tags=("feature=rag",))
    often = prompt(300, 1_000_000, micro_usd=MicroUsd(10**9))
    once_long = prompt(300, 500, p95=400, most=100_000)
    rare = prompt(90_000, FEW - 1)
    question = ask_spend(PERIOD, ())
    made = make_prompts(question, PromptAnswer(NOON, MicroUsd(0), (often, rare, once_long, stuffing)), PERIOD)
    assert made.rows == (stuffing, once_long, often, rare)


@given(st.integers(0, 10**15), st.integers(1, 10**15))
def test_a_share_is_rounded_to_the_nearest_thousandth(part: int, whole: int) -> None:
    assert abs(permille(part, whole) * whole - part * 1000) * 2 <= whole
    assert permille(part, 0) == 0
