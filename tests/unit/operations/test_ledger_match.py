"""A provider's export is held against the ledger request by request."""

import io
from dataclasses import replace
from decimal import Decimal

import pytest

from extproc.adapters.memory_money import MemoryLedger
from extproc.model.exchange import Usage
from extproc.model.money import MicroUsd
from extproc.operations.ledger_match import Billed, InvoiceProblem, Match, match, read_export
from tests.contracts.test_ledger import START_S, row

HEADER = "request_id,model,input_tokens,output_tokens,cost_usd,timestamp\n"


def read(text: str, dialect: str = "openai", **columns: str) -> tuple[Billed, ...]:
    return read_export(io.StringIO(text), dialect, columns)


@pytest.fixture
def ledger() -> MemoryLedger:
    made = MemoryLedger()
    for index, (request, usage, cost) in enumerate(
        [("r1", Usage(10, 5), 300), ("r2", Usage(20, 6), 400), ("", Usage(1, 1), 1)]
    ):
        made.append(
            replace(
                row(f"x{index}", started_at_s=START_S + index, usage=usage),
                dialect="openai",
                upstream_model="m",
                provider_request_id=request,
                micro_usd=MicroUsd(cost),
            )
        )
    made.append(row("other", dialect="azure", upstream_model="m", provider_request_id="r9"))
    return made


async def hold(ledger: MemoryLedger, lines: str, period: tuple[float, float] | None = (START_S, START_S + 60)) -> Match:
    return await match(ledger, "openai", read(HEADER + lines), period)


async def test_equal_sides_are_even(ledger: MemoryLedger) -> None:
    found = await hold(ledger, "r1,m,10,5,0.0003,\nr2,m,20,6,0.0003995,\n")
    # The ledger rounds each exchange up, so that 399.5 is 400.
    assert found.is_even
    assert (found.total.matched, found.total.differing, found.total.micro_usd_variance) == (2, 0, 0)


async def test_each_sides_own_requests_and_every_variance_are_told_by_model_and_in_total(ledger: MemoryLedger) -> None:
    found = await hold(ledger, "r1,m,12,5,0.000310,\nr7,n,1,1,0.1,\n")
    assert (found.only_provider, found.only_ledger, found.is_even) == (["r7"], ["r2"], False)
    model = found.models["m"]
    assert (model.matched, model.differing, model.only_ledger, model.only_provider) == (1, 1, 1, 0)
    assert model.provider_input_tokens - model.ledger_input_tokens == 2
    assert (model.provider_micro_usd, model.ledger_micro_usd, model.micro_usd_variance) == (310, 300, 10)
    assert found.models["n"].only_provider == 1
    assert (found.total.matched, found.total.only_provider, found.total.only_ledger) == (1, 1, 1)


async def test_the_period_is_the_exports_own_where_none_is_given(ledger: MemoryLedger) -> None:
    within = await hold(ledger, f"r1,m,10,5,0.0003,{START_S - 5}\nr7,m,0,0,0,2026-11-23T12:00:30Z\n", None)
    assert within.only_ledger == ["r2"]
    without = await hold(ledger, "r1,m,10,5,0.0003,\n", None)
    assert (without.only_ledger, without.is_one_sided) == ([], True)


async def test_an_export_without_costs_has_no_variance_in_money(ledger: MemoryLedger) -> None:
    billed = read("request_id,input_tokens,output_tokens\nr1,10,5\nr2,20,6\n")
    found = await match(ledger, "openai", billed, (START_S, START_S + 60))
    assert (found.is_even, found.total.micro_usd_variance) == (True, None)


def test_lines_of_one_request_are_added_up_and_lines_without_one_left_out() -> None:
    found = read(HEADER + "r1,m,10,0,0.1,\nr1,,0,5,0.2,2026-11-23T12:00:00Z\n,m,1,1,1,\n")
    assert found == (Billed("r1", "m", 10, 5, Decimal("0.3"), START_S),)


@pytest.mark.parametrize(
    ("dialect", "text", "expected"),
    [
        (
            "anthropic",
            "request_id,model,input_tokens,cache_read_input_tokens,output_tokens\nr,c,1,20,3\n",
            Billed("r", "c", 21, 3, None, None),
        ),
        (
            "bedrock",
            "requestId,modelId,inputTokenCount,outputTokenCount,timestamp\nr,c,1,3,2026-11-23T12:00:00+00:00\n",
            Billed("r", "c", 1, 3, None, START_S),
        ),
    ],
)
def test_each_providers_own_columns_are_known(dialect: str, text: str, expected: Billed) -> None:
    assert read(text, dialect) == (expected,)


def test_other_columns_can_be_named_and_added_up() -> None:
    (found,) = read(
        "id,in,cached,out,usd\nr,1,2,3,$1,000.5\n".replace("$1,000.5", '"$1,000.5"'),
        request_id="id",
        input_tokens="in+cached",
        output_tokens="out",
        cost_usd="usd",
    )
    assert (found.input_tokens, found.output_tokens, found.cost_usd) == (3, 3, Decimal("1000.5"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("date,model,tokens\n", "no column 'request_id'"),
        ("", "it has none"),
        (HEADER + "r,m,many,1,1,\n", "line 2: input_tokens is 'many'"),
        (HEADER + "r,m,1,1,NaN,\n", "which is no number"),
        (HEADER + "r,m,1,1,1,yesterday\n", "line 2: the time"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text: str, message: str) -> None:
    with pytest.raises(InvoiceProblem, match=message):
        read(text)


def test_a_column_that_was_named_must_be_there() -> None:
    with pytest.raises(InvoiceProblem, match="cost_usd"):
        read("request_id,input_tokens,output_tokens\n", cost_usd="price")
