from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import sqrt
from random import Random

import pytest

from extproc.model.health import FRESH, Standing
from extproc.model.ids import GroupName
from extproc.model.money import Price
from extproc.model.routing import Capacity, Strategy
from extproc.policy.eligible import Eligible
from extproc.policy.strategies import Contender, arrange, describe
from tests.unit.policy.groups import NEEDS, UNPROVEN, deployment, member

DRAWS = 4000


def contender(
    name: str,
    standing: Standing = FRESH,
    *,
    weight: int = 1,
    reserved: Capacity | None = None,
    price: Price | None = None,
    connections: int = 100,
) -> Contender:
    made = deployment(name, price=price, max_connections=connections)
    place = member(name, weight, reserved)
    eligible = Eligible(made, place, GroupName("g"), is_tight=False, is_retired=False)
    return Contender(eligible, standing, is_unproven=standing.trouble is not None)


def names(contenders: Sequence[Contender]) -> list[str]:
    return [each.eligible.deployment.name for each in contenders]


def orders(strategy: Strategy, contenders: Sequence[Contender], draws: int = DRAWS) -> Counter[tuple[str, ...]]:
    source = Random(7)  # noqa: S311 - chooses, guards nothing
    return Counter(tuple(names(arrange(strategy, contenders, NEEDS, source.random))) for _ in range(draws))


def firsts(strategy: Strategy, contenders: Sequence[Contender], draws: int = DRAWS) -> dict[str, float]:
    counts: Counter[str] = Counter()
    for order, count in orders(strategy, contenders, draws).items():
        counts[order[0]] += count
    return {each: counts[each] / draws for each in names(contenders)}


def near(share: float, draws: int = DRAWS) -> float:
    """Five standard deviations of a share that was drawn."""
    return 5 * sqrt(share * (1 - share) / draws)


@pytest.mark.parametrize("strategy", Strategy)
def test_every_strategy_keeps_everybody_and_decides_the_same_from_the_same_draws(strategy: Strategy) -> None:
    group = [contender(each, Standing(first_token_s=1.0)) for each in "abcde"]
    for count in range(6):
        one, two = (arrange(strategy, group[:count], NEEDS, Random(3).random) for _ in range(2))  # noqa: S311 - same
        assert names(one) == names(two)
        assert sorted(names(one)) == names(group[:count])


# -- latency


def test_the_quicker_of_two_drawn_goes_first_and_the_others_by_speed() -> None:
    group = [contender(name, Standing(first_token_s=s)) for name, s in (("a", 0.4), ("b", 0.1), ("c", 0.2), ("d", 0.3))]
    seen = orders(Strategy.LATENCY, group)
    for first, *others in seen:
        assert others == [each for each in ("b", "c", "d", "a") if each != first]
    share = firsts(Strategy.LATENCY, group)
    for name, pairs in (("b", 3), ("c", 2), ("d", 1), ("a", 0)):
        assert abs(share[name] - pairs / 6) <= near(pairs / 6)


@pytest.mark.parametrize("count", [2, 3, 5, 20])
def test_a_cold_deployment_is_explored_by_one_request_in_n(count: int) -> None:
    group = [contender(f"k{i}", Standing(first_token_s=0.1 + i)) for i in range(count - 1)]
    for standing in (FRESH, UNPROVEN, replace(UNPROVEN, first_token_s=0.01), replace(UNPROVEN, first_token_s=99.0)):
        cold = contender("cold", standing)
        assert abs(firsts(Strategy.LATENCY, [*group, cold])["cold"] - 1 / count) <= near(1 / count)


@pytest.mark.parametrize("count", [2, 3, 8])
def test_deployments_that_are_all_cold_share_evenly(count: int) -> None:
    share = firsts(Strategy.LATENCY, [contender(f"d{i}") for i in range(count)])
    assert all(abs(each - 1 / count) <= near(1 / count) for each in share.values())


def test_a_cold_deployment_whose_connections_fill_up_is_explored_no_more() -> None:
    known = [contender(f"k{i}", Standing(first_token_s=0.1)) for i in range(4)]
    assert firsts(Strategy.LATENCY, [*known, contender("cold", Standing(in_flight=90))])["cold"] == 0


@pytest.mark.parametrize(
    "worse",
    [
        Standing(first_token_s=0.1, error_rate=0.5),
        Standing(first_token_s=0.1, in_flight=50),
        Standing(first_token_s=0.2),
    ],
)
def test_failures_and_connections_in_use_make_slower(worse: Standing) -> None:
    group = [contender("worse", worse), contender("better", Standing(first_token_s=0.15))]
    assert orders(Strategy.LATENCY, group).keys() == {("better", "worse")}


