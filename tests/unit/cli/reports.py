"""Reports for tests of what is printed of them, made of rows without a database."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from extproc.model.adjustments import SpendAdjustment
from extproc.model.ledger import LedgerRow
from extproc.model.money import MicroUsd
from extproc.model.reports import Column, Sums, Value
from extproc.operations.currency import Conversion, read_conversion
from extproc.operations.periods import Period
from extproc.operations.reports import By, SpendReport, ask_spend, make_spend
from tests.spend_rows import NOON, naive

PERIOD = Period(datetime(2026, 10, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC), "UTC")

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'onmouseover=alert(1) x='",
    "</style><script>alert(1)</script>",
    "</title><svg onload=alert(1)>",
    "javascript:alert(1)",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<!--",
    "]]>",
    "{{7*7}}",
    '=HYPERLINK("http://evil.example","x")',
    "+1+cmd|' /C calc'!A0",
    "-1+1",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    " =1+1",
    "\uff1d1+1",
    "a\x1b[31mred\x1b]0;title\x07",
    "line\nbreak\r\nagain\u2028more",
    "\u202egnirts desrever",
    "[bold red]markup[/]",
    "zero\u200bwidth",
    'ä, "quoted"; b',
)


def euro() -> Conversion:
    conversion = read_conversion("EUR", "0.92")
    assert conversion is not None
    return conversion


def spend(
    rows: Sequence[LedgerRow],
    *by: By,
    most: int | None = None,
    unwritten: int = 0,
    adjustments: Sequence[SpendAdjustment] = (),
    keys: Mapping[str, str] | None = None,
) -> SpendReport:
    question = ask_spend(PERIOD, by)
    groups, series, versions = defaultdict(list), defaultdict(list), defaultdict(list)
    for row in rows:
        groups[tuple(_value(row, column) for column in question.columns)].append(row)
        series[_day(row)].append(row)
        versions[row.price_version].append(row)
    sums = Sums(
        as_of=NOON,
        unwritten=unwritten,
        total=naive(rows),
        groups=tuple((values, naive(found)) for values, found in groups.items()),
        series=tuple((name, naive(found)) for name, found in sorted(series.items())),
        price_versions=tuple((name, naive(found)) for name, found in sorted(versions.items())),
        adjustments=tuple(adjustments),
        keys=tuple((keys or {}).items()),
    )
    return make_spend(question, sums, PERIOD, by, most)


def adjustment(micro_usd: int = -2_500_000, **changes: str) -> SpendAdjustment:
    plain = {"id": "adj_credit-1", "organisation": "acme", "team": "search", "reason": "credit note 4711"}
    return SpendAdjustment(
        **{**plain, **changes},  # type: ignore[arg-type]
        at_s=NOON.timestamp(),
        micro_usd=MicroUsd(micro_usd),
        actor="ada",
        approval="CHG-1",
    )


def within(rows: Sequence[LedgerRow]) -> list[LedgerRow]:
    return [row for row in rows if PERIOD.starts_at.timestamp() <= row.started_at_s < PERIOD.ends_at.timestamp()]


def _value(row: LedgerRow, column: Column) -> Value:
    match column:
        case Column.KEY:
            return row.key
        case Column.USER:
            return row.user
        case Column.TIME:
            return _day(row)
        case _:
            found: Value = getattr(row, column.value)
            return found


def _day(row: LedgerRow) -> str:
    return f"{datetime.fromtimestamp(row.started_at_s, UTC):%Y-%m-%d}"
