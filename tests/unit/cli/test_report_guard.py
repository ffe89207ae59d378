"""The firewall's report for people and for programs."""

import csv
import io
import json

from rich.console import Console

from extproc.cli.report_guard import guard_csv, guard_json, print_guard
from extproc.operations.guard_report import GuardReport, make_guard_report
from tests.unit.operations.test_guard_report import ANSWER, PERIOD

REPORT = make_guard_report(ANSWER, PERIOD, "", by_project=True)


def drawn(report: GuardReport) -> str:
    console = Console(width=160, record=True, file=io.StringIO())
    print_guard(report, console)
    return console.export_text()


def test_people_get_a_table_and_what_it_comes_to() -> None:
    text = " ".join(drawn(REPORT).split())
    assert "pii.card" in text
    assert "acme/search/ranking" in text
    assert "40 exchanges; 3 times something was stopped, 1 times a scanner gave no answer" in text
    assert "7 were answered with no policy for them" in text


def test_a_sheet_has_a_line_for_each_row() -> None:
    rows = list(csv.DictReader(io.StringIO(guard_csv(REPORT))))
    assert len(rows) == len(REPORT.rows)
    assert rows[1] == {
        "organisation": "acme", "team": "search", "project": "ranking", "scanner": "pii", "direction": "input",
        "result": "blocked", "exchanges": "2", "findings": "3", "mean_us": "500", "kinds": "pii.card",
    }  # fmt: skip


def test_programs_get_everything() -> None:
    told = json.loads(guard_json(REPORT))
    assert (told["exchanges"], told["unjudged"], len(told["rows"])) == (40, 7, 5)
    assert told["rows"][0]["result"] == "failed_open"
    assert told["rows"][1]["kinds"] == ["pii.card"]


def test_nothing_judged_is_said() -> None:
    empty = make_guard_report(type(ANSWER)(PERIOD.ends_at, 0, 0, ()), PERIOD, "acme", by_project=False)
    assert "Nothing was judged in that time." in drawn(empty)
