"""What the firewall came to, as a table, as CSV and as JSON."""

import csv
import io
import json

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from extproc.cli.report_text import period_object
from extproc.cli.report_words import for_spreadsheet, period_words, short
from extproc.model.guard import Result
from extproc.model.reports import GuardSums
from extproc.operations.guard_report import GuardReport

_STYLES = {
    Result.FAILED_OPEN: "bold red",
    Result.FAILED_CLOSED: "red",
    Result.BLOCKED: "yellow",
    Result.REDACTED: "cyan",
    Result.FLAGGED: "magenta",
}


_COLUMNS = (
    *("organisation", "team", "project", "scanner", "direction", "result"),
    *("exchanges", "findings", "mean_us", "kinds"),
)


def guard_csv(report: GuardReport) -> str:
    """One line for each project, scanner, direction and result."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in report.rows:
        names = [for_spreadsheet(each) for each in (row.organisation, row.team, row.project, row.scanner)]
        numbers = (row.exchanges, row.findings, _mean(row))
        writer.writerow([*names, row.direction.value, row.result.value, *numbers, " ".join(row.kinds)])
    return out.getvalue()


def guard_json(report: GuardReport) -> str:
    """Everything the report says."""
    told = {
        "period": period_object(report.period),
        "organisation": report.organisation or None,
        "as_of": report.as_of.isoformat(),
        "exchanges": report.exchanges,
        "unjudged": report.unjudged,
        "rows": [
            {
                "organisation": row.organisation,
                "team": row.team or None,
                "project": row.project or None,
                "scanner": row.scanner,
                "direction": row.direction.value,
                "result": row.result.value,
                "exchanges": row.exchanges,
                "findings": row.findings,
                "mean_us": _mean(row),
                "kinds": list(row.kinds),
            }
            for row in report.rows
        ],
    }
    return json.dumps(told, indent=2) + "\n"


def print_guard(report: GuardReport, console: Console) -> None:
    """A table: what was not scanned on top, what was clean at the bottom."""
    table = Table(title="The firewall")
    for title in ("whose", "scanner", "way", "result"):
        table.add_column(title, overflow="fold")
    for title in ("exchanges", "findings", "mean µs"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("kinds", overflow="fold")
    for row in report.rows:
        whose = "/".join(each for each in (row.organisation, row.team, row.project) if each)
        numbers = [f"{each:,}" for each in (row.exchanges, row.findings, _mean(row))]
        result = f"[{_STYLES[row.result]}]{row.result}[/]" if row.result in _STYLES else row.result.value
        kinds = escape(", ".join(row.kinds))
        table.add_row(escape(short(whose)), escape(row.scanner), row.direction.value, result, *numbers, kinds)
    console.print(table if report.rows else "Nothing was judged in that time.")
    not_scanned, stopped = report.count(Result.FAILED_OPEN), report.count(Result.BLOCKED)
    about = f"{period_words(report.period)}, {report.organisation or 'all organisations'}"
    console.print(
        escape(
            f"{about}. {report.exchanges:,} exchanges; {stopped:,} times something was stopped, {not_scanned:,} times "
            "a scanner gave no answer and the text went on. "
            f"{report.unjudged:,} were answered with no policy for them."
        )
    )


def _mean(row: GuardSums) -> int:
    return row.latency_us // row.exchanges if row.exchanges else 0
