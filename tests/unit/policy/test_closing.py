"""What each end of an exchange costs and leaves."""

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.model.catalog import Operation
from extproc.model.exchange import (
    AttemptLimits,
    AttemptRecord,
    DeliveryRecord,
    ExchangeContext,
    ExchangeRecord,
    HeldCounter,
    Hold,
    Outcome,
    Usage,
)
from extproc.model.guard import Direction, Result, Verdict
from extproc.model.ids import DeploymentName, ExchangeId, KeyId, ModelName, OrganisationId, ProjectId, TeamId
from extproc.model.ledger import End, Flag, Unanswered, merge_all
from extproc.model.limits import Charge, LimitId, Rank, Unit
from extproc.model.money import Price
from extproc.policy.closing import close_attempt, close_delivered, close_finished, note_refused, settlement_of
from extproc.policy.price import most
from extproc.policy.verdicts import write_verdict
from tests.samples import make_key

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
ALONE = replace(CONTEXT, plan=(CONTEXT.plan[1],))
DELIVERED = DeliveryRecord(
    context=ALONE,
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
    assert (row.deployment, row.dialect, row.upstream_model, row.attempts) == (SPARE, "anthropic", "claude", 1)
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


def test_an_answer_after_others_costs_their_estimates_too_each_at_its_own_price() -> None:
    closing = close_delivered(replace(DELIVERED, context=CONTEXT), NOW_S)
    assert closing is not None
    assert closing.settlement is not None
    row = closing.row
    assert row.unanswered == (Unanswered(MAIN, 100 + 400, 300),)
    assert (row.micro_usd, row.unanswered_micro_usd, row.answer_micro_usd) == (690, 500, 190)
    assert (row.usage, row.attempts, row.flags) == (Usage(10, 20), 2, (Flag.UNANSWERED,))
    assert closing.settlement.charges == (Charge("money", 690), Charge("tokens", 330))
    assert [(each.part, each.amount) for each in row.charges] == [("money", 690), ("tokens", 330)]
    # Of rates, one attempt takes its tokens.
    assert closing.settlement.tokens == 30


@pytest.mark.parametrize(
    ("status", "is_free"),
    [
        (400, True),
        (401, True),
        (429, True),
        (500, True),
        (503, True),
        (408, False),
        (504, False),
        (200, False),
        (0, False),
    ],
)
def test_an_attempt_of_which_nothing_was_released_is_free_where_its_provider_refused(
    status: int, *, is_free: bool
) -> None:
    nothing = replace(
        DELIVERED, context=CONTEXT, usage=None, is_complete=False, judged_bytes=0, failure="x", status=status
    )
    closing = close_delivered(nothing, NOW_S)
    assert (closing is not None) is is_free
    if closing is not None:
        assert closing.settlement is None
        assert (closing.row.freed, closing.row.rank, closing.row.micro_usd) == ((SPARE,), Rank.JOURNAL, 0)
        assert not closing.row.is_final


@pytest.mark.parametrize(
    ("status", "flags", "is_free"),
    [
        *((0, flags, True) for flags in ("UF", "UF,URX", "UO", "DF")),
        *((0, flags, False) for flags in ("UT", "UC", "UR", "DC", "")),
        (502, "", False),
    ],
)
def test_an_attempt_that_sent_nothing_is_free(status: int, flags: str, *, is_free: bool) -> None:
    row = close_attempt(AttemptRecord(ExchangeId("x"), MAIN, status, flags, 500), NOW_S)
    assert (row is not None) is is_free
    if row is not None:
        assert (row.exchange, row.freed, row.started_at_s) == ("x", (MAIN,), NOW_S - 0.5)
        assert (row.micro_usd, row.is_final) == (0, False)


def test_what_one_knows_of_the_answer_and_another_of_an_attempt_before_it_is_one_cost() -> None:
    answered = close_delivered(replace(DELIVERED, context=CONTEXT), NOW_S)
    unsent = close_attempt(AttemptRecord(ExchangeId("x"), MAIN, 0, "UF", 500), NOW_S)
    ended = close_finished(replace(FINISHED, outcome=Outcome.ANSWERED, status=200, attempts=2), NOW_S)
    assert answered is not None
    assert unsent is not None
    for records in permutations((answered.row, unsent, ended.row, unsent)):
        (row,) = merge_all(records)
        assert (row.micro_usd, row.unanswered_micro_usd, row.flags) == (190, 0, ())
        assert [each.amount for each in row.charges] == [190, 30]
        settlement = settlement_of(row, answered.settlement)
        assert (settlement.charges, settlement.buckets) == ((Charge("money", 190), Charge("tokens", 30)), ("bucket",))
        assert answered.settlement is not None
        assert settlement.precedence > answered.settlement.precedence


@pytest.mark.parametrize(
    ("attempts", "status", "flags", "own", "unanswered"),
    [
        (0, 503, "", 0, []),
        (0, 0, "DC", 0, []),
        (1, 504, "UT", 500, []),
        (2, 504, "UT", 1900, [MAIN]),
        (2, 503, "UF", 0, [MAIN]),
        (2, 429, "", 0, [MAIN]),
        (2, 502, "", 0, [MAIN, SPARE]),
        (1, 502, "", 0, [MAIN]),
        (2, 0, "DC", 1900, [MAIN]),
    ],
)
def test_where_nobody_answered_each_attempt_that_may_be_billed_costs_what_its_own_deployment_takes(
    attempts: int, status: int, flags: str, own: int, unanswered: list[str]
) -> None:
    outcome = Outcome.ABANDONED if flags == "DC" else Outcome.FAILED
    closing = close_finished(replace(FINISHED, outcome=outcome, status=status, flags=flags, attempts=attempts), NOW_S)
    row = closing.row
    assert (row.answer_micro_usd, [each.deployment for each in row.unanswered]) == (own, unanswered)
    assert row.micro_usd == own + sum({MAIN: 500, SPARE: 1900}[each] for each in map(DeploymentName, unanswered))
    assert row.attempts == attempts
    assert closing.is_void is (row.micro_usd == 0)
    assert (Flag.ABANDONED_ESTIMATE in row.flags, Flag.UNANSWERED in row.flags) == (own > 0, bool(unanswered))


@given(
    st.integers(1, 10**6),
    st.integers(0, 10**6),
    st.lists(st.builds(Price, st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=4),
    st.data(),
)
def test_whatever_becomes_of_its_attempts_an_exchange_never_costs_more_than_was_held(
    input_tokens: int, output_tokens: int, prices: list[Price], data: st.DataObject
) -> None:
    plan = tuple(
        AttemptLimits(DeploymentName(f"d{number}"), "openai", 1, 2, 3, price=price)
        for number, price in enumerate(prices)
    )
    context = replace(CONTEXT, plan=plan, input_tokens=input_tokens, output_tokens=output_tokens)
    attempts = data.draw(st.integers(0, len(plan)))
    flags = data.draw(st.sampled_from(["", "UT", "UF", "DC"]))
    ended = close_finished(replace(FINISHED, context=context, attempts=attempts, flags=flags), NOW_S)
    held = most(input_tokens, output_tokens, prices)
    assert held is not None
    assert ended.row.micro_usd <= held
    answered = close_delivered(
        replace(
            DELIVERED,
            context=context,
            deployment=plan[-1].deployment,
            usage=Usage(input_tokens, output_tokens),
            answer_bytes=output_tokens,
        ),
        NOW_S,
    )
    assert answered is not None
    assert answered.row.micro_usd <= held
    if len(plan) == 1:
        assert answered.row.micro_usd == held


def test_without_a_limit_there_is_a_row_and_no_settlement() -> None:
    closing = close_delivered(replace(DELIVERED, context=replace(ALONE, hold=None)), NOW_S)
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


def test_a_row_has_the_verdicts_on_request_and_answer() -> None:
    asked = Verdict("pii", Direction.INPUT, Result.REDACTED, "v1", 10)
    said = Verdict("secrets", Direction.OUTPUT, Result.CLEAN, "v1", 20)
    context = replace(ALONE, verdicts=(asked,))
    expected = tuple(sorted(map(write_verdict, (asked, said))))
    delivered = close_delivered(replace(DELIVERED, context=context, verdicts=(said,)), NOW_S)
    assert delivered is not None
    assert delivered.row.verdicts == expected


def test_an_answer_that_was_blocked_before_a_byte_of_it_went_is_charged() -> None:
    said = Verdict("secrets", Direction.OUTPUT, Result.BLOCKED, "v1", 20)
    record = replace(DELIVERED, is_complete=False, judged_bytes=0, verdicts=(said,))
    closing = close_delivered(record, NOW_S)
    assert closing is not None
    assert closing.row.micro_usd > 0


def test_a_whole_answer_that_was_blocked_is_charged_and_no_answer() -> None:
    blocked = close_delivered(replace(DELIVERED, judged_bytes=0, failure="completion_blocked"), NOW_S)
    answered = close_delivered(DELIVERED, NOW_S)
    assert blocked is not None
    assert answered is not None
    assert (blocked.row.outcome, blocked.row.micro_usd) == (End.FAILED, answered.row.micro_usd)


def test_a_refused_request_has_its_verdicts() -> None:
    said = Verdict("injection", Direction.INPUT, Result.BLOCKED, "v1", 20)
    row = note_refused(ExchangeId("x1"), make_key(), "chat.completions", "m", "content_blocked", NOW_S, (said,))
    assert row.verdicts == (write_verdict(said),)
