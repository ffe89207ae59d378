from dataclasses import replace
from datetime import date

import pytest

from extproc.adapters.memory import MemoryHealth
from extproc.model.catalog import Operation
from extproc.model.health import Standing, Trouble
from extproc.model.ids import DeploymentName
from extproc.model.money import Price
from extproc.model.routing import Capacity, Strategy
from extproc.policy.route import choose_route
from tests.unit.policy.groups import (
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
    route = choose_route(PERMIT, Operation.CHAT, NEEDS, replace(market.at(), health=health))
    return [each.name for each in route.deployments], health.asked


def test_who_may_be_too_small_comes_after_everybody_with_room() -> None:
    market = Market(AB_THEN_CD, [deployment("a", context_tokens=1000)], {"d": cooling(60)})
    assert market.order(replace(NEEDS, input_tokens=1200)) == ["b", "c", "a", "d"]
    assert market.order(replace(NEEDS, input_tokens=900)) == ["a", "b", "c", "d"]


def test_who_may_be_too_small_is_asked_when_it_is_all_there_is() -> None:
    assert Market([group("one", "a")], [deployment("a", context_tokens=100)]).order(
        replace(NEEDS, input_tokens=110)
    ) == ["a"]


def test_who_has_no_connection_free_comes_after_everybody_who_may_serve_now() -> None:
    standings = {"a": Standing(in_flight=5), "b": Standing(in_flight=4), "d": cooling(60)}
    market = Market(AB_THEN_CD, [deployment("a", max_connections=5), deployment("b", max_connections=5)], standings)
    assert market.order() == ["b", "c", "a", "d"]
    assert Market([group("one", "a")], [deployment("a", max_connections=1)], {"a": Standing(in_flight=9)}).order() == [
        "a"
    ]


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
        "e": "out: does not serve chat.completions",
    }


def test_who_is_finding_out_is_told_so() -> None:
    market = Market([group("one", "ab")], standings={"a": UNPROVEN}, is_probing=True)
    assert reasons(market.route())["a"] == "to find out whether it works again; by priority: as listed"
