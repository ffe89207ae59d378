"""``extproc ledger`` as it is typed, against a real Postgres and a real Redis."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from extproc.adapters.ledger_tables import LedgerTables
from extproc.adapters.memory import MemoryClock
from extproc.adapters.postgres_pool import open_pool
from extproc.adapters.redis_budgets import RedisBudgets
from extproc.adapters.redis_client import open_redis
from extproc.model.exchange import Usage
from extproc.model.ids import ExchangeId
from extproc.model.limits import Charge, Rank, Settlement
from tests.contracts.test_ledger import row
from tests.unit.cli.scripted_admin import typed

Work = Callable[[LedgerTables, RedisBudgets], Awaitable[object]]
NOW_S = datetime.now(UTC).timestamp()


@pytest.fixture
def here(postgres_dsn: str, valkey_url: str) -> dict[str, str]:
    """Two rows in the ledger, both charged in Redis."""
    environment = {"EXTPROC_POSTGRES_DSN": postgres_dsn, "EXTPROC_REDIS_URL": valkey_url}

    async def fill(tables: LedgerTables, budgets: RedisBudgets) -> None:
        rows = [
            row(
                f"x{index}",
                amount=amount,
                started_at_s=NOW_S,
                dialect="openai",
                upstream_model="m",
                usage=Usage(10, 5),
                provider_request_id=f"r{index}",
            )
            for index, amount in enumerate((30, 12))
        ]
        await tables.write(rows)
        for each in rows:
            await budgets.settle(settlement(each.exchange, each.micro_usd))

    do(environment, fill)
    return environment


def settlement(name: str, amount: int) -> Settlement:
    charges = (Charge("org", amount), Charge("key", amount))
    return Settlement(ExchangeId(name), "acme", charges, (), 0, Rank.DELIVERY)


def do(environment: dict[str, str], work: Work) -> object:
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


def used(environment: dict[str, str]) -> object:
    return do(environment, lambda _, budgets: budgets.show("acme", ["org", "key"]))


def test_counters_that_agree_with_the_ledger_are_told_to(here: dict[str, str]) -> None:
    done = typed("ledger", "reconcile", "--pause", "0", **here)
    assert (done.exit_code, done.stdout) == (0, "2 counters compared, 0 differ, 0 repaired.\n")


def test_a_difference_is_printed_then_repaired_and_gone(here: dict[str, str]) -> None:
    async def drift(_: LedgerTables, budgets: RedisBudgets) -> None:
        await budgets.recount("acme", "org", 40)
        await budgets.settle(settlement("nobody's", 1))

    do(here, drift)
    looked = typed("ledger", "reconcile", "--pause", "0", "--json", **here)
    assert looked.exit_code == 1
    told = json.loads(looked.stdout)
    assert [(each["counter"], each["redis"], each["ledger"], each["state"]) for each in told["differences"]] == [
        ("key", 43, 42, "differs"),
        ("org", 41, 42, "differs"),
    ]
    shown = typed("ledger", "reconcile", "--pause", "0", "--organisation", "acme", "--repair", **here)
    assert shown.exit_code == 0, shown.output
    for word in ("acme", "org", "41", "42", "-1", "repaired", "2 differ, 2 repaired"):
        assert word in shown.stdout
    assert used(here) == [(42, 0), (42, 0)]
    assert typed("ledger", "reconcile", "--pause", "0", **here).exit_code == 0


def test_nothing_is_repaired_while_a_writer_has_rows_of_its_own(here: dict[str, str]) -> None:
    async def drift(tables: LedgerTables, budgets: RedisBudgets) -> None:
        await tables.tell_writer("host-1", 5)
        await budgets.recount("acme", "org", 40)

    do(here, drift)
    done = typed("ledger", "reconcile", "--pause", "0", "--repair", **here)
    assert done.exit_code == 1
    assert "writer host-1: 5 rows" in done.stdout
    assert "--force" in done.stdout
    assert typed("ledger", "reconcile", "--pause", "0", "--repair", "--force", **here).exit_code == 0
    assert used(here) == [(42, 0), (42, 0)]


def test_an_export_is_matched_by_request_id(here: dict[str, str], tmp_path: Path) -> None:
    export = tmp_path / "usage.csv"
    export.write_text("id,model,input_tokens,output_tokens,cost\nr0,m,10,5,0.00003\nr7,m,1,1,0.5\n")
    today = datetime.fromtimestamp(NOW_S, UTC).date().isoformat()
    words = ("ledger", "match", "openai", str(export), "--column", "request_id=id", "--column", "cost_usd=cost")
    done = typed(*words, "--from", today, "--to", today, "--json", **here)
    assert done.exit_code == 1, done.stderr
    told = json.loads(done.stdout)
    assert (told["only_provider"], told["only_ledger"]) == (["r7"], ["r1"])
    assert (told["total"]["matched"], told["total"]["micro_usd_variance"]) == (1, 0)
    shown = typed(*words, **here).stdout
    for word in ("total", "not in the ledger: r7", "give --from and --to"):
        assert word in shown
    export.write_text("id,input_tokens,output_tokens\nr0,10,5\nr1,10,5\n")
    assert typed("ledger", "match", "openai", str(export), "--column", "request_id=id", **here).exit_code == 0


def test_old_months_go_when_they_are_told_to(here: dict[str, str]) -> None:
    async def fill(tables: LedgerTables, _: RedisBudgets) -> None:
        await tables.write([replace(row("old"), started_at_s=NOW_S - 400 * 86_400)])

    do(here, fill)
    rehearsed = typed("ledger", "retain", "--months", "6", "--dry-run", **here)
    assert rehearsed.exit_code == 0
    assert "1 would go" in rehearsed.stdout
    dropped = typed("ledger", "retain", "--months", "6", "--json", **here)
    assert json.loads(dropped.stdout)["dropped"] == ["ledger_default: 1 rows"]
    assert len(do(here, lambda tables, _: tables.months())) == 1  # type: ignore[arg-type]


def test_what_goes_wrong_is_one_line_and_an_exit_code(
    here: dict[str, str], empty_postgres_dsn: str, tmp_path: Path
) -> None:
    nowhere = here | {"EXTPROC_REDIS_URL": "redis://127.0.0.1:1/0"}
    away = typed("ledger", "reconcile", **nowhere)
    assert (away.exit_code, away.stderr.count("\n")) == (3, 1)
    behind = typed("ledger", "reconcile", **(here | {"EXTPROC_POSTGRES_DSN": empty_postgres_dsn}))
    assert (behind.exit_code, "extproc migrate" in behind.stderr) == (3, True)
    assert typed("ledger", "retain", "--months", "1", **here).exit_code == 2
    export = tmp_path / "usage.csv"
    export.write_text("date,tokens\n")
    unread = typed("ledger", "match", "openai", str(export), **here)
    assert (unread.exit_code, "--column" in unread.stderr) == (1, True)
    assert typed("ledger", "match", "openai", str(export), "--column", "x=y", **here).exit_code == 2
    assert typed("ledger", "match", "openai", str(export), "--from", "2026-11-01", **here).exit_code == 2
