import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.figures import Compared, Segment, compare, percentile

VALUES = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=200)


@pytest.mark.parametrize(
    ("percent", "value"), [(0, 1), (1, 1), (50, 50), (50.5, 51), (99, 99), (99.1, 100), (100, 100)]
)
def test_a_percentile_is_the_value_of_its_rank(percent: float, value: float) -> None:
    values = [float(each) for each in range(1, 101)]
    random.Random(1).shuffle(values)  # noqa: S311 - an order, not a secret
    assert percentile(values, percent) == value


def test_the_percentiles_of_one_value_are_that_value() -> None:
    assert percentile([7.0], 50) == percentile([7.0], 99) == 7.0


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


@given(VALUES, st.floats(1, 100))
def test_a_percentile_is_one_of_the_values_and_enough_do_not_exceed_it(values: list[float], percent: float) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) >= len(values) * percent / 100 - 1e-9


def test_the_ratio_is_the_median_of_the_rounds_and_not_of_the_sides() -> None:
    # The machine was ten times slower in the second round, for both: the ratio does not see it.
    assert compare([100.0, 10.0, 110.0], [50.0, 5.0, 11.0]) == Compared(100.0, 11.0, 0.5, 0.1, 0.5)


@given(VALUES, st.floats(0.01, 100))
def test_a_side_that_is_always_k_times_the_other_has_ratio_k(values: list[float], factor: float) -> None:
    found = compare(values, [value * factor for value in values])
    assert found.ratio == pytest.approx(factor)
    assert found.least == pytest.approx(found.most)


@pytest.mark.parametrize(("base", "other"), [([], []), ([1.0], []), ([1.0], [1.0, 2.0])])
def test_rounds_must_come_in_pairs(base: list[float], other: list[float]) -> None:
    with pytest.raises(ValueError):
        compare(base, other)


def test_a_segment_knows_its_rate_and_what_a_request_cost() -> None:
    segment = Segment(2.0, 1000, 1.0, 2.0, {"envoy": 0.5})
    assert (segment.rate, segment.cpu_us("envoy"), segment.cpu_us("workers")) == (500.0, 500.0, 0.0)
