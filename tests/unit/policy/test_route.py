from dataclasses import replace

import pytest

from extproc.model.catalog import Operation
from extproc.model.health import Trouble
from extproc.model.refusals import (
    CONTEXT_LENGTH_EXCEEDED,
    DATA_BOUNDARY,
    OPERATION_NOT_SUPPORTED,
    UPSTREAM_RATE_LIMITED,
    Refusal,
)
from extproc.model.routing import Auto, RoutingPolicy, Strategy
from extproc.policy.classify import Judgement
from extproc.policy.route import choose_route, shut_out
from tests.samples import NOW_S
from tests.unit.policy.groups import (
    EUROPE,
    NEEDS,
    PERMIT,
    Market,
    cooling,
    deployment,
    group,
    judgement,
    reasons,
)

LIMITED = Trouble.RATE_LIMITED
AB_THEN_CD = (group("one", "ab", fallbacks=["two"]), group("two", "cd"))


def test_members_come_first_and_then_the_fallbacks_in_order() -> None:
    groups = [group("one", "ab", fallbacks=["two", "three"]), group("two", "c", fallbacks=["four"])]
    assert Market([*groups, group("three", "d"), group("four", "e")]).order() == ["a", "b", "c", "d"]


def test_a_deployment_that_does_not_serve_the_operation_is_passed_over() -> None:
    chat_only = deployment("a", operations=frozenset({Operation.CHAT}))
    route = Market([group("one", "ab")], [chat_only]).route(operation=Operation.EMBEDDINGS)
    assert [each.name for each in route.deployments] == ["b"]
    assert reasons(route)["a"] == "out: does not serve embeddings"


def test_a_model_without_such_a_deployment_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        Market([group("one", "ab")]).route(operation=Operation.LIST_MODELS)
    assert caught.value.kind is OPERATION_NOT_SUPPORTED


def test_no_fallback_leads_outside_the_boundary() -> None:
    inside = [deployment(name, labels={"residency": "eu"}) for name in "bd"]
    assert Market(AB_THEN_CD, inside, boundaries=(EUROPE,)).order() == ["b", "d"]


def test_nobody_inside_the_boundary_is_refused_whoever_is_healthy() -> None:
    with pytest.raises(Refusal) as caught:
        Market(AB_THEN_CD, boundaries=(EUROPE,)).route()
    assert caught.value.kind is DATA_BOUNDARY


def test_inside_the_boundary_a_cooling_one_is_asked_and_nobody_outside() -> None:
    inside = deployment("a", labels={"residency": "eu"})
    market = Market(AB_THEN_CD, [inside], boundaries=(EUROPE,), standings={"a": cooling(60)})
    assert market.order() == ["a"]


def test_a_request_that_is_too_long_for_all_is_refused() -> None:
    small = [deployment(name, context_tokens=1000) for name in "abcd"]
    with pytest.raises(Refusal) as caught:
        Market(AB_THEN_CD, small).route(replace(NEEDS, input_tokens=5000))
    assert caught.value.kind is CONTEXT_LENGTH_EXCEEDED


@pytest.mark.parametrize(("for_s", "said"), [(30.0, "30"), (30.2, "31"), (0.01, "1")])
def test_when_all_are_limited_the_caller_hears_when_to_come_again(for_s: float, said: str) -> None:
    standings = {name: cooling(60, LIMITED) for name in "abd"} | {"c": cooling(for_s, LIMITED)}
    with pytest.raises(Refusal) as caught:
        Market(AB_THEN_CD, standings=standings).route()
    assert (caught.value.kind, caught.value.headers) == (UPSTREAM_RATE_LIMITED, (("retry-after", said),))


def test_a_deployment_in_two_groups_is_asked_once() -> None:
    groups = [group("one", "ab", fallbacks=["two"]), group("two", "bc", Strategy.LEAST_BUSY)]
    assert sorted(Market(groups).order()) == ["a", "b", "c"]
    assert Market(groups).order()[:2] == ["a", "b"]


