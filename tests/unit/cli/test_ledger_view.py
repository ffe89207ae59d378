"""What ``extproc ledger`` prints."""

from decimal import Decimal

import pytest

from extproc.cli.ledger_view import print_match, print_reconciliation, print_retained
from extproc.model.ledger import Writer
from extproc.operations.ledger import Difference, Reconciliation, State
from extproc.operations.ledger_match import Match, Tally


def test_every_difference_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    differences = tuple(
        Difference("acme", f"[b]{index}", 3, 5 + index, state)
        for index, state in enumerate((State.DIFFERS, State.MOVING))
    )
    found = Reconciliation(9, differences, (Writer("w", 2, 1.0),))
    print_reconciliation(found, is_repairing=False, is_forced=False, is_json=False)
    shown = capsys.readouterr().out
    for word in (
        "[b]0",
        "[b]1",
        "-2",
        "-3",
        "differs",
        "moving",
        "9 counters compared, 2 differ, 0 repaired",
        "writer w",
    ):
        assert word in shown
    assert "--force" not in shown


def test_a_long_list_of_requests_is_cut_and_json_has_all(capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally(matched=1, ledger_micro_usd=5, provider_usd=Decimal("0.000007"))
    found = Match({"m": tally}, tally, only_provider=[f"r{index}" for index in range(30)])
    print_match(found, is_json=False)
    shown = capsys.readouterr().out
    assert "and 10 more" in shown
    assert "+2" in shown
    print_match(found, is_json=True)
    assert '"r29"' in capsys.readouterr().out


def test_what_went_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    print_retained("2026-08-01", ["ledger_2026_07"], is_rehearsal=False, is_json=False)
    assert capsys.readouterr().out == "dropped: ledger_2026_07\n1 dropped; the ledger begins with 2026-08.\n"
