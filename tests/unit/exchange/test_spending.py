"""Holding what a request may use: who is asked, what is told, and what passes while nobody can be asked."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from extproc.dialects import openai
from extproc.exchange.spending import (
    NOTHING_HELD,
    Granted,
    Held,
    SpendingDesk,
    Wish,
    end_user,
    hold,
    hold_request,
    limit_headers,
    refusal_for,
    with_most_output,
)
from extproc.model.catalog import Operation
from extproc.model.ids import ExchangeId, ModelName
from extproc.model.limits import (
    Budget,
    Claim,
    Denied,
    Left,
    LimitId,
    Outage,
    Rate,
    Reservation,
    Scope,
    Shortage,
    Span,
    Unit,
    Window,
)
from extproc.model.money import Price
from extproc.model.refusals import Refusal, Unavailable
from extproc.policy.allowance import Allowances
from extproc.policy.reserve import Asker, Limits
from tests.samples import make_key
from tests.unit.exchange.worlds import MAIN, chat

KEY = make_key()
ORG = KEY.organisation
DAY = Budget(LimitId("day"), Scope(ORG), Unit.MICRO_USD, 1_000_000, Window(Span.DAY))
RPM = Rate(LimitId("rpm"), Scope(ORG), 60)
PRICED = replace(MAIN, price=Price(0, 2000))
"""A token of output costs two micro-USD."""
LEFT = Left(LimitId("rpm"), 59, 60, 1_795_435_201.0)
NOW_S = 1_795_435_200.0


@dataclass(slots=True)
class Answering:
    """Budgets that give one answer, or are down."""

    answer: Callable[[Claim], Reservation | Denied] | None
    asked: list[Claim] = field(default_factory=list)

    async def reserve(self, claim_at: Callable[[float], Claim]) -> Reservation | Denied:
        claim = claim_at(NOW_S)
        self.asked.append(claim)
        if self.answer is None:
            raise Unavailable("redis", "down")
        return self.answer(claim)


def desk(budgets: Answering, *limits: Budget | Rate, outage: Outage | None = None) -> SpendingDesk:
    snapshot = Limits(1, {ORG: limits})
    return SpendingDesk(lambda: snapshot, budgets, lambda _: outage or Outage(), Allowances())  # type: ignore[arg-type]


async def granted(at: SpendingDesk, deployments: int = 1, **fields: object) -> Granted:
    request = openai.read_request(Operation.CHAT, chat(**{"max_tokens": 50, **fields}).data)
    wish = Wish(ExchangeId("x"), ORG, request, [PRICED] * deployments, 40.0)
    return await hold(Asker(KEY, ModelName("m")), wish, at, NOW_S)


async def held(at: SpendingDesk, **fields: object) -> Held:
    return (await granted(at, **fields)).held


async def test_what_is_granted_is_held_by_the_counters_it_was_granted_from() -> None:
    budgets = Answering(lambda claim: Reservation(claim, LEFT))
    found = await held(desk(budgets, DAY, RPM))
    assert found.hold.counters[0].part == "day::2026-11-23"
    assert found.hold.buckets == ("rpm:",)
    assert not found.hold.is_owed
    assert budgets.asked[0].hold_s == 100.0
    assert dict(found.headers)["x-ratelimit-remaining-requests"] == "59"


async def test_without_a_limit_nothing_is_held() -> None:
    assert await held(desk(Answering(Reservation))) is NOTHING_HELD


@pytest.mark.parametrize(
    ("denied", "code", "headers"),
    [
        (
            Denied(Shortage.REQUESTS, LimitId("rpm"), 60, 0, 60, 0.4),
            "rate_limit_exceeded",
            {"retry-after": "1"},
        ),
        (
            Denied(Shortage.TOKENS, LimitId("tpm"), 60, 0, 60, 61.2),
            "rate_limit_exceeded",
            {"retry-after": "62", "x-should-retry": "false"},
        ),
        (Denied(Shortage.CONCURRENCY, LimitId("c"), 2, 0, 2, None), "rate_limit_exceeded", {"retry-after": "1"}),
        (
            Denied(Shortage.BUDGET, LimitId("day"), 70, 20, 100, 3600.0),
            "insufficient_quota",
            {"retry-after": "3600", "x-should-retry": "false"},
        ),
    ],
)
async def test_a_no_names_the_limit_and_says_whether_waiting_helps(
    denied: Denied, code: str, headers: dict[str, str]
) -> None:
    with pytest.raises(Refusal) as caught:
        await held(desk(Answering(lambda _: denied), DAY))
    assert (caught.value.kind.code, caught.value.kind.status) == (code, 429)
    assert dict(caught.value.headers) == headers
    assert denied.limit in caught.value.message


@pytest.mark.parametrize(
    ("unit", "words"),
    [(Unit.MICRO_USD, "0.000010 of 0.000100 USD left"), (Unit.TOKENS, "10 of 100 tokens left")],
)
def test_what_is_left_of_a_budget_is_said_in_its_own_unit(unit: Unit, words: str) -> None:
    denied = Denied(Shortage.BUDGET, LimitId("day"), 70, 20, 100, 3600.0)
    assert words in refusal_for(denied, unit).message


async def test_while_limits_cannot_be_asked_a_closed_organisation_gets_nothing() -> None:
    with pytest.raises(Unavailable):
        await held(desk(Answering(None), DAY))


async def test_while_limits_cannot_be_asked_an_open_one_gets_its_allowance_and_owes_it() -> None:
    at = desk(Answering(None), DAY, outage=Outage(is_open=True, allowance_micro_usd=200, allowance_requests=9))
    for _ in range(2):
        found = await held(at)
        assert found.hold.is_owed
        assert [each.part for each in found.hold.counters] == ["day::2026-11-23"]
    with pytest.raises(Unavailable):
        await held(at)


async def test_an_answer_ends_the_outage_and_the_next_one_has_the_whole_allowance() -> None:
    budgets = Answering(None)
    at = desk(budgets, DAY, outage=Outage(is_open=True, allowance_micro_usd=100, allowance_requests=9))
    await held(at)
    budgets.answer = Reservation
    await held(at)
    budgets.answer = None
    await held(at)


def test_what_is_left_is_told_as_openai_does_and_money_in_dollars() -> None:
    claim = Claim(ExchangeId("x"), ORG, (), (), 1.0)
    told = limit_headers(
        Reservation(claim, LEFT, Left(LimitId("t"), 5, 9, NOW_S - 1), Left(LimitId("m"), 1_234_567, 2_000_000, 0)),
        NOW_S,
    )
    assert told == (
        ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-remaining-requests", "59"),
        ("x-ratelimit-reset-requests", "1.000s"),
        ("x-ratelimit-limit-tokens", "9"),
        ("x-ratelimit-remaining-tokens", "5"),
        ("x-ratelimit-reset-tokens", "0.000s"),
        ("x-gateway-budget-remaining", "1.234567"),
    )


def denied_at(
    left: int, shortage: Shortage = Shortage.BUDGET, limit: str = "day"
) -> Callable[[Claim], Reservation | Denied]:
    """Grants what fits, by the counter or by the bucket."""

    def answer(claim: Claim) -> Reservation | Denied:
        wanted = claim.counters[0].amount if shortage is Shortage.BUDGET else claim.buckets[0].tokens
        return Reservation(claim) if wanted <= left else Denied(shortage, LimitId(limit), 0, 100 - left, 100, 5.0)

    return answer


async def test_a_request_without_a_maximum_is_made_to_fit_what_is_left() -> None:
    budgets = Answering(denied_at(90))
    found = await granted(desk(budgets, DAY), max_tokens=None)
    assert found.most_output is not None
    assert 16 <= found.most_output <= 45
    assert found.estimate.output_tokens == found.most_output
    assert budgets.asked[-1].counters[0].amount <= 90
    assert found.held.hold is not None


TOKENS = Budget(LimitId("tokens"), Scope(ORG), Unit.TOKENS, 1_000_000, Window(Span.DAY))


async def test_each_deployment_that_may_be_asked_is_held_for_of_budgets_and_one_of_rates() -> None:
    budgets = Answering(Reservation)
    rate = Rate(LimitId("tpm"), Scope(ORG), tokens_per_minute=10_000)
    one = await granted(desk(budgets, DAY, TOKENS, rate))
    three = await granted(desk(budgets, DAY, TOKENS, rate), deployments=3)
    asked, more = budgets.asked
    assert [each.amount for each in asked.counters] == [100, one.estimate.tokens]
    assert [each.amount for each in more.counters] == [300, 3 * one.estimate.tokens]
    assert more.buckets[0].tokens == asked.buckets[0].tokens == three.estimate.tokens


async def test_what_is_made_to_fit_fits_at_all_the_deployments_that_may_be_asked() -> None:
    budgets = Answering(denied_at(300, limit="tokens"))
    three = await granted(desk(budgets, TOKENS), deployments=3, max_tokens=None)
    assert three.most_output is not None
    assert three.most_output == 100 - three.estimate.input_tokens
    assert budgets.asked[-1].counters[0].amount == 300 - 300 % 3
    money = Answering(denied_at(300))
    cheaper = await granted(desk(money, DAY), deployments=3, max_tokens=None)
    assert cheaper.most_output == 50
    assert money.asked[-1].counters[0].amount == 300


async def test_who_is_refused_hears_for_how_many_deployments_there_must_be_enough() -> None:
    with pytest.raises(Refusal, match="less than this request may use at the 3 deployments that may be asked"):
        await granted(desk(Answering(denied_at(290)), DAY), deployments=3)
    with pytest.raises(Refusal, match="less than this request may use\\."):
        await granted(desk(Answering(denied_at(90)), DAY))


async def test_every_choice_is_made_to_fit() -> None:
    one = await granted(desk(Answering(denied_at(90)), DAY), max_tokens=None)
    two = await granted(desk(Answering(denied_at(90)), DAY), max_tokens=None, n=2)
    assert one.most_output is not None
    assert two.most_output is not None
    assert two.most_output == one.most_output // 2


async def test_what_sets_its_own_maximum_is_refused_and_not_made_shorter() -> None:
    with pytest.raises(Refusal):
        await held(desk(Answering(denied_at(90)), DAY), max_tokens=1000)


async def test_what_would_be_too_short_to_be_an_answer_is_refused() -> None:
    with pytest.raises(Refusal):
        await held(desk(Answering(denied_at(20)), DAY), max_tokens=None)


async def test_rates_are_asked_for_a_usual_answer_where_nobody_said_how_long_it_may_be() -> None:
    budgets = Answering(Reservation)
    await held(desk(budgets, Rate(LimitId("tpm"), Scope(ORG), tokens_per_minute=10_000)), max_tokens=None)
    (bucket,) = budgets.asked[0].buckets
    assert 4096 < bucket.tokens < 5000


async def test_nobody_is_asked_where_a_request_is_only_explained() -> None:
    request = openai.read_request(Operation.CHAT, chat(max_tokens=50).data)
    found = await hold(Asker(KEY, ModelName("m")), Wish(ExchangeId("x"), ORG, request, [PRICED], 1.0), None, NOW_S)
    assert found.held is NOTHING_HELD
    assert found.estimate.output_tokens == 50


def test_a_limit_of_ours_is_sent_as_the_requests_own() -> None:
    request = openai.read_request(Operation.CHAT, chat().data)
    assert with_most_output(request, 77).payload["max_completion_tokens"] == 77


@pytest.mark.parametrize(
    ("fields", "user"),
    [({}, ""), ({"user": "ann"}, "ann"), ({"user": "ann", "safety_identifier": "bob"}, "bob")],
)
def test_the_end_user_is_whom_the_request_names(fields: dict[str, str], user: str) -> None:
    assert end_user(openai.read_request(Operation.CHAT, chat(**fields).data)) == user


async def test_what_could_not_be_recorded_is_not_let_pass() -> None:
    at = replace(desk(Answering(Reservation)), is_full=lambda: True)
    with pytest.raises(Unavailable, match="ledger"):
        await held(at)


async def test_an_answer_that_costs_nothing_counts_against_rates_and_not_against_budgets() -> None:
    budgets = Answering(lambda claim: Reservation(claim, LEFT, None, None))
    asker = Asker(KEY, ModelName("one"))
    found = await hold_request(asker, ExchangeId("x"), desk(budgets, DAY, RPM), NOW_S)
    (claim,) = budgets.asked
    assert claim.counters == ()
    assert [(bucket.rate, bucket.tokens) for bucket in claim.buckets] == [("rpm", 0)]
    assert found.hold is not None
    assert found.hold.counters == ()


async def test_a_rate_that_is_reached_refuses_a_remembered_answer_too() -> None:
    denied = Denied(Shortage.REQUESTS, LimitId("rpm"), 60, 0, 60, 1.0)
    budgets = Answering(lambda _: denied)
    with pytest.raises(Refusal) as refused:
        await hold_request(Asker(KEY, ModelName("one")), ExchangeId("x"), desk(budgets, RPM), NOW_S)
    assert refused.value.kind.code == "rate_limit_exceeded"