def test_who_always_fails_or_is_full_still_has_a_place() -> None:
    group = [
        contender("fails", Standing(first_token_s=0.1, error_rate=1.0)),
        contender("full", Standing(first_token_s=0.2, in_flight=500)),
        contender("fine", Standing(first_token_s=5.0)),
    ]
    assert orders(Strategy.LATENCY, group).keys() == {("fine", "fails", "full"), ("fails", "fine", "full")}


# -- least_busy


def test_the_least_busy_goes_first_by_the_share_in_use() -> None:
    group = [
        contender("a", Standing(in_flight=30), connections=100),
        contender("b", Standing(in_flight=40), connections=1000),
        contender("c", Standing(in_flight=5), connections=10),
    ]
    assert orders(Strategy.LEAST_BUSY, group).keys() == {("b", "a", "c")}


def test_who_fails_at_once_is_not_taken_for_idle() -> None:
    group = [contender("fails", Standing(error_rate=0.9)), contender("works", Standing(in_flight=50))]
    assert orders(Strategy.LEAST_BUSY, group).keys() == {("works", "fails")}


@pytest.mark.parametrize("strategy", [Strategy.LEAST_BUSY, Strategy.COST])
def test_equals_are_shuffled(strategy: Strategy) -> None:
    seen = orders(strategy, [contender(each, price=Price(1, 1)) for each in "abc"])
    assert len(seen) == 6
    assert all(abs(count / DRAWS - 1 / 6) <= near(1 / 6) for count in seen.values())


# -- weighted


def test_weights_are_shares_and_hold_for_those_left_over() -> None:
    group = [contender(name, weight=weight) for name, weight in (("a", 1), ("b", 3), ("c", 6))]
    seen = orders(Strategy.WEIGHTED, group)
    expected = {"abc": 0.1 / 3, "acb": 0.2 / 3, "bac": 0.3 / 7, "bca": 1.8 / 7, "cab": 0.15, "cba": 0.45}
    for order, share in expected.items():
        assert abs(seen[tuple(order)] / DRAWS - share) <= near(share)


def test_who_has_no_weight_comes_last_as_listed() -> None:
    group = [contender("z", weight=0), contender("a", weight=1), contender("y", weight=0)]
    assert orders(Strategy.WEIGHTED, group).keys() == {("a", "z", "y")}


def test_a_draw_of_nothing_is_no_trouble() -> None:
    group = [contender(each, weight=2) for each in "ab"]
    assert sorted(names(arrange(Strategy.WEIGHTED, group, NEEDS, lambda: 0.0))) == ["a", "b"]


# -- cost


def test_the_cheapest_for_this_request_goes_first() -> None:
    reader, writer = contender("reader", price=Price(1, 100)), contender("writer", price=Price(10, 10))
    unpriced = contender("unpriced")
    long_input = replace(NEEDS, input_tokens=100_000, output_tokens=10)
    long_answer = replace(NEEDS, input_tokens=10, output_tokens=400)
    group = [unpriced, writer, reader]
    draw = Random(0).random  # noqa: S311 - same
    assert names(arrange(Strategy.COST, group, long_input, draw)) == ["reader", "writer", "unpriced"]
    assert names(arrange(Strategy.COST, group, long_answer, draw)) == ["writer", "reader", "unpriced"]


def test_a_price_for_each_request_counts() -> None:
    group = [contender("a", price=Price(1, 1, request_nano_usd=1000)), contender("b", price=Price(2, 2))]
    draw = Random(0).random  # noqa: S311 - same
    assert names(arrange(Strategy.COST, group, NEEDS, draw)) == ["b", "a"]
    assert names(arrange(Strategy.COST, group, replace(NEEDS, input_tokens=2000), draw)) == ["a", "b"]


def test_an_answer_is_not_expected_to_be_as_long_as_it_may_be() -> None:
    needs = replace(NEEDS, input_tokens=10_000, output_tokens=100_000)
    group = [contender("a", price=Price(1, 20)), contender("b", price=Price(10, 10))]
    assert names(arrange(Strategy.COST, group, needs, Random(0).random))[0] == "a"  # noqa: S311 - same


# -- priority


def minute(requests: int = 0, tokens: int = 0) -> Standing:
    return Standing(requests_in_minute=requests, tokens_in_minute=tokens)


