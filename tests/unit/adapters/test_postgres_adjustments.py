"""What is in Postgres beside the adjustment itself; what it promises otherwise is in tests/contracts."""

import re
import uuid
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from extproc.adapters.ledger_tables import LedgerTables
from extproc.adapters.postgres_adjustments import PostgresAdjustments
from extproc.adapters.postgres_pool import open_pool
from extproc.model.adjustments import AdjustmentProblem
from extproc.model.money import MicroUsd
from extproc.model.refusals import Unavailable
from tests.contracts.test_adjustments import CREDIT


async def make(dsn: str, *changes: dict[str, object]) -> None:
    async with open_pool(dsn) as pool:
        for each in changes or ({},):
            await PostgresAdjustments(pool).make(replace(CREDIT, **each))


async def test_each_counter_is_charged_once_and_reconciled_against_what_it_then_is(postgres_dsn: str) -> None:
    await make(postgres_dsn, {}, {}, {"id": "adj_back-again", "micro_usd": MicroUsd(500), "parts": CREDIT.parts[:1]})
    async with open_pool(postgres_dsn) as pool:
        counted = await LedgerTables(pool).counted("acme", CREDIT.parts)
        recent = {each.reservation for each in await LedgerTables(pool).recent(60)}
    assert counted == {CREDIT.parts[0]: -12_499_501, CREDIT.parts[1]: -12_500_001}
    assert recent == {"adj_credit-1-0001", "adj_credit-1-0002", "adj_back-again-0001"}


async def test_the_admin_log_has_who_and_which_approval_once(postgres_dsn: str) -> None:
    await make(postgres_dsn, {}, {})
    with psycopg.connect(postgres_dsn) as connection:
        found = connection.execute("select actor, action, subject, approval, detail from admin_log").fetchall()
    ((actor, action, subject, approval, detail),) = found
    assert (actor, action, subject, approval) == ("ada", "ledger.adjust", "adj_credit-1", "CHG-1")
    assert (detail["micro_usd"], detail["reason"], detail["team"]) == (-12_500_001, "credit note", "search")


@pytest.mark.parametrize(
    "change",
    [
        {"id": "adj_x"},
        {"micro_usd": MicroUsd(0)},
        {"organisation": ""},
        {"reason": "two\nlines"},
        {"approval": " "},
        {"reason": "nul \0"},
    ],
)
async def test_what_is_not_well_is_refused_and_leaves_nothing(postgres_dsn: str, change: dict[str, object]) -> None:
    with pytest.raises(AdjustmentProblem):
        await make(postgres_dsn, change)
    with psycopg.connect(postgres_dsn) as connection:
        for table in ("spend_adjustments", "ledger_adjustments", "ledger_totals", "admin_log"):
            assert connection.execute(f"select count(*) from {table}").fetchone() == (0,)  # noqa: S608


@pytest.mark.parametrize(
    "query",
    [
        "update spend_adjustments set micro_usd = 1",
        "delete from spend_adjustments",
        "truncate spend_adjustments",
        "set session_replication_role = replica; delete from spend_adjustments",
    ],
)
async def test_an_adjustment_is_never_changed_or_removed(postgres_dsn: str, query: str) -> None:
    await make(postgres_dsn)
    with psycopg.connect(postgres_dsn) as connection, pytest.raises(psycopg.Error, match="takes it back"):
        connection.execute(query)


async def test_a_database_that_is_away_or_behind_is_unavailable(empty_postgres_dsn: str) -> None:
    for dsn in ("postgresql:///x?host=/nowhere", empty_postgres_dsn):
        async with open_pool(dsn) as pool:
            with pytest.raises(Unavailable):
                await PostgresAdjustments(pool, limit_s=5.0).make(CREDIT)


async def test_the_rights_that_the_document_names_are_enough_and_all_are_needed(postgres_dsn: str) -> None:
    role = f"finance_{uuid.uuid4().hex}"
    text = re.sub(r"\s+", " ", (Path(__file__).parents[3] / "docs/ledger.md").read_text())
    said = text.partition("Whoever may book needs,")[2].partition("and `select` on `limits`")[0]
    grants = [
        *re.findall(r"(execute) on (function ledger_adjust\(jsonb\))", said),
        *(
            (rights, table)
            for rights, tables in re.findall(r"`([a-z, ]+)` on (`[a-z_]+`(?: and `[a-z_]+`)*)", said)
            for table in re.findall(r"[a-z_]{5,}", tables)
        ),
    ]
    assert len(grants) == 6
    async with open_pool(f"{postgres_dsn}&options=-crole%3D{role}") as pool:
        with psycopg.connect(postgres_dsn, autocommit=True) as owner:
            owner.execute(f"create role {role}".encode())
            for rights, place in grants:
                owner.execute(f"grant {rights} on {place} to {role}".encode())
            store = PostgresAdjustments(pool, limit_s=10.0)
            assert await store.make(CREDIT)
            assert not await store.make(CREDIT)
            assert await store.find(CREDIT.id) == CREDIT
            for number, (rights, place) in enumerate(grants):
                owner.execute(f"revoke {rights} on {place} from {role}".encode())
                with pytest.raises(Unavailable, match="may not"):
                    await store.make(replace(CREDIT, id=f"adj_more-{number}"))
                owner.execute(f"grant {rights} on {place} to {role}".encode())
            owner.execute(f"drop owned by {role}; drop role {role}".encode())
