"""Spend as a table for a terminal, and as CSV and JSON for programs. ``report_html`` has the page."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from extproc.cli.report_words import (
    ADJUSTMENTS,
    AMOUNTS,
    Amount,
    adjustment_words,
    converted,
    currency_note,
    for_people,
    for_spreadsheet,
    key_name,
    period_words,
    said,
    short,
    six_decimals,
)
from extproc.model.reports import Figures
from extproc.operations.currency import ROUNDING, Conversion
from extproc.operations.periods import Period
from extproc.operations.reports import By, Name, SpendReport

_LEAVE_OUT = (
    "unpriced",
    "estimated_cost",
    "estimated",
    "reasoning_tokens",
    "cached_tokens",
    "abandoned",
    "cached",
    "failed",
    "answered",
    "saved",
    "refused",
    "failovers",
    "blocked",
    "output_tokens",
    "input_tokens",
)
"""Columns that a narrow terminal does without, the first ones first."""

_NAME_CHARS, _LEAST_NAME_CHARS = 24, 8
"""A longer name takes several lines before a figure is left out; in the end it has no more than the second."""
_ATTEMPTS = (
    *((_NAME_CHARS, _LEAVE_OUT[:count]) for count in range(len(_LEAVE_OUT) + 1)),
    (_LEAST_NAME_CHARS, _LEAVE_OUT),
)
_ANY = 10_000
_ADJUSTMENTS_SHOWN = 20


def spend_csv(report: SpendReport, conversion: Conversion | None) -> str:
    """One line for each group under a line of names. No line of totals: the lines add up to it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    money = [("usd", None), *(() if conversion is None else ((conversion.code.lower(), conversion),))]
    counts = [each for each in AMOUNTS if not each.is_money]
    amounts = [(each, code, by) for code, by in money for each in AMOUNTS if each.is_money]
    writer.writerow(
        [
            *(title for by in report.by for title in _csv_titles(by)),
            *(each.key for each in counts),
            *(f"{e.key}_{code}" for e, code, _ in amounts),
        ]
    )
    for names, figures in _lines(report, are_split=True):
        cells = [for_spreadsheet(name) for name in names]
        cells += [str(each.of(figures)) for each in counts]
        writer.writerow(cells + [six_decimals(converted(each.of(figures), by)) for each, _, by in amounts])
    return out.getvalue()


def spend_json(report: SpendReport, conversion: Conversion | None) -> str:
    """Everything the report says; money in whole millionths."""

    def figures(each: Figures) -> dict[str, int]:
        found = {}
        for amount in AMOUNTS:
            if not amount.is_money:
                found[amount.key] = amount.of(each)
                continue
            found[f"{amount.key}_micro_usd"] = amount.of(each)
            if conversion is not None:
                found[f"{amount.key}_micro_{conversion.code.lower()}"] = converted(amount.of(each), conversion)
        return found

    told = {
        "period": period_object(report.period),
        "organisation": report.organisation or None,
        "as_of": report.as_of.isoformat(),
        "not_in_the_ledger_yet": report.unwritten,
        "currency": conversion and {"code": conversion.code, "usd": 1, "rate": conversion.rate, "rounding": ROUNDING},
        "by": [by.value for by in report.by],
        "total": figures(report.total),
        "rows": [_json_names(report, row.names) | figures(row.figures) for row in report.rows],
        "rest": report.rest and {"groups": report.rest.groups} | figures(report.rest.figures),
        "adjustments": [
            {
                "id": each.id,
                "at": report.period.local(datetime.fromtimestamp(each.at_s, UTC)).isoformat(),
                "organisation": each.organisation,
                "team": each.team or None,
                "project": each.project or None,
                "key": each.key or None,
                "model": each.model or None,
                "deployment": each.deployment or None,
                "micro_usd": each.micro_usd,
                "reason": each.reason,
            }
            for each in report.adjustments
        ],
        "series": [{"starts": name} | figures(each) for name, each in report.series],
        "price_versions": [{"version": name or None} | figures(each) for name, each in report.price_versions],
    }
    return json.dumps(told, indent=2) + "\n"


def print_spend(report: SpendReport, conversion: Conversion | None, console: Console) -> None:
    """A table as wide as the terminal, with the total below, and what is to be known of it."""
    for name_chars, left_out in _ATTEMPTS:
        table = _table(report, conversion, left_out, name_chars)
        if Measurement.get(console, console.options.update(max_width=_ANY), table).minimum <= console.width:
            break
    console.print(table)
    missing = [each.title for each in AMOUNTS if each.key in left_out]
    lines = [f"{period_words(report.period)}, {report.organisation or 'all organisations'}"]
    if missing:
        lines.append(f"Left out, the terminal is narrow: {', '.join(missing)}. All of it: --format csv, json or html.")
    lines += notes(report)
    if conversion is not None:
        lines.append(currency_note(conversion, ROUNDING))
    console.print(escape("\n".join(lines)))


