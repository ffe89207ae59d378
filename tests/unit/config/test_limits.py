"""What gateway.yaml may declare of limits, and that everything wrong with it is said at once."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.gateway import Gateway, GatewayInvalid, parse
from extproc.config.limits import read_declared
from extproc.model.limits import Budget, Level, LimitId, Outage, Rate, Scope, Span, Unit, Window

_BASE = """
deployments:
  - {name: a, base_url: "http://127.0.0.1:8000", upstream_model: m-1}
models:
  - {name: m, deployments: [a]}
"""


def _gateway(text: str) -> Gateway:
    return parse(_BASE + text, "test")


def _problems(text: str) -> list[tuple[str, str]]:
    with pytest.raises(GatewayInvalid) as raised:
        _gateway(text)
    return [(problem.path, problem.message) for problem in raised.value.problems]


def _budget(text: str) -> Budget:
    (limit,) = _gateway(f"budgets:\n  - {{id: b, scope: {{organisation: acme}}, {text}}}\n").declared
    assert isinstance(limit, Budget)
    return limit


def test_a_file_without_limits_declares_none_and_every_outage_is_closed() -> None:
    gateway = _gateway("")
    assert gateway.declared == ()
    assert dict(gateway.outages) == {}
    assert Outage() == Outage(is_open=False, allowance_micro_usd=0, allowance_requests=0)


def test_alerts_are_only_logged_unless_the_file_names_an_address() -> None:
    assert _gateway("").alert_webhook is None
    url = "https://alerts.example.com/budgets"
    assert _gateway(f"alerts: {{webhook_url: {url}}}").alert_webhook == url


def test_limits_mean_what_the_file_says_in_its_order() -> None:
    gateway = _gateway("""
budgets:
  - id: acme-month
    scope: {organisation: acme, team: search, project: ranking, each: key, model: m}
    amount_usd: 2500.50
    window: month
    time_zone: Europe/London
    hard: false
    alert_at: [1.0, 0.5, 0.5]
rates:
  - id: acme-rpm
    scope: {organisation: acme, each: user}
    requests_per_minute: 60
    tokens_per_minute: 9000
    concurrent: 4
""")
    assert gateway.declared == (
        Budget(
            LimitId("acme-month"),
            Scope("acme", "search", "ranking", None, "m", Level.KEY),
            Unit.MICRO_USD,
            2_500_500_000,
            Window(Span.MONTH, "Europe/London"),
            is_hard=False,
            alert_percents=(50, 100),
        ),
        Rate(LimitId("acme-rpm"), Scope("acme", each=Level.USER), 60, 9000, 4),
    )


def test_a_budget_is_hard_in_utc_and_told_at_80_and_100_percent_unless_it_says_otherwise() -> None:
    budget = _budget("tokens: 5, window: day")
    assert budget == Budget(LimitId("b"), Scope("acme"), Unit.TOKENS, 5, Window(Span.DAY), True, (80, 100))


@pytest.mark.parametrize(("text", "length_s"), [("30m", 1800), ("24h", 86_400), ("7d", 604_800), ("1m", 60)])
def test_any_other_window_is_a_rolling_time(text: str, length_s: int) -> None:
    assert _budget(f"tokens: 5, window: {text}").window == Window(Span.ROLLING, rolling_s=length_s)


@given(micro_usd=st.integers(0, 10**15 - 1), is_quoted=st.booleans())
def test_money_is_exact_to_the_micro_dollar_however_it_is_written(micro_usd: int, is_quoted: bool) -> None:
    written = f"{Decimal(micro_usd) / 1_000_000:f}"
    quote = '"' if is_quoted else ""
    assert _budget(f"amount_usd: {quote}{written}{quote}, window: day").amount == micro_usd


@pytest.mark.parametrize(
    "amount", ["0.1234567", '"0.1234567"', "true", "nan", '"inf"', "-1", "1000000000", "[]", "null"]
)
def test_an_amount_that_is_no_exact_sum_is_refused(amount: str) -> None:
    with pytest.raises(GatewayInvalid):
        _budget(f"amount_usd: {amount}, window: day")


def test_everything_that_is_wrong_with_limits_is_said_at_once() -> None:
    assert _problems("""
budgets:
  - {id: A b, scope: {organisation: acme, project: xy}, amount_usd: 0.1234567, window: 25s, time_zone: Mars/X}
  - {id: a, scope: {organisation: acme, team: xy, each: team, model: nope}, amount_usd: 1, tokens: 3, window: day}
  - {id: a, scope: {}, amount_usd: 1, window: 40d, time_zone: UTC}
  - {id: c, scope: {organisation: acme}, window: 1h, alert_at: [0, 0.123, x]}
