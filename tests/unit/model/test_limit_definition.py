"""A limit in the words of gateway.yaml, and back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.model.limit_definition import DefinitionInvalid, read_limit, read_usd, write_limit, write_usd
from extproc.model.limits import Budget, Level, Limit, LimitId, Rate, Scope, Span, Unit, Window

_name = st.none() | st.sampled_from(["aa", "bb"])
_scopes = st.builds(
    Scope,
    organisation=st.sampled_from(["acme", "globex"]),
    team=_name,
    project=_name,
    key=_name,
    model=_name,
    each=st.none() | st.sampled_from(Level),
)
_windows = st.builds(Window, st.sampled_from([Span.DAY, Span.MONTH]), st.sampled_from(["UTC", "Asia/Kathmandu"])) | (
    st.integers(1, 31 * 1440).map(lambda minutes: Window(Span.ROLLING, rolling_s=minutes * 60))
)
_budgets = st.builds(
    Budget,
    id=st.just(LimitId("x")),
    scope=_scopes,
    unit=st.sampled_from(Unit),
    amount=st.integers(0, 10**15),
    window=_windows,
    is_hard=st.booleans(),
    alert_percents=st.sets(st.integers(1, 1000)).map(lambda percents: tuple(sorted(percents))),
)
_count = st.none() | st.integers(1, 10**12)
_rates = st.builds(Rate, st.just(LimitId("x")), _scopes, _count, _count, _count)


@given(limit=_budgets | _rates)
def test_what_is_written_is_read_back_exactly_even_through_json(limit: Limit) -> None:
    definition = json.loads(json.dumps(write_limit(limit)))
    assert read_limit("x", definition) == limit
    assert write_limit(read_limit("x", definition)) == definition


def test_a_definition_reads_like_the_file() -> None:
    budget = Budget(LimitId("x"), Scope("acme", each=Level.KEY), Unit.MICRO_USD, 2_500_500_000, Window(Span.MONTH))
    assert write_limit(budget) == {
        "scope": {"organisation": "acme", "each": "key"},
        "amount_usd": "2500.5",
        "window": "month",
        "time_zone": "UTC",
        "hard": True,
        "alert_at": [0.8, 1.0],
    }
    assert write_limit(Rate(LimitId("x"), Scope("acme", model="m"), 60)) == {
        "scope": {"organisation": "acme", "model": "m"},
        "requests_per_minute": 60,
    }


@pytest.mark.parametrize(
    ("length_s", "text"), [(60, "1m"), (1800, "30m"), (3600, "1h"), (86_400, "24h"), (172_800, "2d"), (5400, "90m")]
)
def test_a_rolling_time_is_written_as_people_say_it(length_s: int, text: str) -> None:
    window = Window(Span.ROLLING, rolling_s=length_s)
    assert write_limit(Budget(LimitId("x"), Scope("acme"), Unit.TOKENS, 1, window))["window"] == text


@pytest.mark.parametrize(
    ("micro_usd", "text"), [(0, "0"), (1, "0.000001"), (250_000, "0.25"), (2_500_000_000, "2500"), (-1, "-0.000001")]
)
def test_money_is_written_exactly_and_short(micro_usd: int, text: str) -> None:
    assert (write_usd(micro_usd), read_usd(text)) == (text, micro_usd)


def test_money_finer_than_a_micro_dollar_is_no_amount() -> None:
    with pytest.raises(ValueError, match="six decimals"):
        read_usd("0.0000001")


_GOOD: dict[str, object] = {"scope": {"organisation": "acme"}, "tokens": 1, "window": "day"}


@pytest.mark.parametrize(
    "changes",
    [
        {"scope": None},
        {"scope": {}},
        {"scope": {"organisation": "acme", "each": "galaxy"}},
        {"window": "fortnight"},
        {"window": ""},
        {"tokens": "1"},
        {"tokens": True},
        {"amount_usd": "x"},
        {"amount_usd": "0.0000001"},
        {"alert_at": 0.8},
        {"alert_at": ["x"]},
    ],
)
def test_what_this_version_does_not_know_is_no_limit(changes: dict[str, object]) -> None:
    assert read_limit("x", _GOOD)
    with pytest.raises(DefinitionInvalid, match="x: "):
        read_limit("x", _GOOD | changes)
