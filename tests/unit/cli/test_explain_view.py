"""An explanation on the screen and as JSON: the same facts, and nothing taken for markup."""

import json

import pytest

from extproc.cli.explain_view import print_json, print_table, verdict
from extproc.exchange.events import Reply
from extproc.exchange.explanation import Decision, Explanation

PASSED = Decision("path", is_passed=True, reason="it is served", facts=(("operation", "chat.completions"),))
FAILED = Decision("permit", is_passed=False, reason="the key may not use [bold]it[/bold]")
REPLY = Reply(404, (("content-type", "application/json"),), '{"error": "né"}'.encode(), "model_not_found")
GO = Explanation((PASSED,), None)
ANSWER = Explanation((PASSED,), Reply(200, (), b"{}", "models"))
REFUSED = Explanation((PASSED, FAILED), REPLY)


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")


def test_there_are_three_verdicts() -> None:
    assert [verdict(each) for each in (GO, ANSWER, REFUSED)] == ["go", "answer", "refuse"]


@pytest.mark.parametrize(
    ("explanation", "says"),
    [
        (GO, "It goes."),
        (ANSWER, "The gateway answers it: 200."),
        (REFUSED, "Refused: 404 model_not_found. Nothing goes to a provider."),
        (Explanation((FAILED,), None), "Refused. Nothing goes to a provider."),
    ],
)
def test_the_verdict_is_one_line_for_a_person(
    capsys: pytest.CaptureFixture[str], explanation: Explanation, says: str
) -> None:
    print_table(explanation, ())
    assert says in capsys.readouterr().out.splitlines()


def test_each_decision_is_a_row_with_its_mark_and_facts(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(REFUSED, ("the key is live",))
    lines = [" ".join(line.replace("│", " ").split()) for line in capsys.readouterr().out.splitlines()]
    assert "✓ path it is served" in lines
    assert "operation: chat.completions" in lines
    assert "✗ permit the key may not use [bold]it[/bold]" in lines
    assert "assumed: the key is live" in lines


def test_the_reply_is_shown_as_the_caller_would_get_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(REFUSED, ())
    lines = capsys.readouterr().out.splitlines()
    assert "content-type: application/json" in lines
    assert '{"error": "né"}' in lines


def test_a_long_body_is_never_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    body = json.dumps({"error": "x " * 200})
    print_table(Explanation((FAILED,), Reply(400, (), body.encode(), "c")), ())
    assert body in capsys.readouterr().out.splitlines()


def test_json_has_everything_that_the_table_has(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(REFUSED, ("the key is live",))
    assert json.loads(capsys.readouterr().out) == {
        "verdict": "refuse",
        "decisions": [
            {"step": "path", "passed": True, "reason": "it is served", "facts": {"operation": "chat.completions"}},
            {"step": "permit", "passed": False, "reason": FAILED.reason, "facts": {}},
        ],
        "reply": {
            "status": 404,
            "code": "model_not_found",
            "headers": {"content-type": "application/json"},
            "body": '{"error": "né"}',
        },
        "assumed": ["the key is live"],
    }


def test_what_goes_has_no_reply(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(GO, ())
    assert json.loads(capsys.readouterr().out)["reply"] is None