rates:
  - {id: c, scope: {organisation: acme, each: organisation}}
  - {id: d, scope: {organisation: acme, key: key_x}, requests_per_minute: 0, conkurrent: 1}
""") == [
        ("budgets[0].amount_usd", "0.1234567 cannot be used here"),
        ("budgets[0].id", "'A b' cannot be used here"),
        ("budgets[0].scope.project", "a project is one of a team"),
        ("budgets[0].time_zone", "there is no time zone 'Mars/X'"),
        ("budgets[0].window", "'25s' cannot be used here"),
        ("budgets[1]", "has both amount_usd and tokens"),
        ("budgets[1].scope.each", "the scope has only one team to count"),
        ("budgets[1].scope.model", "there is no model 'nope'"),
        ("budgets[2].id", "'a' is already taken on line 9"),
        ("budgets[2].scope.organisation", "is required"),
        ("budgets[2].time_zone", "a rolling window begins at no hour of a time zone"),
        ("budgets[2].window", "'40d' is longer than 31 days"),
        ("budgets[3]", "has no amount"),
        ("budgets[3].alert_at[0]", "0 cannot be used here"),
        ("budgets[3].alert_at[1]", "0.123 cannot be used here"),
        ("budgets[3].alert_at[2]", "'x' cannot be used here"),
        ("rates[0]", "it limits nothing"),
        ("rates[0].id", "'c' is already taken on line 11"),
        ("rates[0].scope.each", "'organisation' cannot be used here"),
        ("rates[1].conkurrent", "is not a known key"),
        ("rates[1].requests_per_minute", "0 cannot be used here"),
        ("rates[1].scope.key", "'key_x' cannot be used here"),
    ]


@pytest.mark.parametrize("zone", ["Mars/X", "America", "../etc/passwd", "/etc/localtime", "", "UTC\\0"])
def test_a_time_zone_is_one_that_there_is(zone: str) -> None:
    with pytest.raises(GatewayInvalid, match="time_zone"):
        _budget(f'tokens: 1, window: day, time_zone: "{zone}"')


@pytest.mark.parametrize(
    ("scope", "is_good"),
    [
        ("each: team", True),
        ("each: user", True),
        ("team: ab, each: project", True),
        ("team: ab, project: cd, each: key", True),
        ("team: ab, project: cd, each: user", True),
        ("team: ab, each: team", False),
        ("team: ab, project: cd, each: team", False),
        ("team: ab, project: cd, each: project", False),
        ("key: key_0123456789012345678901, each: key", False),
    ],
)
def test_what_is_counted_apart_lies_within_what_is_named(scope: str, is_good: bool) -> None:
    text = f"rates:\n  - {{id: r, scope: {{organisation: acme, {scope}}}, concurrent: 1}}\n"
    if is_good:
        assert len(_gateway(text).declared) == 1
    else:
        assert [path for path, _ in _problems(text)] == ["rates[0].scope.each"]


def test_a_tenant_says_what_holds_while_limits_cannot_be_asked() -> None:
    gateway = _gateway("""
tenants:
  - {organisation: acme, when_limits_unavailable: open, allowance_usd: 0.5, allowance_requests: 10}
  - {organisation: globex}
""")
    assert dict(gateway.outages) == {"acme": Outage(True, 500_000, 10), "globex": Outage()}


def test_an_open_tenant_says_how_far_and_a_closed_one_says_nothing() -> None:
    assert _problems("""
tenants:
  - {organisation: acme, when_limits_unavailable: open}
  - {organisation: acme, allowance_usd: 5}
""") == [
        ("tenants[0].allowance_requests", "is required for open"),
        ("tenants[0].allowance_usd", "is required for open"),
        ("tenants[1].allowance_usd", "nothing passes while it is closed"),
        ("tenants[1].organisation", "'acme' is already taken on line 8"),
    ]


def test_one_limit_without_a_file_is_judged_by_the_same_rules() -> None:
    entry = {"scope": {"organisation": "acme"}, "amount_usd": "0.10", "window": "1h"}
    assert read_declared("budgets", "b", entry) == Budget(
        LimitId("b"), Scope("acme"), Unit.MICRO_USD, 100_000, Window(Span.ROLLING, rolling_s=3600)
    )
    with pytest.raises(GatewayInvalid) as raised:
        read_declared("budgets", "B", entry | {"tokens": 5, "window": "1s"})
    assert {problem.path for problem in raised.value.problems} == {"budgets[0]", "budgets[0].id", "budgets[0].window"}