def notes(report: SpendReport) -> list[str]:
    """What whoever reads the figures must know, a sentence each."""
    total, found = report.total, []
    if not total.requests and not report.adjustments:
        found.append("There was nothing in that time.")
    if report.adjustments:
        found.append(
            f"Adjustments, {len(report.adjustments):,} of together {for_people(report.adjusted)} USD, are in the line "
            f"{ADJUSTMENTS}:"
        )
        found += [short(adjustment_words(each, report.period)) for each in report.adjustments[:_ADJUSTMENTS_SHOWN]]
    if len(report.adjustments) > _ADJUSTMENTS_SHOWN:
        found.append(f"and {len(report.adjustments) - _ADJUSTMENTS_SHOWN:,} more: --format json has all.")
    if report.unwritten:
        found.append(f"Workers last told of {report.unwritten:,} exchanges that are not in the ledger yet.")
    if total.unpriced:
        found.append(f"{total.unpriced:,} requests were to deployments without a price: they cost nothing here.")
    if total.estimated:
        amount = for_people(total.estimated_micro_usd)
        found.append(
            f"Of {total.estimated:,} requests the provider told no usable usage, or they were cut off: their "
            f"{amount} USD are an estimate of ours."
        )
    return found


def period_object(period: Period) -> dict[str, str]:
    """The period in JSON: moments with their offset, the second one not within."""
    start, end = (period.local(at).isoformat() for at in (period.starts_at, period.ends_at))
    return {"from": start, "before": end, "time_zone": period.zone}


def headings(by: tuple[By, ...]) -> list[str]:
    """Titles of the columns of names."""
    return [each.value for each in by] or ["all"]


def _table(report: SpendReport, conversion: Conversion | None, left_out: tuple[str, ...], name_chars: int) -> Table:
    table = Table(show_footer=True, title="Spend")
    columns = [each for each in AMOUNTS if each.key not in left_out]
    total = _cells(report.total, columns, conversion)
    lines = [([short(name) for name in names or ["all"]], figures) for names, figures in _lines(report)]
    for place, title in enumerate(headings(report.by)):
        longest = max((len(names[place]) for names, _ in lines), default=0)
        table.add_column(title, footer="" if place else "total", overflow="fold", min_width=min(longest, name_chars))
    titles = [title for each in columns for title in _titles(each, conversion)]
    # As wide as the total, which no group exceeds: an amount that is cut is worse than none.
    for title, footer in zip(titles, total, strict=True):
        table.add_column(title, footer=footer, justify="right", min_width=max(len(title), len(footer)))
    for names, figures in lines:
        table.add_row(*map(escape, names), *_cells(figures, columns, conversion))
    return table


def _titles(amount: Amount, conversion: Conversion | None) -> list[str]:
    if not amount.is_money:
        return [amount.title]
    return [f"{amount.title} USD", *(() if conversion is None else (f"{amount.title} {conversion.code}",))]


def _cells(figures: Figures, columns: list[Amount], conversion: Conversion | None) -> list[str]:
    found = []
    for each in columns:
        amount = each.of(figures)
        found.append(for_people(amount) if each.is_money else f"{amount:,}")
        if each.is_money and conversion is not None:
            found.append(for_people(converted(amount, conversion)))
    return found


def _lines(report: SpendReport, *, are_split: bool = False) -> Iterator[tuple[list[str], Figures]]:
    """Each row's names, the rest's and the adjustments'; ``are_split``: with a key's name in a cell of its own."""
    for row in report.rows:
        names = zip(report.by, row.names, strict=True)
        if are_split:
            yield [cell for by, name in names for cell in _csv_names(report, by, name)], row.figures
        else:
            yield [said(by, name, report.keys) for by, name in names], row.figures
    cells = sum(len(_csv_titles(by)) for by in report.by) if are_split else max(1, len(report.by))
    if report.rest is not None:
        yield [f"({report.rest.groups:,} others)", *("" for _ in range(cells))][:cells], report.rest.figures
    if report.adjustments:
        yield [ADJUSTMENTS, *("" for _ in range(cells))][:cells], Figures(micro_usd=report.adjusted)


def _csv_titles(by: By) -> list[str]:
    return [by.value, "key_name"] if by is By.KEY else [by.value]


def _csv_names(report: SpendReport, by: By, name: Name) -> list[str]:
    return [said(by, name), key_name(by, name, report.keys)] if by is By.KEY else [said(by, name)]


def _json_names(report: SpendReport, names: tuple[Name, ...]) -> dict[str, str | list[str] | None]:
    found: dict[str, str | list[str] | None] = {}
    for by, name in zip(report.by, names, strict=True):
        found[by.value] = list(name) if by in {By.TAG, By.FEATURE} else said(by, name) if name else None
        if by is By.KEY:
            found["key_name"] = key_name(by, name, report.keys) or None
    return found