def test_a_plan_is_no_longer_than_it_may_be() -> None:
    market = Market([group("one", "abcdefgh")])
    catalog = replace(market.catalog, routing=RoutingPolicy(max_attempts=3))
    route = choose_route(PERMIT, Operation.CHAT, NEEDS, replace(market.at(), catalog=catalog))
    assert [each.name for each in route.deployments] == ["a", "b", "c"]
    assert reasons(route)["d"] == "too far back: a plan has at most 3 attempts"
    assert [each.deployment for each in route.considered if each.is_chosen] == ["a", "b", "c"]


def test_the_same_draws_give_the_same_route() -> None:
    market = Market([group("one", "abcdef", Strategy.WEIGHTED)])
    assert market.route(seed=4) == market.route(seed=4)
    assert len({tuple(market.order(seed=seed)) for seed in range(20)}) > 1


# -- auto

CHEAP, PREMIUM = group("small", "ab", fallbacks=["spare"]), group("large", "cd")
AUTO = Auto(CHEAP.name, PREMIUM.name)


def auto(tier: str, **changes: object) -> Market:
    market = Market([CHEAP, PREMIUM, group("spare", "e")], target=AUTO, judgement=judgement(tier, 0.826))
    return replace(market, **changes)  # type: ignore[arg-type]


def test_auto_is_the_group_that_the_request_is_judged_to_need() -> None:
    assert auto("cheap").order() == ["a", "b", "e"]
    assert auto("premium").order() == ["c", "d"]
    assert auto("premium").route().auto == "premium; score=0.83"
    assert auto("premium").route().auto_reasons == ("said so",)


def test_a_model_that_names_a_group_is_not_judged() -> None:
    def fail() -> Judgement:
        raise AssertionError

    market = Market([group("one", "a")])
    route = choose_route(PERMIT, Operation.CHAT, NEEDS, replace(market.at(), judge=fail))
    assert (route.auto, route.auto_reasons) == ("", ())


def test_health_does_not_lead_from_one_tier_to_the_other() -> None:
    assert auto("premium", standings=dict.fromkeys("cd", cooling(60))).order() == ["c", "d"]
    with pytest.raises(Refusal) as caught:
        auto("premium", standings=dict.fromkeys("cd", cooling(60, LIMITED))).route()
    assert caught.value.kind is UPSTREAM_RATE_LIMITED


@pytest.mark.parametrize(("tier", "other", "inside"), [("premium", "cheap", "b"), ("cheap", "premium", "d")])
def test_the_other_tier_serves_what_the_judged_one_may_not(tier: str, other: str, inside: str) -> None:
    in_europe = deployment(inside, labels={"residency": "eu"})
    route = auto(tier, deployments=[in_europe], boundaries=(EUROPE,)).route()
    assert [each.name for each in route.deployments] == [inside]
    assert route.auto == f"{other}; score=0.83; wanted={tier}"
    assert "may serve the request" in route.auto_reasons[-1]
    assert reasons(route).keys() == set("abcde")


def test_who_is_out_of_both_tiers_is_told_about_once() -> None:
    inside = deployment("b", labels={"residency": "eu"})
    groups = [group("small", "ab"), group("large", "ac")]
    market = Market(groups, [inside], boundaries=(EUROPE,), target=AUTO, judgement=judgement("premium", 0.9))
    assert [each.deployment for each in market.route().considered] == ["b", "a", "c"]


def test_auto_with_nobody_inside_the_boundary_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        auto("premium", boundaries=(EUROPE,)).route()
    assert caught.value.kind is DATA_BOUNDARY


# -- beside the route


def test_tokens_are_counted_by_whoever_would_answer() -> None:
    chat_only = deployment("a", operations=frozenset({Operation.CHAT}))
    route = Market([group("one", "a")], [chat_only]).route(operation=Operation.COUNT_TOKENS)
    assert [each.name for each in route.deployments] == ["a"]


def test_who_is_shut_out_can_be_told_without_a_route() -> None:
    market = auto("cheap", deployments=[deployment("d", labels={"residency": "eu"})], boundaries=(EUROPE,))
    said = shut_out(PERMIT, Operation.CHAT, NEEDS, market.catalog, NOW_S)
    assert {each.deployment: each.reason for each in said} == dict.fromkeys(
        "abce", "out: outside the data boundary residency=[eu]"
    )
