"""What was not scanned comes first, and sums stay sums."""

from dataclasses import replace
from datetime import UTC, datetime

from extproc.model.guard import Direction, Result
from extproc.model.reports import GuardAnswer, GuardSums
from extproc.operations.guard_report import ORDER, make_guard_report
from extproc.operations.periods import Period

PERIOD = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC), "UTC")
ONE = GuardSums("acme", "search", "ranking", "pii", Direction.INPUT, Result.CLEAN, 10, 0, 1000, ())
ROWS = (
    ONE,
    replace(ONE, project="other", exchanges=5, latency_us=500),
    replace(ONE, result=Result.BLOCKED, exchanges=2, findings=3, kinds=("pii.card",)),
    replace(ONE, result=Result.BLOCKED, project="other", exchanges=1, findings=1, kinds=("pii.iban",)),
    replace(ONE, scanner="model", result=Result.FAILED_OPEN, exchanges=1),
)
ANSWER = GuardAnswer(PERIOD.ends_at, 40, 7, ROWS)


def test_every_result_has_its_place() -> None:
    assert set(ORDER) == set(Result)


def test_what_was_not_scanned_is_on_top_and_what_was_clean_at_the_bottom() -> None:
    report = make_guard_report(ANSWER, PERIOD, "", by_project=True)
    assert [row.result for row in report.rows] == [
        Result.FAILED_OPEN,
        Result.BLOCKED,
        Result.BLOCKED,
        Result.CLEAN,
        Result.CLEAN,
    ]
    assert sorted(report.rows, key=str) == sorted(ROWS, key=str)


def test_projects_of_an_organisation_are_added_up() -> None:
    report = make_guard_report(ANSWER, PERIOD, "", by_project=False)
    blocked = next(row for row in report.rows if row.result is Result.BLOCKED)
    assert (blocked.team, blocked.project) == ("", "")
    assert (blocked.exchanges, blocked.findings, blocked.kinds) == (3, 4, ("pii.card", "pii.iban"))
    assert [report.count(each) for each in (Result.FAILED_OPEN, Result.BLOCKED, Result.CLEAN)] == [1, 3, 15]
    assert (report.exchanges, report.unjudged) == (40, 7)
