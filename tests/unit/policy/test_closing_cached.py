"""What an exchange leaves that a remembered answer ended; ``test_closing`` has all the others."""

from dataclasses import replace
from itertools import permutations

import pytest

from extproc.model.exchange import CachedAnswer, Outcome, Usage
from extproc.model.ids import DeploymentName
from extproc.model.ledger import End, merge_all
from extproc.model.limits import Rank
from extproc.model.money import MicroUsd
from extproc.policy.closing import close_delivered, close_finished
from tests.unit.policy.test_closing import CONTEXT, DELIVERED, FINISHED, HOLD, NOW_S

CACHE = DeploymentName("cache")
CACHED = CachedAnswer("semantic", 0.93, 12.0, MicroUsd(4321), "x0")
GIVEN = replace(
    CONTEXT,
    plan=(replace(CONTEXT.plan[0], deployment=CACHE, price=None),),
    cached=CACHED,
    hold=replace(HOLD, counters=()),
)
REPLAYED = replace(DELIVERED, context=GIVEN, deployment=CACHE, usage=Usage(10, 20), provider_request_id="")
ENDED = replace(FINISHED, context=GIVEN, outcome=Outcome.ANSWERED, status=200, details="gateway:cached", attempts=0)


def test_a_remembered_answer_costs_nothing_and_its_cost_is_saved() -> None:
    rows = [close_delivered(REPLAYED, NOW_S), close_finished(ENDED, NOW_S)]
    for order in permutations([each.row for each in rows if each is not None]):
        (row,) = merge_all(order)
        assert (row.outcome, row.micro_usd, row.saved_micro_usd) == (End.CACHED, 0, 4321)
        assert (row.usage, row.flags, row.unanswered, row.charges) == (Usage(0, 0), (), (), ())
        assert (row.deployment, row.attempts, row.is_final) == ("cache", 0, True)


@pytest.mark.parametrize("rank", [Rank.DELIVERY, Rank.JOURNAL])
def test_it_uses_a_request_of_its_rates_and_nothing_else(rank: Rank) -> None:
    closing = close_delivered(REPLAYED, NOW_S) if rank is Rank.DELIVERY else close_finished(ENDED, NOW_S)
    assert closing is not None
    assert closing.settlement is not None
    assert (closing.settlement.charges, closing.settlement.tokens, closing.settlement.rank) == ((), 0, rank)
    assert closing.settlement.buckets == ("bucket",)
    assert not closing.is_void


def test_without_a_limit_there_is_nothing_to_settle() -> None:
    free = replace(GIVEN, hold=None)
    delivered = close_delivered(replace(REPLAYED, context=free), NOW_S)
    assert delivered is not None
    assert delivered.settlement is None
    assert close_finished(replace(ENDED, context=free), NOW_S).settlement is None


def test_an_answer_that_policy_stopped_saved_nothing() -> None:
    stopped = replace(REPLAYED, failure="completion_blocked")
    closing = close_delivered(stopped, NOW_S)
    assert closing is not None
    assert (closing.row.outcome, closing.row.saved_micro_usd) == (End.FAILED, 0)
    ended = close_finished(replace(ENDED, outcome=Outcome.FAILED, status=400), NOW_S)
    assert ended.row.outcome is End.FAILED
