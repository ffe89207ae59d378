"""``extproc budgets`` as it is typed, against real Postgres and Valkey."""

import asyncio
import json
import time

import pytest
from click.testing import CliRunner, Result

from extproc.adapters.memory import MemoryClock
from extproc.adapters.memory_money import MemoryLedger
from extproc.adapters.redis_budgets import RedisBudgets
from extproc.adapters.redis_client import open_redis
from extproc.cli.main import main
from extproc.model.ids import ExchangeId, ModelName
from extproc.model.limits import Budget, Estimate, LimitId, Reservation, Scope, Span, Unit, Window
from extproc.model.money import MicroUsd
from extproc.policy.reserve import Asker, Limits, make_claim
from tests.samples import make_key
from tests.servers import Valkey

DEED = ("--change", "INC-7", "--approver", "grace", "--actor", "ada")
SET = ("set", "acme-day", "--organisation", "acme", "--amount-usd", "50", "--window", "day", *DEED)


@pytest.fixture
def variables(postgres_dsn: str, valkey_url: str) -> dict[str, str]:
    return {"EXTPROC_POSTGRES_DSN": postgres_dsn, "EXTPROC_REDIS_URL": valkey_url}


def run(variables: dict[str, str], *words: str) -> Result:
    return CliRunner(env={**variables, "COLUMNS": "200"}).invoke(main, ["budgets", *words])


def listed(variables: dict[str, str], *words: str) -> list[dict[str, object]]:
    return json.loads(run(variables, "list", "--json", *words).stdout)


async def hold(url: str, budget: Budget, micro_usd: int) -> None:
    clock = MemoryClock(time.time())
    async with open_redis(url) as redis:
        budgets = RedisBudgets(redis, MemoryLedger(), clock)
        await budgets.install()
        limits, asker = Limits(1, {"acme": (budget,)}), Asker(make_key(), ModelName("m"))
        estimate = Estimate(1, 1, MicroUsd(micro_usd))
        held = await budgets.reserve(lambda now_s: make_claim(limits, asker, estimate, ExchangeId("x"), 60, now_s))
        assert isinstance(held, Reservation)


def test_a_limit_is_set_shown_changed_and_removed_by_hand(variables: dict[str, str]) -> None:
    assert "No limits." in run(variables, "list").stdout
    done = run(variables, *SET)
    assert (done.exit_code, done.stdout) == (0, "acme-day: 50 USD a day (UTC), hard for acme\n"), done.output
    changed = run(variables, "set", "acme-day", "--amount-usd", "60.25", "--soft", "--alert-at", "0.5", *DEED, "--json")
    assert json.loads(changed.stdout) == {"id": "acme-day", "version": 2, "is_announced": True}
    (row,) = listed(variables)
    assert {
        name: row[name] for name in ("id", "scope", "amount_usd", "window", "hard", "alert_at", "source", "use")
    } == {
        "id": "acme-day",
        "scope": {"organisation": "acme"},
        "amount_usd": "60.25",
        "window": "day",
        "hard": False,
        "alert_at": [0.5],
        "source": "command",
        "use": None,
    }
    shown = json.loads(run(variables, "show", "acme-day", "--json").stdout)
    assert [(each["seq"], each["action"], each["actor"], each["approval"]) for each in shown["history"]] == [
        (1, "limit.set", "ada", "INC-7, approved by grace"),
        (2, "limit.set", "ada", "INC-7, approved by grace"),
    ]
    assert run(variables, "remove", "acme-day", *DEED).stdout == "acme-day: removed\n"
    assert listed(variables) == []


def test_the_list_shows_what_is_used_and_held_of_a_budget_right_now(variables: dict[str, str], valkey_url: str) -> None:
    run(variables, *SET)
    run(
        variables,
        "set",
        "acme-keys",
        "--organisation",
        "acme",
        "--each",
        "key",
        "--tokens",
        "9",
        "--window",
        "1h",
        *DEED,
    )
    budget = Budget(LimitId("acme-day"), Scope("acme"), Unit.MICRO_USD, 50_000_000, Window(Span.DAY))
    asyncio.run(hold(valkey_url, budget, 10_000_000))
    day, keys = listed(variables)
    assert isinstance(day["use"], dict)
    assert (day["use"]["used_usd"], day["use"]["held_usd"], day["use"]["is_whole"]) == ("0", "10", True)
    assert keys["use"] is None
    table = run(variables, "list").stdout
    assert "▒▒▒▒░░░░░░░░░░░░░░░░ 0 % (0 USD), resets " in table
    assert "counted apart" in table
    assert "▒▒▒▒░" in run(variables, "show", "acme-day").stdout


