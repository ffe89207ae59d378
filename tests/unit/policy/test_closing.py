"""What each end of an exchange costs and leaves."""

from dataclasses import replace

import pytest

from extproc.model.catalog import Operation
from extproc.model.exchange import (
    AttemptLimits,
    DeliveryRecord,
    ExchangeContext,
    ExchangeRecord,
    HeldCounter,
    Hold,
    Outcome,
    Usage,
)
from extproc.model.ids import DeploymentName, ExchangeId, KeyId, ModelName, OrganisationId, ProjectId, TeamId
from extproc.model.ledger import End, Flag
from extproc.model.limits import Charge, LimitId, Rank, Unit
from extproc.model.money import Price
from extproc.policy.closing import close_delivered, close_finished

NOW_S = 1_795_435_200.0
MAIN, SPARE = DeploymentName("main"), DeploymentName("spare")
HOLD = Hold(
    (
        HeldCounter("money", Unit.MICRO_USD, LimitId("m"), 1000, (80,)),
        HeldCounter("tokens", Unit.TOKENS, LimitId("t"), 1000),
    ),
    ("bucket",),
)
CONTEXT = ExchangeContext(
    id=ExchangeId("x"),
    organisation=OrganisationId("acme"),
    team=TeamId("cards"),
    project=ProjectId("bot"),
    key=KeyId("key_1"),
    operation=Operation.CHAT,
    model=ModelName("m"),
    is_stream=True,
    wants_usage=False,
    plan=(
        AttemptLimits(MAIN, "openai", 1, 2, 3, "gpt", price=Price(1000, 2000)),
        AttemptLimits(SPARE, "anthropic", 1, 2, 3, "claude", price=Price(5000, 7000)),
    ),
    catalog_version="v",
    started_at_s=NOW_S - 2,
    hold=HOLD,
    input_tokens=100,
    output_tokens=200,
    user="u",
    tags=("feature:chat",),
)
DELIVERED = DeliveryRecord(
    context=CONTEXT,
    deployment=SPARE,
    usage=Usage(10, 20),
    is_complete=True,
    received_bytes=500,
    judged_bytes=400,
    status=200,
    answer_bytes=60,
    provider_request_id="req_9",
)
FINISHED = ExchangeRecord(
    exchange=ExchangeId("x"),
    context=CONTEXT,
    outcome=Outcome.FAILED,
    status=503,
    flags="",
    details="",
    duration_ms=2000,
    request_bytes=1,
    response_bytes=1,
)


def test_an_answer_costs_what_its_own_deployment_takes() -> None:
    closing = close_delivered(DELIVERED, NOW_S)
    assert closing is not None
    assert closing.settlement is not None
    assert closing.settlement.charges == (Charge("money", 50 + 140), Charge("tokens", 30))
    assert (closing.settlement.tokens, closing.settlement.buckets) == (30, ("bucket",))
    assert closing.settlement.rank is Rank.DELIVERY
    (alert,) = closing.settlement.alerts
    assert (alert.part, alert.of, alert.percents, alert.unit) == ("money", 1000, (80,), "micro_usd")
    row = closing.row
    assert (row.micro_usd, row.usage, row.outcome, row.flags) == (190, Usage(10, 20), End.ANSWERED, ())
    assert (row.deployment, row.dialect, row.upstream_model, row.attempts) == (SPARE, "anthropic", "claude", 2)
    assert (row.provider_request_id, row.user, row.tags, row.started_at_s) == (
        "req_9",
        "u",
        ("feature:chat",),
        NOW_S - 2,
    )
    assert [(each.part, each.amount) for each in row.charges] == [("money", 190), ("tokens", 30)]


def test_an_answer_without_usage_is_counted_here_and_never_free() -> None:
    closing = close_delivered(replace(DELIVERED, usage=None), NOW_S)
    assert closing is not None
    assert closing.row.flags == (Flag.ESTIMATED,)
    assert closing.row.usage.output_tokens >= 15
    assert closing.row.micro_usd > 0


def test_an_answer_that_was_cut_costs_what_was_seen_and_says_so() -> None:
    closing = close_delivered(replace(DELIVERED, usage=None, is_complete=False), NOW_S)
    assert closing is not None
    assert closing.row.outcome is End.FAILED
    assert closing.row.micro_usd > 0


