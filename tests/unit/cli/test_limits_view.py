"""How limits are printed."""

import pytest

from extproc.cli.limits_view import bar, describe_limit, describe_scope, limit_as_json, print_limits
from extproc.model.limit_records import Source, StoredLimit
from extproc.model.limits import Budget, Level, LimitId, Rate, Scope, Span, Unit, Window
from extproc.operations.limit_use import Use

MONEY = Budget(LimitId("b"), Scope("acme"), Unit.MICRO_USD, 2_500_500_000, Window(Span.MONTH, "Europe/London"))


@pytest.mark.parametrize(
    ("used", "held", "shown"),
    [
        (0, 0, "░" * 20),
        (50, 0, "█" * 10 + "░" * 10),
        (50, 25, "█" * 10 + "▒" * 5 + "░" * 5),
        (90, 50, "█" * 18 + "▒" * 2),
        (1000, 1000, "█" * 20),
    ],
)
def test_a_bar_is_always_as_long_and_shows_used_held_and_free(used: float, held: float, shown: str) -> None:
    assert bar(used, held) == shown


@pytest.mark.parametrize(
    ("limit", "says"),
    [
        (MONEY, "2500.5 USD a month (Europe/London), hard"),
        (
            Budget(LimitId("b"), Scope("a"), Unit.TOKENS, 5_000_000, Window(Span.ROLLING, rolling_s=86_400), False),
            "5,000,000 tokens in any 24h, soft",
        ),
        (Rate(LimitId("r"), Scope("a"), 600, 200_000, 50), "600 requests/min, 200,000 tokens/min, 50 at a time"),
    ],
)
def test_a_limit_is_said_in_one_line(limit: Budget | Rate, says: str) -> None:
    assert describe_limit(limit) == says


def test_a_scope_is_said_in_one_line() -> None:
    assert describe_scope(Scope("acme")) == "acme"
    scope = Scope("acme", "search", "ranking", "key_1", "m", Level.USER)
    assert describe_scope(scope) == "acme/search/ranking, key_1, each user, model m"


def test_a_use_is_told_in_the_unit_of_its_budget() -> None:
    stored = StoredLimit(MONEY, Source.FILE, 7, 1_800_000_000.0)
    said = limit_as_json(stored, Use(1, 250_000, 1_800_003_600.0, is_whole=False))
    assert said["use"] == {
        "used_usd": "0.000001",
        "held_usd": "0.25",
        "is_whole": False,
        "resets_at": "2027-01-15T09:00:00Z",
    }
    tokens = StoredLimit(Budget(LimitId("t"), Scope("a"), Unit.TOKENS, 9, Window(Span.DAY)), Source.FILE, 7, 0.0)
    use = limit_as_json(tokens, Use(1, 2, 0.0))["use"]
    assert isinstance(use, dict)
    assert (use["used"], use["held"]) == (1, 2)


def test_a_budget_of_nothing_is_full_and_a_part_that_is_not_known_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    nothing = Budget(LimitId("n"), Scope("acme"), Unit.TOKENS, 0, Window(Span.DAY))
    print_limits([StoredLimit(nothing, Source.COMMAND, 1, 0.0)], {LimitId("n"): Use(0, 0, 0.0, is_whole=False)})
    said = capsys.readouterr().out
    assert "█" * 20 + " at least 100 % (0 tokens), resets 1970-01-01T00:00:00Z" in said