def test_a_list_is_narrowed_to_an_organisation(variables: dict[str, str]) -> None:
    run(variables, *SET)
    run(variables, "set", "other", "--organisation", "globex", "--concurrent", "2", *DEED)
    assert [row["id"] for row in listed(variables, "--organisation", "globex")] == ["other"]
    assert len(listed(variables)) == 2


def test_a_rate_is_set_by_hand_as_well(variables: dict[str, str]) -> None:
    words = ("set", "r", "--organisation", "acme", "--each", "user", "--requests-per-minute", "60")
    assert run(variables, *words, "--concurrent", "4", *DEED).stdout == (
        "r: 60 requests/min, 4 at a time for acme, each user\n"
    )
    assert run(variables, "set", "r", "--concurrent", "5", *DEED).stdout == (
        "r: 60 requests/min, 5 at a time for acme, each user\n"
    )
    assert run(variables, "set", "r", "--model", "m", *DEED).exit_code == 0
    assert listed(variables)[0]["scope"] == {"organisation": "acme", "model": "m", "each": "user"}


def test_a_day_in_a_time_zone_becomes_a_rolling_time_without_one(variables: dict[str, str]) -> None:
    run(variables, *SET, "--time-zone", "Asia/Kathmandu")
    assert listed(variables)[0]["time_zone"] == "Asia/Kathmandu"
    assert run(variables, "set", "acme-day", "--window", "24h", *DEED).exit_code == 0
    assert "time_zone" not in listed(variables)[0]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--amount-usd", "0.0000001"), "amount_usd: '0.0000001' cannot be used here"),
        (("--window", "fortnight"), "window: 'fortnight' cannot be used here"),
        (("--time-zone", "Mars/X"), "time_zone: there is no time zone 'Mars/X'"),
        (("--project", "ranking"), "scope.project: a project is one of a team"),
        (("--organisation", "globex"), "is of acme, and an id keeps its organisation"),
        (("--concurrent", "3"), "acme-day counts money, and an id keeps its unit"),
        (("--tokens", "3"), "acme-day counts money, and an id keeps its unit"),
        (("--amount-usd", "50"), "is that already"),
    ],
)
def test_what_cannot_be_is_one_line_and_changes_nothing(
    variables: dict[str, str], words: tuple[str, ...], says: str
) -> None:
    run(variables, *SET)
    before = listed(variables)
    result = run(variables, "set", "acme-day", *words, *DEED)
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith("extproc budgets: ")
    assert result.stderr.count("\n") == 1
    assert says in result.stderr
    assert listed(variables) == before


@pytest.mark.parametrize(
    "words", [SET[:-6], ("remove", "x"), ("set",), (*SET, "--concurrent", "3"), (*SET, "--each", "organisation")]
)
def test_wrong_use_is_exit_code_2(variables: dict[str, str], words: tuple[str, ...]) -> None:
    assert run(variables, *words).exit_code == 2


def test_what_is_not_there_cannot_be_shown_or_removed(variables: dict[str, str]) -> None:
    for words in (("show", "x"), ("remove", "x", *DEED)):
        result = run(variables, *words)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "limit 'x' does not exist" in result.stderr


def test_redis_away_leaves_the_limits_and_not_their_use(variables: dict[str, str], own_valkey: Valkey) -> None:
    own_valkey.kill()
    away = variables | {"EXTPROC_REDIS_URL": own_valkey.url}
    done = run(away, *SET)
    assert done.exit_code == 0
    assert "Redis could not be told" in done.stderr
    shown = run(away, "list")
    assert shown.exit_code == 0
    assert "acme-day" in shown.stdout
    assert "What is used is not known: redis unavailable" in shown.stderr


def test_postgres_away_is_one_line_and_exit_code_3(variables: dict[str, str]) -> None:
    result = run(variables | {"EXTPROC_POSTGRES_DSN": "postgresql:///x?host=/nowhere"}, "list")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "postgres unavailable" in result.stderr
