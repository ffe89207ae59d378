from dataclasses import replace
from datetime import date

import pytest

from extproc.adapters.memory import MemoryHealth
from extproc.model.catalog import Operation
from extproc.model.health import Standing, Trouble
from extproc.model.ids import DeploymentName
from extproc.model.money import Price
from extproc.model.refusals import (
    CONTEXT_LENGTH_EXCEEDED,
    DATA_BOUNDARY,
    OPERATION_NOT_SUPPORTED,
    UPSTREAM_RATE_LIMITED,
    Refusal,
)
from extproc.model.routing import Capacity, RoutingPolicy, Strategy
from extproc.policy.route import Circumstances, choose_route
from tests.samples import NOW_S
from tests.unit.policy.groups import (
    EUROPE,
    NEEDS,
    PERMIT,
    UNPROVEN,
    Market,
    cooling,
    deployment,
    group,
    member,
    reasons,
)

LIMITED = Trouble.RATE_LIMITED
AB_THEN_CD = (group("one", "ab", fallbacks=["two"]), group("two", "cd"))


class AskedHealth(MemoryHealth):
    """Remembers which deployments it was asked about probing; says yes to the given ones."""

    def __init__(self, standings: dict[DeploymentName, Standing], yes: str = "") -> None:
        super().__init__(standings)
        self.yes = yes
        self.asked: list[str] = []

    def may_probe(self, deployment: DeploymentName, now_s: float) -> bool:
        self.asked.append(deployment)
        return deployment in self.yes


def probed(market: Market, yes: str = "") -> tuple[list[str], list[str]]:
    """The order, and who was asked about probing."""
    health = AskedHealth(market.health.standings, yes)
    at = Circumstances(market.catalog, health, NOW_S, lambda: 0.5)
    route = choose_route(PERMIT, Operation.CHAT, NEEDS, at)
    return [each.name for each in route.deployments], health.asked


# -- filter


def test_members_come_first_and_then_the_fallbacks_in_order() -> None:
    groups = [group("one", "ab", fallbacks=["two", "three"]), group("two", "c", fallbacks=["four"])]
    assert Market([*groups, group("three", "d"), group("four", "e")]).order() == ["a", "b", "c", "d"]


def test_a_deployment_that_does_not_serve_the_operation_is_passed_over() -> None:
    chat_only = deployment("a", operations=frozenset({Operation.CHAT}))
    route = Market([group("one", "ab")], [chat_only]).route(operation=Operation.EMBEDDINGS)
    assert [each.name for each in route.deployments] == ["b"]
    assert reasons(route)["a"] == "does not serve embeddings"


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


def test_who_may_be_too_small_comes_after_everybody_with_room() -> None:
    market = Market(AB_THEN_CD, [deployment("a", context_tokens=1000)], {"d": cooling(60)})
    assert market.order(replace(NEEDS, input_tokens=1200)) == ["b", "c", "a", "d"]
    assert market.order(replace(NEEDS, input_tokens=900)) == ["a", "b", "c", "d"]


def test_who_may_be_too_small_is_asked_when_it_is_all_there_is() -> None:
    assert Market([group("one", "a")], [deployment("a", context_tokens=100)]).order(
        replace(NEEDS, input_tokens=110)
    ) == ["a"]


# -- pick


def test_a_retired_deployment_is_the_last_of_its_group() -> None:
    retired = deployment("a", retires_on=date(2020, 1, 1))
    market = Market(AB_THEN_CD, [retired])
    assert market.order() == ["b", "a", "c", "d"]
    assert "last day is over" in reasons(market.route())["a"]


def test_cooling_ones_come_last_the_soonest_to_recover_first() -> None:
    market = Market(AB_THEN_CD, standings={"a": cooling(60), "b": cooling(30), "c": cooling(45, Trouble.REJECTED)})
    assert market.order() == ["d", "b", "c", "a"]


def test_whom_the_provider_limits_is_not_asked() -> None:
    market = Market(AB_THEN_CD, standings={"a": cooling(60, LIMITED), "c": cooling(60)})
    assert market.order() == ["b", "d", "c"]
    assert reasons(market.route())["a"] == "not asked: its provider limits requests until 08:01:00 UTC"