def test_an_absurd_usage_is_cut_to_what_can_be_and_one_that_shrank_is_told() -> None:
    absurd = close_delivered(replace(DELIVERED, usage=Usage(10**9, 20)), NOW_S)
    assert absurd is not None
    assert set(absurd.row.flags) == {Flag.ESTIMATED, Flag.CLAMPED}
    assert absurd.row.usage.input_tokens == 100
    shrank = close_delivered(replace(DELIVERED, usage_shrank=True), NOW_S)
    assert shrank is not None
    assert shrank.row.flags == (Flag.DOUBLED,)


def test_an_attempt_of_which_nothing_was_released_settles_nothing() -> None:
    nothing = replace(DELIVERED, usage=None, is_complete=False, judged_bytes=0, failure="upstream_error", status=500)
    assert close_delivered(nothing, NOW_S) is None


def test_without_a_limit_there_is_a_row_and_no_settlement() -> None:
    closing = close_delivered(replace(DELIVERED, context=replace(CONTEXT, hold=None)), NOW_S)
    assert closing is not None
    assert closing.settlement is None
    assert closing.row.micro_usd == 190
    assert closing.row.charges == ()


def test_without_a_price_an_answer_costs_nothing_and_says_so() -> None:
    plan = (replace(CONTEXT.plan[1], price=None),)
    closing = close_delivered(replace(DELIVERED, context=replace(CONTEXT, plan=plan)), NOW_S)
    assert closing is not None
    assert (closing.row.micro_usd, closing.row.flags) == (0, (Flag.UNPRICED,))


@pytest.mark.parametrize(
    ("outcome", "status", "flags", "is_charged"),
    [
        (Outcome.ABANDONED, 0, "DC", True),
        (Outcome.ANSWERED, 200, "", True),
        (Outcome.FAILED, 504, "UT", True),
        (Outcome.FAILED, 504, "", True),
        (Outcome.FAILED, 200, "UPE", True),
        (Outcome.FAILED, 200, "", True),
        (Outcome.FAILED, 503, "UC,URX", True),
        (Outcome.FAILED, 503, "UF", False),
        (Outcome.FAILED, 503, "UF,URX", False),
        (Outcome.FAILED, 503, "UO", False),
        (Outcome.FAILED, 502, "", False),
        (Outcome.FAILED, 429, "", False),
    ],
)
def test_what_delivery_never_told_is_charged_where_a_provider_may_bill_it(
    outcome: Outcome, status: int, flags: str, *, is_charged: bool
) -> None:
    closing = close_finished(replace(FINISHED, outcome=outcome, status=status, flags=flags), NOW_S)
    assert closing.is_void is not is_charged
    assert (closing.settlement is not None) is is_charged
    assert closing.row.is_final
    assert closing.row.rank is Rank.JOURNAL
    if is_charged:
        assert closing.settlement is not None
        assert closing.settlement.charges[0] == Charge("money", 100 + 400)
        assert Flag.ABANDONED_ESTIMATE in closing.row.flags
    else:
        assert closing.row.micro_usd == 0


def test_what_was_refused_before_a_plan_leaves_its_end() -> None:
    closing = close_finished(replace(FINISHED, context=None, outcome=Outcome.REFUSED, status=401), NOW_S)
    assert (closing.settlement, closing.is_void) == (None, False)
    assert (closing.row.outcome, closing.row.status, closing.row.started_at_s) == (End.REFUSED, 401, NOW_S - 2)


def test_counting_tokens_is_free() -> None:
    context = replace(CONTEXT, operation=Operation.COUNT_TOKENS, hold=None)
    closing = close_delivered(replace(DELIVERED, context=context), NOW_S)
    assert closing is not None
    assert closing.row.micro_usd == 0


def test_what_passed_while_nobody_could_be_asked_is_owed() -> None:
    owed = replace(CONTEXT, hold=replace(HOLD, is_owed=True))
    closing = close_delivered(replace(DELIVERED, context=owed), NOW_S)
    assert closing is not None
    assert Flag.OWED in closing.row.flags
