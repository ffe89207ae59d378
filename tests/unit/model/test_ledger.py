"""How two records of one exchange become one."""

from dataclasses import replace

from extproc.model.exchange import Usage
from extproc.model.ids import ExchangeId
from extproc.model.ledger import End, LedgerCharge, LedgerRow, merge_all, merged
from extproc.model.limits import Rank, Unit
from extproc.model.money import MicroUsd

DELIVERED = LedgerRow(
    exchange=ExchangeId("x"),
    started_at_s=10.0,
    ended_at_s=12.0,
    rank=Rank.DELIVERY,
    is_final=False,
    outcome=End.ANSWERED,
    organisation="acme",
    tried=("b",),
    usage=Usage(10, 20),
    micro_usd=MicroUsd(7),
    charges=(LedgerCharge("p", Unit.MICRO_USD, 7, "1.5"),),
)
FINISHED = replace(
    DELIVERED,
    rank=Rank.JOURNAL,
    is_final=True,
    ended_at_s=11.0,
    outcome=End.ABANDONED,
    tried=("a", "b"),
    usage=Usage(10, 400),
    micro_usd=MicroUsd(90),
    charges=(LedgerCharge("p", Unit.MICRO_USD, 90),),
)


def test_the_figures_are_deliverys_and_the_end_is_the_journals() -> None:
    found = merged(DELIVERED, FINISHED)
    assert (found.usage, found.micro_usd, found.charges) == (DELIVERED.usage, 7, DELIVERED.charges)
    assert (found.outcome, found.ended_at_s, found.is_final, found.tried) == (End.ABANDONED, 11.0, True, ("a", "b"))


def test_between_equals_the_dearer_counts() -> None:
    cheap = replace(DELIVERED, micro_usd=MicroUsd(1), usage=Usage(500, 500))
    assert merged(cheap, DELIVERED).micro_usd == merged(DELIVERED, cheap).micro_usd == 7


def test_what_one_record_does_not_know_the_other_tells() -> None:
    found = merged(replace(DELIVERED, refusal="", user="u1", is_stream=True), replace(FINISHED, refusal="upstream"))
    assert (found.refusal, found.user, found.is_stream) == ("upstream", "u1", True)


def test_rows_are_merged_by_exchange() -> None:
    other = replace(DELIVERED, exchange=ExchangeId("y"))
    assert merge_all([DELIVERED, other, FINISHED]) == (merged(DELIVERED, FINISHED), other)


def test_a_row_is_applied_when_every_counter_is_known_to_be_charged() -> None:
    assert DELIVERED.is_applied
    assert not FINISHED.is_applied
    assert replace(FINISHED, charges=()).is_applied
