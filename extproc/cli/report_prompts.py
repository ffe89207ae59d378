"""Prompts' lengths as a table, as CSV and as JSON."""

import csv
import io
import json

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from extproc.cli.report_text import period_object
from extproc.cli.report_words import for_people, for_spreadsheet, period_words, said, short, six_decimals
from extproc.model.reports import PromptSums
from extproc.operations.reports import By, PromptReport, permille

_NUMBERS = ("requests", "input_p50", "input_p95", "input_max", "input_tokens", "cached_tokens")


def prompts_csv(report: PromptReport) -> str:
    """One line for each project and set of tags; the share is of all that was spent in the period."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["project", "tags", *_NUMBERS, "cost_usd", "share_percent"])
    for row in report.rows:
        names = [for_spreadsheet(each) for each in (_project(row), _tags(row))]
        writer.writerow([*names, *_numbers(row), six_decimals(row.micro_usd), _share(row, report)])
    return out.getvalue()


def prompts_json(report: PromptReport) -> str:
    """Everything the report says."""
    told = {
        "period": period_object(report.period),
        "organisation": report.organisation or None,
        "as_of": report.as_of.isoformat(),
        "total_micro_usd": report.total_micro_usd,
        "rows": [
            {"project": _project(row), "tags": list(row.tags)}
            | dict(zip(_NUMBERS, _numbers(row), strict=True))
            | {"cost_micro_usd": row.micro_usd, "share_percent": float(_share(row, report))}
            for row in report.rows
        ],
    }
    return json.dumps(told, indent=2) + "\n"


def print_prompts(report: PromptReport, console: Console) -> None:
    """A table, the longest usual prompt on top."""
    table = Table(title="Input tokens of prompts")
    table.add_column("project", overflow="fold", min_width=10)
    table.add_column("tags", overflow="fold", min_width=8)
    for title in ("requests", "p50", "p95", "max", "cached", "cost USD", "share"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in report.rows:
        cached = permille(row.cached_tokens, row.input_tokens)
        numbers = [f"{each:,}" for each in (row.requests, row.p50, row.p95, row.most)]
        shares = (f"{cached // 10} %", for_people(row.micro_usd), f"{_share(row, report)} %")
        table.add_row(escape(short(_project(row))), escape(short(_tags(row))), *numbers, *shares)
    console.print(table if report.rows else "No prompts in that time.")
    about = f"{period_words(report.period)}, {report.organisation or 'all organisations'}"
    console.print(escape(f"{about}. The share is of all that was spent. With fewer than ten prompts: at the end."))


def _project(row: PromptSums) -> str:
    return said(By.PROJECT, (row.organisation, row.team, row.project) if row.project else ())


def _tags(row: PromptSums) -> str:
    return said(By.TAG, row.tags)


def _numbers(row: PromptSums) -> tuple[int, ...]:
    return row.requests, row.p50, row.p95, row.most, row.input_tokens, row.cached_tokens


def _share(row: PromptSums, report: PromptReport) -> str:
    tenths = permille(row.micro_usd, report.total_micro_usd)
    return f"{tenths // 10}.{tenths % 10}"
