"""``extproc ledger adjust`` as it is typed, against a real Postgres and a real Redis."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import psycopg
import pytest

from extproc.adapters.ledger_tables import LedgerTables
from extproc.adapters.memory import MemoryClock
from extproc.adapters.postgres_limits import PostgresLimits
from extproc.adapters.postgres_pool import open_pool
from extproc.adapters.redis_budgets import RedisBudgets
from extproc.adapters.redis_client import open_redis
from extproc.model.ids import ExchangeId
from extproc.model.keys import Deed
from extproc.model.ledger import LedgerCharge
from extproc.model.limit_records import LimitChange, Source
from extproc.model.limits import Budget, Charge, LimitId, Rank, Scope, Settlement, Span, Unit, Window
from tests.spend_rows import spend_row
from tests.unit.cli.scripted_admin import typed

NOW = datetime.now(UTC)
PART = f"acme-month::{NOW:%Y-%m}"
HOW = ("--organisation", "acme", "--team", "search", "--change", "CHG-9", "--approver", "grace", "--actor", "ada")


@pytest.fixture
def here(postgres_dsn: str, valkey_url: str) -> dict[str, str]:
    """A budget of which 30 dollars are used, in the ledger and in Redis."""
    environment = {"EXTPROC_POSTGRES_DSN": postgres_dsn, "EXTPROC_REDIS_URL": valkey_url}

    async def fill(tables: LedgerTables, budgets: RedisBudgets) -> None:
        limit = Budget(LimitId("acme-month"), Scope("acme"), Unit.MICRO_USD, 10**9, Window(Span.MONTH))
        await PostgresLimits(tables.pool).change(
            [LimitChange(limit.id, limit, Source.COMMAND, 0)], Deed("test", "CHG-1")
        )
        row = spend_row(NOW, 30_000_000, charges=(LedgerCharge(PART, Unit.MICRO_USD, 30_000_000),))
        await tables.write([row])
        await budgets.settle(
            Settlement(ExchangeId(row.exchange), "acme", (Charge(PART, 30_000_000),), (), 0, Rank.DELIVERY)
        )

    do(environment, fill)
    return environment


def do(environment: dict[str, str], work: Callable[[LedgerTables, RedisBudgets], Awaitable[object]]) -> object:
    async def run() -> object:
        async with (
            open_pool(environment["EXTPROC_POSTGRES_DSN"]) as pool,
            open_redis(environment["EXTPROC_REDIS_URL"]) as redis,
        ):
            tables = LedgerTables(pool)
            budgets = RedisBudgets(redis, tables, MemoryClock())
            await budgets.install()
            return await work(tables, budgets)

    return asyncio.run(run())


def adjust(
    environment: dict[str, str], *more: str, identity: str = "adj_credit-4711", amount: str = "-12.50"
) -> object:
    reason = ("--reason", "credit note 4711")
    return typed("ledger", "adjust", identity, "--amount-usd", amount, *reason, *HOW, *more, **environment)


def spend(environment: dict[str, str], *more: str) -> dict[str, object]:
    done = typed("report", "spend", "--from", f"{NOW:%Y-%m}", "--format", "json", *more, **environment)
    assert done.exit_code == 0, done.stderr
    told: dict[str, object] = json.loads(done.stdout)
    return told


def test_it_shows_what_it_will_do_and_does_nothing_without_a_yes(here: dict[str, str]) -> None:
    done = adjust(here, "--plan-only")
    assert done.exit_code == 0, done.stderr
    assert "adj_credit-4711  -12.500000 USD for acme/search" in done.stdout
    assert f"budget acme-month: -12.500000 USD on its counter {PART}" in done.stdout
    assert adjust(here).exit_code == 1
    assert spend(here)["adjustments"] == []


def test_reports_have_it_and_add_up_to_ledger_and_adjustments(here: dict[str, str]) -> None:
    assert adjust(here, "--yes").exit_code == 0
    assert adjust(here, "--yes", identity="adj_invoice-1", amount="0.000001").exit_code == 0
    told = spend(here, "--by", "team")
    rows = sum(row["cost_micro_usd"] for row in told["rows"])  # type: ignore[attr-defined]
    adjusted = sum(each["micro_usd"] for each in told["adjustments"])  # type: ignore[attr-defined]
    assert (rows, adjusted) == (30_000_000, -12_499_999)
    assert told["total"]["cost_micro_usd"] == rows + adjusted  # type: ignore[index]
    assert told["total"]["requests"] == 1  # type: ignore[index]
    with psycopg.connect(here["EXTPROC_POSTGRES_DSN"]) as connection:
        query = "select (select sum(micro_usd) from ledger) + (select sum(micro_usd) from spend_adjustments)"
        assert connection.execute(query).fetchone() == (17_500_001,)
    assert spend(here, "--organisation", "globex")["adjustments"] == []


def test_the_budgets_counter_moves_in_redis_and_the_ledger_and_they_stay_even(here: dict[str, str]) -> None:
    assert adjust(here, "--yes").exit_code == 0
    assert do(here, lambda _, budgets: budgets.show("acme", [PART])) == [(17_500_000, 0)]
    assert do(here, lambda tables, _: tables.counted("acme", [PART])) == {PART: 17_500_000}
    done = typed("ledger", "reconcile", "--pause", "0", **here)
    assert (done.exit_code, done.stdout) == (0, "1 counters compared, 0 differ, 0 repaired.\n")
    repaired = typed("ledger", "reconcile", "--repair", "--pause", "0", **here)
    assert repaired.exit_code == 0
    assert do(here, lambda _, budgets: budgets.show("acme", [PART])) == [(17_500_000, 0)]


def test_a_credit_of_more_than_was_used_is_below_zero_on_both_sides(here: dict[str, str]) -> None:
    assert adjust(here, "--yes", amount="-100").exit_code == 0
    assert do(here, lambda _, budgets: budgets.show("acme", [PART])) == [(-70_000_000, 0)]
    assert typed("ledger", "reconcile", "--pause", "0", **here).exit_code == 0
    assert spend(here)["total"]["cost_micro_usd"] == -70_000_000  # type: ignore[index]


def test_again_changes_nothing_and_another_amount_is_refused(here: dict[str, str]) -> None:
    assert json.loads(adjust(here, "--yes", "--json").stdout)["is_new"] is True
    again = adjust(here, "--yes", "--json")
    assert (again.exit_code, json.loads(again.stdout)["is_new"]) == (0, False)
    assert "booked already" in adjust(here).stdout
    other = adjust(here, "--yes", amount="-12.51")
    assert (other.exit_code, "another adjustment" in other.stderr) == (1, True)
    assert do(here, lambda _, budgets: budgets.show("acme", [PART])) == [(17_500_000, 0)]


def test_the_admin_log_says_who_and_which_approval(here: dict[str, str]) -> None:
    adjust(here, "--yes")
    with psycopg.connect(here["EXTPROC_POSTGRES_DSN"]) as connection:
        found = connection.execute("select actor, approval from admin_log where action = 'ledger.adjust'").fetchall()
    assert found == [("ada", "CHG-9, approved by grace")]


def test_without_redis_it_is_booked_and_the_way_on_is_said(here: dict[str, str]) -> None:
    away = {**here, "EXTPROC_REDIS_URL": "redis://127.0.0.1:1/0"}
    done = adjust(away, "--yes")
    assert done.exit_code == 0, done.stderr
    assert "reconcile --repair" in done.stderr
    assert typed("ledger", "reconcile", "--repair", "--pause", "0", **here).exit_code == 0
    assert do(here, lambda _, budgets: budgets.show("acme", [PART])) == [(17_500_000, 0)]


@pytest.mark.parametrize(
    ("more", "amount", "code", "word"),
    [
        ((), "1e-7", 2, "six decimals"),
        ((), "nan", 2, "six decimals"),
        ((), "lots", 2, "six decimals"),
        ((), "0", 1, "amount"),
        (("--at", "yesterday"), "-1", 2, "no day or time"),
        (("--at", "2999-01-01"), "-1", 1, "past"),
        (("--key", "key_1"), "-1", 1, "key"),
        (("--json",), "-1", 2, "--yes"),
    ],
)
def test_what_is_not_well_is_said_before_anything_happens(
    here: dict[str, str], more: tuple[str, ...], amount: str, code: int, word: str
) -> None:
    done = adjust(here, *more, *(() if "--json" in more else ("--yes",)), amount=amount)
    assert (done.exit_code, word in done.stderr) == (code, True), done.stderr
    assert spend(here)["adjustments"] == []


def test_the_time_is_of_a_day_or_moment(here: dict[str, str]) -> None:
    told = json.loads(adjust(here, "--plan-only", "--json", "--at", "2026-01-05").stdout)
    assert (told["at"], told["counters"]) == ("2026-01-05T00:00:00+00:00", [])
    assert told["left_alone"] == [{"budget": "acme-month", "why": "its window is over"}]


def test_postgres_away_is_told(here: dict[str, str]) -> None:
    done = adjust({**here, "EXTPROC_POSTGRES_DSN": "postgresql:///x?host=/nowhere"}, "--yes")
    assert done.exit_code == 3
