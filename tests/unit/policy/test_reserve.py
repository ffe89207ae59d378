"""Which limits a request meets, and what it asks of each."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.model.identity import VirtualKey
from extproc.model.ids import ExchangeId, KeyId, ModelName, ProjectId, TeamId
from extproc.model.limits import Budget, Claim, Estimate, Level, Limit, LimitId, Rate, Scope, Span, Unit, Window
from extproc.model.money import MicroUsd
from extproc.model.refusals import MODEL_WITHOUT_PRICE, Refusal
from extproc.policy.reserve import Asker, Limits, find_limits, make_claim, name_parts, only_holder
from extproc.policy.windows import window_at
from tests.samples import make_key

KEY = make_key()
ORG = KEY.organisation
NOON_S = 1_795_435_200.0
"""2026-11-23 12:00 UTC."""
DAY = Window(Span.DAY)


def budget(scope: Scope, unit: Unit = Unit.MICRO_USD, *, is_hard: bool = True) -> Budget:
    return Budget(LimitId("b"), scope, unit, 1_000_000, DAY, is_hard)


def claim(
    *limits: Limit,
    key: VirtualKey = KEY,
    model: str = "m",
    user: str = "",
    micro_usd: int | None = 70,
) -> Claim:
    asker = Asker(key, ModelName(model), user)
    snapshot = Limits(1, {ORG: limits})
    return make_claim(
        snapshot,
        asker,
        Estimate(100, 50, None if micro_usd is None else MicroUsd(micro_usd)),
        ExchangeId("x"),
        60.0,
        NOON_S,
    )


def test_a_budget_holds_money_or_tokens_in_its_window() -> None:
    money, tokens = claim(budget(Scope(ORG)), budget(Scope(ORG), Unit.TOKENS)).counters
    assert (money.amount, tokens.amount) == (70, 150)
    assert money.id == "b::2026-11-23"
    assert money.parts == ("b::2026-11-23",)
    assert money.starts_at_s <= NOON_S < money.ends_at_s
    assert (money.limit, money.is_hard, money.alert_percents) == (1_000_000, True, (80, 100))


def test_a_rate_takes_its_tokens_from_one_bucket() -> None:
    (bucket,) = claim(Rate(LimitId("r"), Scope(ORG), 10, 1000, 5)).buckets
    assert (bucket.id, bucket.tokens) == ("r:", 150)
    assert (bucket.requests_per_minute, bucket.tokens_per_minute, bucket.concurrent) == (10, 1000, 5)


@pytest.mark.parametrize(
    ("scope", "holder"),
    [
        (Scope(ORG), ""),
        (Scope(ORG, each=Level.TEAM), "{team}"),
        (Scope(ORG, each=Level.PROJECT), "{team}/{project}"),
        (Scope(ORG, each=Level.KEY), "{team}/{project}/{key}"),
        (Scope(ORG, team=KEY.team), "{team}"),
        (Scope(ORG, team=KEY.team, project=KEY.project), "{team}/{project}"),
        (Scope(ORG, key=KEY.id), "{key}"),
        (Scope(ORG, model="m"), "model=m"),
        (Scope(ORG, team=KEY.team, each=Level.KEY, model="m"), "{team}/{project}/{key}/model=m"),
    ],
)
def test_who_is_counted_together_follows_from_the_scope(scope: Scope, holder: str) -> None:
    (counter,) = claim(budget(scope)).counters
    expected = holder.format(team=KEY.team, project=KEY.project, key=KEY.id)
    assert counter.id == f"b:{expected}:2026-11-23"


@pytest.mark.parametrize(
    "scope",
    [
        Scope(ORG, team="other"),
        Scope(ORG, project="other"),
        Scope(ORG, key="key_other"),
        Scope(ORG, model="other"),
    ],
)
def test_a_limit_for_somebody_else_is_not_met(scope: Scope) -> None:
    assert claim(budget(scope), Rate(LimitId("r"), scope, 1)) == Claim(ExchangeId("x"), ORG, (), (), 60.0)


def test_another_organisations_limits_are_never_met() -> None:
    snapshot = Limits(1, {"other": (budget(Scope("other")),)})
    found = make_claim(snapshot, Asker(KEY, ModelName("m")), Estimate(1, 1, MicroUsd(1)), ExchangeId("x"), 1, NOON_S)
    assert found.counters == ()


def test_users_are_counted_apart_within_their_project_and_their_names_are_not_kept() -> None:
    scope = Scope(ORG, each=Level.USER)
    ids = {claim(budget(scope), user=user).counters[0].id for user in ("ann", "bob", "ann", "")}
    assert len(ids) == 3
    assert not any("ann" in each for each in ids)
    elsewhere = replace(KEY, project=ProjectId("elsewhere"))
    assert claim(budget(scope), user="ann", key=elsewhere).counters[0].id not in ids


def test_two_holders_never_share_a_name() -> None:
    each = budget(Scope(ORG, each=Level.KEY))
    keys = [replace(KEY, id=KeyId(k), team=TeamId(t)) for k, t in (("key_1", "a"), ("key_1", "b"), ("key_2", "a"))]
    assert len({claim(each, key=key).counters[0].id for key in keys}) == 3


def test_what_has_no_price_is_refused_under_a_hard_budget_in_money_and_only_there() -> None:
    with pytest.raises(Refusal) as caught:
        claim(budget(Scope(ORG)), micro_usd=None)
    assert caught.value.kind is MODEL_WITHOUT_PRICE
    soft, tokens = claim(budget(Scope(ORG), is_hard=False), budget(Scope(ORG), Unit.TOKENS), micro_usd=None).counters
    assert (soft.amount, tokens.amount) == (0, 150)


_names = st.none() | st.sampled_from(["aa", "bb", "cc"])
_scopes = st.builds(
    Scope,
    organisation=st.just(ORG),
    team=_names,
    project=_names,
    key=_names,
    model=_names,
    each=st.none() | st.sampled_from(Level),
)
_some = st.sampled_from(["aa", "bb", "cc", "dd"])


def _is_for(scope: Scope, asker: Asker) -> bool:
    """The rule, one limit at a time."""
    key = asker.key
    wanted = ((scope.team, key.team), (scope.project, key.project), (scope.key, key.id), (scope.model, asker.model))
    return all(named is None or named == own for named, own in wanted)


@given(scopes=st.lists(_scopes, max_size=30), team=_some, project=_some, key=_some, model=_some)
def test_the_index_finds_exactly_the_limits_that_are_for_a_request_in_their_order(
    scopes: list[Scope], team: str, project: str, key: str, model: str
) -> None:
    limits = tuple(Rate(LimitId(f"r{number}"), scope, 1) for number, scope in enumerate(scopes))
    asker = Asker(replace(KEY, team=TeamId(team), project=ProjectId(project), id=KeyId(key)), ModelName(model))
    expected = [limit for limit in limits if _is_for(limit.scope, asker)]
    whole = Limits(1, {ORG: limits})
    stepwise = Limits(0, {ORG: limits[::2], "other": limits}).with_organisations(1, {ORG: limits})
    assert find_limits(whole, asker) == find_limits(stepwise, asker) == expected
    assert find_limits(Limits(1, {"other": limits}), asker) == []


def test_a_changed_organisation_leaves_the_others_as_they_were() -> None:
    before = Limits(1, {"other": (Rate(LimitId("r"), Scope("other"), 1),)})
    after = before.with_organisations(2, {ORG: (Rate(LimitId("r2"), Scope(ORG), 1),)})
    assert after == Limits(2, {"other": before.by_organisation["other"], ORG: (Rate(LimitId("r2"), Scope(ORG), 1),)})
    assert after.index["other"] is before.index["other"]
    assert set(before.by_organisation) == {"other"}


def test_ten_thousand_limits_of_which_ten_are_for_a_request_are_quickly_claimed() -> None:
    others = [budget(Scope(ORG, team="search", project=f"p{number}")) for number in range(10_000)]
    asked = [budget(Scope(ORG, team=KEY.team)) for _ in range(10)]
    few, many = Limits(1, {ORG: tuple(asked)}), Limits(1, {ORG: (*others, *asked)})
    asker, estimate = Asker(KEY, ModelName("m")), Estimate(1, 1, MicroUsd(1))

    def took_s(snapshot: Limits) -> float:
        begin_s = time.perf_counter()
        found = make_claim(snapshot, asker, estimate, ExchangeId("x"), 1, NOON_S)
        assert len(found.counters) == 10
        return time.perf_counter() - begin_s

    # In turns, the quickest of each: looking at all of them would be a thousand times the work.
    turns = [(took_s(few), took_s(many)) for _ in range(200)]
    assert min(many_s for _, many_s in turns) < 20 * min(few_s for few_s, _ in turns)


@pytest.mark.parametrize(
    "scope",
    [
        Scope(ORG),
        Scope(ORG, team=KEY.team),
        Scope(ORG, team=KEY.team, project=KEY.project, model="m"),
        Scope(ORG, key=KEY.id),
        Scope(ORG, model="m"),
    ],
)
def test_whose_count_it_is_can_be_told_without_a_request_where_there_is_only_one(scope: Scope) -> None:
    limit = budget(scope)
    holder = only_holder(scope)
    assert holder is not None
    assert claim(limit).counters[0].parts == name_parts(limit, holder, window_at(limit.window, NOON_S))
    assert only_holder(replace(scope, each=Level.USER)) is None