@pytest.mark.parametrize(
    ("reserved", "standing", "order"),
    [
        (Capacity(10, None), minute(requests=9), "rab"),
        (Capacity(10, None), minute(requests=10), "abr"),
        (Capacity(None, 10_000), minute(tokens=9_400), "rab"),
        (Capacity(None, 10_000), minute(tokens=9_401), "abr"),
        (Capacity(10, 10_000), minute(requests=1, tokens=9_900), "abr"),
        (Capacity(10, 10_000), minute(requests=10, tokens=1), "abr"),
        (Capacity(None, None), minute(requests=9999, tokens=999_999), "rab"),
    ],
)
def test_reserved_capacity_goes_first_until_it_is_used_up(reserved: Capacity, standing: Standing, order: str) -> None:
    # This request is taken for 100 tokens in and 500 out.
    group = [contender("a"), contender("r", standing, reserved=reserved), contender("b")]
    assert orders(Strategy.PRIORITY, group, 10).keys() == {tuple(order)}


def test_without_reserved_capacity_it_is_as_listed() -> None:
    assert orders(Strategy.PRIORITY, [contender(each) for each in "cab"], 10).keys() == {("c", "a", "b")}


# -- words


@pytest.mark.parametrize(
    ("strategy", "subject", "words"),
    [
        (Strategy.LATENCY, contender("a"), "no recent request to go by"),
        (
            Strategy.LATENCY,
            contender("a", Standing(first_token_s=0.314, in_flight=3, error_rate=0.25)),
            "0.31 s to the first token, 3 of 100 connections in use, 25% failures",
        ),
        (Strategy.LEAST_BUSY, contender("a", Standing(in_flight=7)), "7 of 100 connections in use, 0% failures"),
        (Strategy.WEIGHTED, contender("a", weight=5), "weight 5"),
        (Strategy.COST, contender("a", price=Price(2, 3)), "about 1700 nano-USD"),
        (Strategy.COST, contender("a"), "no price"),
        (Strategy.PRIORITY, contender("a"), "as listed"),
        (Strategy.PRIORITY, contender("a", reserved=Capacity(5, None)), "within its reserved capacity"),
        (Strategy.PRIORITY, contender("a", reserved=Capacity(0, None)), "beyond its reserved capacity"),
    ],
)
def test_what_a_strategy_went_by_can_be_said(strategy: Strategy, subject: Contender, words: str) -> None:
    assert describe(strategy, subject, NEEDS) == words


# -- many workers


def simulate(workers: int, newcomer: Standing, *, count: int, requests: int) -> list[str]:
    """Who is asked first by workers that all see the same news, each drawing for itself."""
    group = [contender(f"k{i}", Standing(first_token_s=0.5, in_flight=5)) for i in range(count - 1)]
    group.append(contender("new", newcomer))
    sources = [Random(seed) for seed in range(workers)]  # noqa: S311 - same
    return [
        names(arrange(Strategy.LATENCY, group, NEEDS, sources[index % workers].random))[0] for index in range(requests)
    ]


@pytest.mark.parametrize("count", [3, 5, 10])
@pytest.mark.parametrize(("newcomer", "share"), [(FRESH, 1.0), (UNPROVEN, 1.0), (Standing(first_token_s=0.01), 2.0)])
def test_workers_with_the_same_news_do_not_all_run_to_a_new_or_recovered_deployment(
    newcomer: Standing, share: float, count: int
) -> None:
    asked = simulate(8, newcomer, count=count, requests=2000)
    window = 100
    counts = [asked[start : start + window].count("new") for start in range(0, len(asked), window)]
    allowed = share / count
    assert max(counts) <= window * (allowed + near(allowed, window))
    assert sum(counts) / len(asked) == pytest.approx(allowed, abs=near(allowed, len(asked)))


def test_two_that_are_equally_quick_stay_even_although_news_is_late() -> None:
    # In a loop: what is in flight is heard of every 100 requests only, and each stays for as long as 200 more take.
    source = Random(5)  # noqa: S311 - same
    asked = ["b"] * 200
    for _ in range(50):
        heard = Counter(asked[-200:])
        group = [contender(each, Standing(first_token_s=0.5, in_flight=heard[each]), connections=1000) for each in "ab"]
        asked += [names(arrange(Strategy.LATENCY, group, NEEDS, source.random))[0] for _ in range(100)]
    in_flight = [asked[end - 200 : end].count("a") for end in range(1000, len(asked), 100)]
    assert max(in_flight) < 150
    assert min(in_flight) > 50


def test_who_is_not_clearly_slower_is_asked_as_often() -> None:
    group = [contender("a", Standing(first_token_s=0.50)), contender("b", Standing(first_token_s=0.55))]
    assert abs(firsts(Strategy.LATENCY, group)["a"] - 0.5) <= near(0.5)
