"""What a use costs, to the micro-dollar."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.model.exchange import Usage
from extproc.model.money import Price
from extproc.policy.price import cost, most

PLAIN = Price(input_nano_usd=250, output_nano_usd=2000)
FULL = Price(250, 2000, 25, 312, 2000, 400, 8000, 5_000_000)

LONG = Price(100, 500, 10, long_above_tokens=1000, long=Price(500, 2500, 50))

counts = st.integers(0, 10_000_000)
prices = st.builds(Price, *[st.integers(0, 10**6)] * 2, *[st.none() | st.integers(0, 10**6)] * 5, st.integers(0, 10**9))


@pytest.mark.parametrize(
    ("usage", "price", "micro_usd"),
    [
        (Usage(0, 0), PLAIN, 0),
        (Usage(1, 0), PLAIN, 1),
        (Usage(4, 0), PLAIN, 1),
        (Usage(5, 0), PLAIN, 2),
        (Usage(1000, 500), PLAIN, 250 + 1000),
        (Usage(1000, 500, cached_tokens=400), PLAIN, 250 + 1000),
        (Usage(1000, 0, cached_tokens=400, cache_write_tokens=100), FULL, 125 + 10 + 32 + 5000),
        (Usage(0, 500, reasoning_tokens=300), FULL, 1000 + 5000),
        (Usage(1000, 100, cached_tokens=100), LONG, 90 + 1 + 50),
        (Usage(1001, 100, cached_tokens=1), LONG, 500 + 1 + 250),
        (Usage(100, 100, audio_input_tokens=50, audio_output_tokens=10), FULL, 13 + 20 + 180 + 80 + 5000),
    ],
)
def test_each_kind_of_token_is_priced_once_and_the_sum_rounded_up(usage: Usage, price: Price, micro_usd: int) -> None:
    assert cost(usage, price) == micro_usd


@given(counts, counts, prices)
def test_a_cost_is_less_than_a_micro_dollar_above_the_exact_one(given_: int, made: int, price: Price) -> None:
    exact = Fraction(given_ * price.input_nano_usd + made * price.output_nano_usd + price.request_nano_usd, 1000)
    assert exact <= cost(Usage(given_, made), price) < exact + 1


@given(st.data(), counts, counts, st.lists(prices, min_size=1, max_size=4))
def test_no_usage_within_the_estimate_costs_more_than_it(
    data: st.DataObject, given_: int, made: int, plan: list[Price]
) -> None:
    cached = data.draw(st.integers(0, given_))
    usage = Usage(given_, made, cached, given_ - cached, reasoning_tokens=data.draw(st.integers(0, made)))
    estimate = most(given_, made, plan)
    assert estimate is not None
    assert all(cost(usage, price) <= estimate for price in plan)
    assert sum(cost(usage, price) for price in plan) <= estimate + len(plan) - 1


def test_a_plan_with_an_unpriced_deployment_has_no_estimate() -> None:
    assert most(1, 1, [PLAIN, None]) is None


def test_an_estimate_is_of_the_long_price_where_the_input_may_be_long() -> None:
    assert most(1000, 0, [LONG]) == 100
    assert most(1001, 0, [LONG]) == 501


@given(
    counts, counts, st.integers(0, 1000), st.integers(0, 1000), prices, st.integers(0, 10_000_000), st.integers(0, 9)
)
def test_more_tokens_never_cost_less(
    given_: int, made: int, more_in: int, more_out: int, price: Price, above: int, factor: int
) -> None:
    longer = Price(price.input_nano_usd * (1 + factor), price.output_nano_usd * (1 + factor), request_nano_usd=10**9)
    tiered = replace(price, long_above_tokens=above, long=longer)
    assert cost(Usage(given_, made), tiered) <= cost(Usage(given_ + more_in, made + more_out), tiered)
