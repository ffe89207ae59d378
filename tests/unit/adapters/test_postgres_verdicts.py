"""Sums of verdicts, against rows that were written."""

import uuid
from dataclasses import replace
from datetime import timedelta

from extproc.adapters.ledger_tables import LedgerTables
from extproc.adapters.postgres_pool import open_pool
from extproc.adapters.postgres_reports import PostgresReports
from extproc.model.guard import Direction, Finding, Result, Verdict
from extproc.model.reports import GuardAnswer
from extproc.operations.periods import Period
from extproc.operations.reports import ask_spend
from extproc.policy.verdicts import write_verdict
from tests.spend_rows import NOON, spend_row

CARD = Finding("pii.card", ("input",), 0, 4)
CLEAN = Verdict("pii", Direction.INPUT, Result.CLEAN, "v", 100)
BLOCKED = Verdict("pii", Direction.INPUT, Result.BLOCKED, "v", 300, (CARD, replace(CARD, kind="pii.iban")), 5)
OUT = Verdict("secrets", Direction.OUTPUT, Result.CLEAN, "v", 50)


async def ask(dsn: str, organisation: str) -> GuardAnswer:
    period = Period(NOON - timedelta(days=1), NOON + timedelta(days=1), "UTC")
    async with open_pool(dsn, most_connections=1) as pool:
        return await PostgresReports(pool, limit_s=30.0).guard(ask_spend(period, (), organisation))


async def test_verdicts_are_added_up_by_whose_they_are_and_what_they_say(postgres_dsn: str) -> None:
    mine = uuid.uuid4().hex[:12]
    rows = [
        spend_row(organisation=mine, verdicts=_texts(CLEAN, OUT)),
        spend_row(organisation=mine, verdicts=_texts(BLOCKED)),
        spend_row(organisation=mine, verdicts=_texts(CLEAN)),
        spend_row(organisation=mine),
        spend_row(organisation=mine, at=NOON - timedelta(days=2), verdicts=_texts(BLOCKED)),
        spend_row(organisation="x" + mine, verdicts=_texts(BLOCKED)),
    ]
    async with open_pool(postgres_dsn, most_connections=1) as pool:
        await LedgerTables(pool).write(rows)
    answer = await ask(postgres_dsn, mine)
    assert (answer.exchanges, answer.unjudged) == (4, 1)
    found = {(each.scanner, each.direction, each.result): each for each in answer.groups}
    assert len(found) == len(answer.groups) == 3
    clean, blocked = found["pii", Direction.INPUT, Result.CLEAN], found["pii", Direction.INPUT, Result.BLOCKED]
    assert (clean.exchanges, clean.findings, clean.latency_us, clean.kinds) == (2, 0, 200, ())
    assert (blocked.exchanges, blocked.findings, blocked.kinds) == (1, 5, ("pii.card", "pii.iban"))
    assert found["secrets", Direction.OUTPUT, Result.CLEAN].exchanges == 1
    assert {each.organisation for each in (await ask(postgres_dsn, "")).groups} >= {mine, "x" + mine}


def _texts(*verdicts: Verdict) -> tuple[str, ...]:
    return tuple(sorted(map(write_verdict, verdicts)))
