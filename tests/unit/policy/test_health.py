"""The sums of one deployment's health. ``tests/contracts/test_health.py`` has the promises made with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.model.health import Trouble
from extproc.model.routing import RoutingPolicy
from extproc.policy import health
from extproc.policy.health import UNHEARD, Judgement, State, Verdict, is_forgotten, judged, standing_of, used

POLICY = RoutingPolicy(allowed_fails=2, cooldown_s=10.0, max_cooldown_s=25.0)
NOW_S = 1_800_000_000.0

verdicts = st.builds(
    Verdict,
    st.sampled_from(Judgement),
    st.sampled_from(Trouble),
    st.none() | st.floats(0, 10_000),
    st.none() | st.floats(0, 100),
    draw=st.floats(0, 1, exclude_max=True),
)


@given(st.lists(st.tuples(st.floats(-5, 30), verdicts), max_size=30))
def test_a_cooldown_never_ends_sooner_than_was_said_whatever_comes(seen: list[tuple[float, Verdict]]) -> None:
    state, at_s = UNHEARD, NOW_S
    for pause_s, verdict in seen:
        # Records of one moment come out of order.
        at_s += pause_s
        after = judged(state, verdict, at_s, POLICY)
        assert after.cooldown_until_s >= state.cooldown_until_s
        assert 0 <= standing_of(after, at_s).error_rate <= 1
        assert after.cooldown_until_s <= max(state.cooldown_until_s, at_s + health.MAX_RETRY_AFTER_S * 1.2)
        state = after


@pytest.mark.parametrize(("draw", "expected_s"), [(0.0, 8.0), (0.5, 10.0), (0.999, 12.0)])
def test_a_cooldown_is_spread_by_a_fifth_either_way(draw: float, expected_s: float) -> None:
    state = UNHEARD
    for _ in range(2):
        state = judged(state, Verdict(Judgement.BAD, draw=draw), NOW_S, POLICY)
    assert state.cooldown_until_s - NOW_S == pytest.approx(expected_s, abs=0.01)


def test_a_provider_is_never_asked_before_its_own_time() -> None:
    told = Verdict(Judgement.BAD, Trouble.RATE_LIMITED, 30.0, draw=0.0)
    assert judged(UNHEARD, told, NOW_S, POLICY).cooldown_until_s - NOW_S == pytest.approx(30.0)


def test_one_failure_is_a_rate_of_one_and_fades() -> None:
    state = judged(UNHEARD, Verdict(Judgement.BAD), NOW_S, POLICY)
    rates = [standing_of(state, NOW_S + health.ERROR_HALF_LIFE_S * each).error_rate for each in range(3)]
    assert rates == pytest.approx([1.0, 0.5, 0.25])


def test_the_oldest_ten_seconds_count_as_far_as_they_are_within_the_minute() -> None:
    state = used(UNHEARD, 10, 1000, NOW_S)
    counts = [standing_of(state, NOW_S + age_s).requests_in_minute for age_s in (0, 59, 60, 65, 69, 70, 71)]
    assert counts == [10, 10, 10, 5, 1, 0, 0]


def test_the_slots_of_the_last_minute_are_all_that_is_kept() -> None:
    state = UNHEARD
    for second in range(1000):
        state = used(state, 1, 1, NOW_S + second)
    assert len(state.slots) == health.SLOTS
    assert standing_of(state, NOW_S + 999).requests_in_minute == pytest.approx(60, abs=1)


def test_what_cools_down_or_is_asked_something_is_not_forgotten() -> None:
    heard = State(heard_at_s=NOW_S)
    late_s = NOW_S + health.FORGET_S + 1
    assert is_forgotten(heard, late_s)
    assert not is_forgotten(State(heard_at_s=NOW_S, in_flight=1), late_s)
    assert not is_forgotten(State(heard_at_s=NOW_S, cooldown_until_s=late_s), late_s)
