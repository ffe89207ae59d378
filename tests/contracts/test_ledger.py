"""What the ledger promises, in memory and in Postgres alike: the records of an exchange become one row in any order."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extproc.adapters.ledger_tables import LedgerTables, RowRefused
from extproc.adapters.memory_money import MemoryLedger
from extproc.adapters.postgres_pool import open_pool
from extproc.model.exchange import Usage
from extproc.model.ids import ExchangeId
from extproc.model.ledger import (
    Adjustment,
    End,
    Flag,
    LedgerCharge,
    LedgerRow,
    Unanswered,
    merge_all,
    merged,
    with_unanswered,
)
from extproc.model.limits import Charge, Rank, Settlement, Unit
from extproc.model.money import MicroUsd

START_S = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
FIELDS = ("", "a", "b", "Z", "ä", "a b")
words = st.sampled_from(FIELDS)
lists = st.lists(words, max_size=2).map(tuple)
small = st.integers(0, 3)
charges = st.lists(
    st.builds(LedgerCharge, st.sampled_from(["p", "q"]), st.sampled_from(Unit), small, words),
    max_size=2,
    unique_by=lambda charge: charge.part,
).map(tuple)
unanswered = st.lists(
    st.builds(Unanswered, st.sampled_from(["d1", "d2", "d3"]), small, small),
    max_size=3,
    unique_by=lambda each: each.deployment,
).map(tuple)
plain_flags = [flag for flag in Flag if flag is not Flag.UNANSWERED]
rows = st.builds(
    LedgerRow,
    exchange=st.sampled_from([ExchangeId("x1"), ExchangeId("x2")]),
    started_at_s=st.sampled_from([START_S, START_S + 0.25]),
    ended_at_s=st.sampled_from([START_S + 1, START_S + 2.000001]),
    rank=st.sampled_from(Rank),
    is_final=st.booleans(),
    outcome=st.sampled_from(End),
    organisation=st.just("acme"),
    team=words,
    key=words,
    user=words,
    tags=lists,
    model=words,
    is_stream=st.booleans(),
    status=st.sampled_from([0, 200, 503]),
    refusal=words,
    tried=lists,
    attempts=small,
    deployment=words,
    provider_request_id=words,
    usage=st.builds(Usage, small, small, small),
    micro_usd=small.map(MicroUsd),
    price_version=words,
    flags=st.lists(st.sampled_from(plain_flags), max_size=2).map(tuple),
    charges=charges,
    unanswered=unanswered,
    freed=st.sets(st.sampled_from(["d1", "d2", "d3"])).map(lambda names: tuple(sorted(names))),
    verdicts=st.sets(st.sampled_from(['{"a":1}', '{"a":2}', '{"B":"é"}', '{"_":0}'])).map(
        lambda texts: tuple(sorted(texts))
    ),
).map(with_unanswered)


def row(exchange: str = "x1", rank: Rank = Rank.DELIVERY, amount: int = 5, **changes: object) -> LedgerRow:
    plain = LedgerRow(
        exchange=ExchangeId(exchange),
        started_at_s=START_S,
        ended_at_s=START_S + 1.5,
        rank=rank,
        is_final=rank is Rank.JOURNAL,
        outcome=End.ANSWERED,
        organisation="acme",
        micro_usd=MicroUsd(amount),
        charges=(LedgerCharge("org", Unit.MICRO_USD, amount), LedgerCharge("key", Unit.MICRO_USD, amount)),
    )
    return replace(plain, **changes)


def ids() -> str:
    return uuid.uuid4().hex


@pytest.fixture(params=["memory", "postgres"])
async def ledger(request: pytest.FixtureRequest, postgres_dsn: str) -> AsyncIterator[MemoryLedger | LedgerTables]:
    if request.param == "memory":
        yield MemoryLedger()
        return
    async with open_pool(postgres_dsn) as pool:
        yield LedgerTables(pool)


@given(rows, rows, rows)
def test_a_merge_does_not_care_for_order_grouping_or_repetition(a: LedgerRow, b: LedgerRow, c: LedgerRow) -> None:
    b, c = replace(b, exchange=a.exchange), replace(c, exchange=a.exchange)
    assert merged(a, b) == merged(b, a)
    assert merged(merged(a, b), c) == merged(a, merged(b, c))
    assert merged(a, a) == a
    assert merged(merged(a, b), b) == merged(a, b)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=st.lists(rows, min_size=1, max_size=6), data=st.data())
def test_records_in_any_order_and_number_become_the_same_rows_sums_and_recent_amounts(
    postgres_dsn: str, records: list[LedgerRow], data: st.DataObject
) -> None:
    mark = ids()
    records = [
        replace(
            record,
            exchange=ExchangeId(f"{record.exchange}-{mark}"),
            charges=tuple(replace(charge, part=f"{charge.part}-{mark}") for charge in record.charges),
        )
        for record in records
    ]
    shuffled = data.draw(st.permutations([*records, *data.draw(st.lists(st.sampled_from(records), max_size=4))]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=3)))
    batches = [shuffled[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]
    parts = [f"p-{mark}", f"q-{mark}"]

    async def compare() -> None:
        memory = MemoryLedger()
        async with open_pool(postgres_dsn) as pool:
            real = LedgerTables(pool)
            final = {}
            for batch in batches:
                told = await real.write(batch)
                assert sorted(told, key=lambda each: each.exchange) == sorted(
                    await memory.write(batch), key=lambda each: each.exchange
                )
                final |= {each.exchange: each for each in told}
            assert final == {each.exchange: each for each in merge_all(records)}
            for where in (real, memory):
                found = await where.baselines("acme", parts)
                for part in parts:
                    naive = {
                        each.exchange: charge.amount
                        for each in final.values()
                        for charge in each.charges
                        if charge.part == part
                    }
                    assert found[part].used == sum(naive.values())
                    recent = dict(found[part].recent)
                    assert {rid: amount for rid, amount in recent.items() if amount} == {
                        rid: amount for rid, amount in naive.items() if amount
                    }

    asyncio.run(compare())


async def test_deliverys_figures_win_and_the_journals_outcome(ledger: MemoryLedger | LedgerTables) -> None:
    mark = ids()
    delivered = row(mark, Rank.DELIVERY, 7, outcome=End.ANSWERED, provider_request_id="req_1")
    finished = row(mark, Rank.JOURNAL, 90, outcome=End.ABANDONED, status=200, flags=(Flag.ABANDONED_ESTIMATE,))
    await ledger.write([finished])
    (found,) = await ledger.write([delivered])
    assert (found.micro_usd, found.flags, found.rank) == (7, (), Rank.DELIVERY)
    assert (found.outcome, found.is_final, found.provider_request_id) == (End.ABANDONED, True, "req_1")
    assert (await ledger.baselines("acme", ["org"]))["org"].used == 7


async def test_an_attempt_known_to_be_free_costs_nothing_whoever_says_so_and_when(
    ledger: MemoryLedger | LedgerTables,
) -> None:
    mark = ids()
    charge = LedgerCharge(f"org-{mark}", Unit.MICRO_USD, 7)
    tokens = LedgerCharge(f"tokens-{mark}", Unit.TOKENS, 30)
    attempts = (Unanswered("d1", 100, 50), Unanswered("d2", 1000, 60))
    answered = with_unanswered(row(mark, amount=7, charges=(charge, tokens), unanswered=attempts))
    assert (answered.micro_usd, answered.unanswered_micro_usd, answered.answer_micro_usd) == (1107, 1100, 7)
    free = LedgerRow(ExchangeId(mark), START_S + 1, START_S + 1, Rank.JOURNAL, False, End.FAILED, freed=("d2",))
    (first,) = await ledger.write([free])
    assert first.micro_usd == 0
    for _ in range(2):
        (found,) = await ledger.write([answered])
        assert (found.micro_usd, found.unanswered_micro_usd, found.flags) == (107, 100, (Flag.UNANSWERED,))
        assert [each.amount for each in found.charges] == [107, 80]
    assert await ledger.counted("acme", [charge.part, tokens.part]) == {charge.part: 107, tokens.part: 80}
    (last,) = await ledger.write([replace(free, freed=("d1",))])
    assert (last.micro_usd, last.unanswered_micro_usd, last.flags, last.freed) == (7, 0, (), ("d1", "d2"))
    assert await ledger.counted("acme", [charge.part, tokens.part]) == {charge.part: 7, tokens.part: 30}
    (told,) = [each for each in await ledger.recent(60) if each.reservation == mark]
    assert (told.freed, told.precedence) == (2, 202)


async def test_writers_at_once_make_one_row_of_each_exchange_and_no_charge_twice(
    ledger: MemoryLedger | LedgerTables,
) -> None:
    several = [row(f"e{index}", amount=index) for index in range(60)]
    finished = [replace(each, rank=Rank.JOURNAL, is_final=True) for each in several]

    async def write(some: list[LedgerRow]) -> None:
        for begin in range(0, len(some), 7):
            await ledger.write(some[begin : begin + 7])

    await asyncio.gather(write(several), write(several[::-1]), write(finished), write(finished[::-1]))
    found = await ledger.baselines("acme", ["org", "key", "other"])
    assert found["org"].used == found["key"].used == sum(range(60))
    assert dict(found["org"].recent) == {each.exchange: each.micro_usd for each in several}
    assert (found["other"].used, found["other"].recent) == (0, ())


async def test_organisations_are_counted_apart(ledger: MemoryLedger | LedgerTables) -> None:
    await ledger.write([row("a", amount=3), row("b", amount=4, organisation="globex")])
    assert (await ledger.baselines("acme", ["org"]))["org"].used == 3
    assert (await ledger.baselines("globex", ["org"]))["org"].used == 4


async def test_an_adjustment_counts_once_under_its_own_id(ledger: MemoryLedger | LedgerTables) -> None:
    await ledger.write([row("a", amount=30)])
    credit = Adjustment("adj_12345678", "acme", "org", Unit.MICRO_USD, -12, "outage", "ada", "CHG-1")
    await ledger.adjust(credit)
    await ledger.adjust(credit)
    found = (await ledger.baselines("acme", ["org"]))["org"]
    assert found.used == 18
    assert dict(found.recent) == {"a": 30, "adj_12345678": -12}


async def test_an_exchange_whose_records_lie_on_both_sides_of_a_months_end_is_one_row(
    ledger: MemoryLedger | LedgerTables,
) -> None:
    edge = datetime(2026, 12, 1, tzinfo=UTC).timestamp()
    for first, second in ((edge - 0.001, edge + 0.001), (edge + 0.001, edge - 0.001)):
        mark = ids()
        await ledger.write([row(mark, started_at_s=first, amount=3)])
        (found,) = await ledger.write([row(mark, Rank.JOURNAL, 9, started_at_s=second)])
        assert (found.micro_usd, found.is_final, found.started_at_s) == (3, True, edge - 0.001)
    assert (await ledger.baselines("acme", ["org"]))["org"].used == 6


async def test_a_row_that_postgres_cannot_take_is_told_apart_from_an_outage(postgres_dsn: str) -> None:
    async with open_pool(postgres_dsn) as pool:
        with pytest.raises(RowRefused):
            await LedgerTables(pool).write([row("good"), row("bad", model="nul \0 inside")])
        assert (await LedgerTables(pool).baselines("acme", ["org"]))["org"].used == 0


async def test_what_was_written_lately_is_told_as_settlements(ledger: MemoryLedger | LedgerTables) -> None:
    await ledger.write([row("x", usage=Usage(10, 5)), row("free", charges=())])
    await ledger.adjust(Adjustment("adj_12345678", "acme", "org", Unit.MICRO_USD, -2, "outage", "ada", "CHG-1"))
    found = {each.reservation: each for each in await ledger.recent(60)}
    assert found == {
        "x": Settlement(ExchangeId("x"), "acme", (Charge("org", 5), Charge("key", 5)), (), 15, Rank.DELIVERY),
        "adj_12345678": Settlement(ExchangeId("adj_12345678"), "acme", (Charge("org", -2),), (), 0, Rank.DELIVERY),
    }


def test_a_database_session_can_neither_change_a_figure_back_nor_remove_a_row(postgres_dsn: str) -> None:
    async def fill() -> None:
        async with open_pool(postgres_dsn) as pool:
            await LedgerTables(pool).write([row("a", amount=30, is_final=True)])

    asyncio.run(fill())
    with psycopg.connect(postgres_dsn, autocommit=True) as owner:
        owner.execute("update ledger set micro_usd = 1, rank = 1, is_final = false, charges = '{}'")
        assert owner.execute("select micro_usd, rank, is_final, cardinality(charges) from ledger").fetchone() == (
            *(30, 2, True, 2),
        )
        for statement in (
            "delete from ledger",
            "truncate ledger",
            "update ledger set exchange = 'b'",
            "delete from ledger_adjustments",
        ):
            with pytest.raises(psycopg.errors.RaiseException):
                owner.execute(statement.encode())
        assert owner.execute("select amount from ledger_totals where part = 'org'").fetchone() == (30,)