@pytest.mark.parametrize(("for_s", "said"), [(30.0, "30"), (30.2, "31"), (0.01, "1")])
def test_when_all_are_limited_the_caller_hears_when_to_come_again(for_s: float, said: str) -> None:
    standings = {name: cooling(60, LIMITED) for name in "abd"} | {"c": cooling(for_s, LIMITED)}
    with pytest.raises(Refusal) as caught:
        Market(AB_THEN_CD, standings=standings).route()
    assert (caught.value.kind, caught.value.headers) == (UPSTREAM_RATE_LIMITED, (("retry-after", said),))


def test_a_limit_that_is_over_bars_nobody() -> None:
    over = replace(UNPROVEN, trouble=LIMITED)
    assert Market(AB_THEN_CD, standings={"a": over}).order() == ["b", "c", "d", "a"]


def test_an_unproven_one_stands_behind_the_healthy_and_before_the_cooling() -> None:
    market = Market(AB_THEN_CD, standings={"a": UNPROVEN, "c": UNPROVEN, "b": cooling(5)})
    assert market.order() == ["d", "a", "c", "b"]


def test_an_unproven_one_is_used_when_it_is_all_there_is() -> None:
    assert Market([group("one", "a")], standings={"a": UNPROVEN}).order() == ["a"]


def test_an_unproven_one_may_lead_to_find_out() -> None:
    market = Market(AB_THEN_CD, standings={"a": UNPROVEN})
    assert probed(market, yes="a") == (["a", "b", "c", "d"], ["a"])
    assert probed(market) == (["b", "c", "d", "a"], ["a"])


def test_one_request_finds_out_about_one_deployment_only() -> None:
    market = Market(AB_THEN_CD, standings=dict.fromkeys("abcd", UNPROVEN))
    assert probed(market, yes="bd") == (["b", "a", "c", "d"], ["a", "b"])


def test_nobody_is_asked_to_find_out_where_it_would_not_be_seen() -> None:
    market = Market(AB_THEN_CD, standings={"b": UNPROVEN, "c": UNPROVEN})
    assert probed(market, yes="bc") == (["a", "d", "b", "c"], [])


def test_a_fallback_may_find_out_when_it_leads() -> None:
    market = Market(AB_THEN_CD, standings={"a": cooling(9), "b": cooling(9), "c": UNPROVEN})
    assert probed(market, yes="c") == (["c", "d", "a", "b"], ["c"])


@pytest.mark.parametrize("strategy", Strategy)
def test_every_strategy_lets_an_unproven_one_find_out_sooner_or_later(strategy: Strategy) -> None:
    reserved = Capacity(10, None) if strategy is Strategy.PRIORITY else None
    market = Market(
        [group("one", [member("a", reserved=reserved), "b", "c"], strategy)],
        [deployment(name, price=Price(1, 1)) for name in "abc"],
        {"a": replace(UNPROVEN, error_rate=1.0), "b": Standing(first_token_s=0.1), "c": Standing(first_token_s=0.1)},
        is_probing=True,
    )
    assert market.shares(200)["a"] > 0


def test_each_group_has_its_own_strategy() -> None:
    groups = [group("one", "ab", fallbacks=["two"]), group("two", "cd", Strategy.LEAST_BUSY)]
    assert Market(groups, standings={"a": Standing(in_flight=9), "c": Standing(in_flight=9)}).order() == list("abdc")


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


# -- words


def test_everybody_who_was_considered_is_told_about() -> None:
    market = Market(
        [group("one", "abcdef", Strategy.WEIGHTED)],
        [deployment("f", context_tokens=90), deployment("e", operations=frozenset({Operation.EMBEDDINGS}))],
        {"b": UNPROVEN, "c": cooling(75), "d": cooling(75, LIMITED)},
    )
    assert reasons(market.route()) == {
        "a": "healthy; by weighted: weight 1",
        "b": "behind the healthy: not known to work again; by weighted: weight 1",
        "f": "behind those with more room: perhaps too small for this request; by weighted: weight 1",
        "c": "only if all others fail: cooling down until 08:01:15 UTC after failures in a row",
        "d": "not asked: its provider limits requests until 08:01:15 UTC",
        "e": "does not serve chat.completions",
    }


def test_who_is_finding_out_is_told_so() -> None:
    market = Market([group("one", "ab")], standings={"a": UNPROVEN}, is_probing=True)
    assert reasons(market.route())["a"] == "to find out whether it works again; by priority: as listed"
