"""What is believed of a provider's usage, what is charged instead, and that nothing is ever free."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extproc.model.exchange import Usage
from extproc.model.limits import Estimate
from extproc.model.money import MicroUsd, Price
from extproc.policy.price import most
from extproc.policy.settle import Flag, Judged, Seen, bill, judge_unseen, judge_usage

ESTIMATE = Estimate(120, 500, MicroUsd(1))
WHOLE = Seen(900, is_complete=True)
PRICE = Price(250, 2000)

counts = st.integers(-10, 2_000_000)
usages = st.builds(Usage, *[counts] * 7)
estimates = st.builds(Estimate, st.integers(1, 100_000), st.integers(0, 100_000), st.none())
seens = st.builds(Seen, st.integers(0, 1_000_000), st.booleans())


def flags(told: Usage | None, seen: Seen = WHOLE, estimate: Estimate = ESTIMATE) -> list[str]:
    return [flag.value for flag in judge_usage(told, seen, estimate).flags]


def test_a_sane_usage_is_the_providers() -> None:
    told = Usage(100, 300, cached_tokens=40, reasoning_tokens=50)
    assert judge_usage(told, WHOLE, ESTIMATE) == Judged(told)
    assert not judge_usage(told, WHOLE, ESTIMATE).is_estimated


@pytest.mark.parametrize(
    ("told", "flag", "usage"),
    [
        (None, Flag.MISSING, Usage(120, 300)),
        (Usage(0, 0), Flag.LOW_OUTPUT, Usage(120, 300)),
        (Usage(100, 0), Flag.LOW_OUTPUT, Usage(100, 300)),
        (Usage(100, 5), Flag.LOW_OUTPUT, Usage(100, 300)),
        (Usage(0, 300), Flag.ZERO_INPUT, Usage(120, 300)),
        (Usage(-5, 300), Flag.NEGATIVE, Usage(120, 300)),
        (Usage(100, -300), Flag.NEGATIVE, Usage(100, 300)),
        (Usage(10**9, 300), Flag.HIGH_INPUT, Usage(120, 300)),
        (Usage(100, 10**9), Flag.HIGH_OUTPUT, Usage(100, 500)),
        (Usage(100, 300, cached_tokens=400), Flag.PARTS, Usage(100, 300, cached_tokens=100)),
        (Usage(100, 300, reasoning_tokens=-1), Flag.PARTS, Usage(100, 300)),
    ],
)
def test_what_cannot_be_believed_is_counted_here_and_flagged(told: Usage | None, flag: Flag, usage: Usage) -> None:
    judged = judge_usage(told, WHOLE, ESTIMATE)
    assert flag in judged.flags
    assert judged.usage == usage


def test_more_than_was_reserved_is_believed_within_reason_and_told() -> None:
    assert judge_usage(Usage(400, 600), WHOLE, ESTIMATE) == Judged(Usage(400, 600), (Flag.ABOVE_ESTIMATE,))


def test_an_answer_that_was_cut_says_so_and_costs_what_went_by() -> None:
    assert judge_usage(None, Seen(30, is_complete=False), ESTIMATE) == Judged(Usage(120, 10), (Flag.MISSING, Flag.CUT))


def test_a_usage_that_was_told_before_a_cut_does_not_hide_what_came_after() -> None:
    cut = Seen(30, is_complete=False)
    assert judge_usage(Usage(100, 1), cut, ESTIMATE).usage == Usage(100, 10)
    assert judge_usage(Usage(100, 50), cut, ESTIMATE).usage == Usage(100, 50)


def test_an_empty_answer_of_a_thinking_model_is_the_providers() -> None:
    assert flags(Usage(100, 300, reasoning_tokens=300), Seen(0, is_complete=True)) == []


@pytest.mark.parametrize("size", [1, 256])
def test_a_short_answer_is_not_judged_by_its_size(size: int) -> None:
    assert flags(Usage(100, 1), Seen(size, is_complete=True)) == []
    assert flags(Usage(100, 0), Seen(size, is_complete=True)) == ["usage_low_output"]


def test_what_is_odd_and_believed_is_told() -> None:
    told = Usage(100, 300, has_unknown_kinds=True)
    judged = judge_usage(told, Seen(900, is_complete=True, usage_shrank=True), ESTIMATE)
    assert judged == Judged(told, (Flag.SHRANK, Flag.UNKNOWN_KIND))
    assert not judged.is_estimated


def test_nothing_asked_and_nothing_told_is_nothing() -> None:
    nothing = Estimate(0, 0, MicroUsd(0))
    assert judge_usage(None, Seen(0, is_complete=True), nothing) == Judged(Usage(0, 0))


def test_an_attempt_that_nobody_saw_costs_what_was_reserved_for_it() -> None:
    judged = judge_unseen(ESTIMATE)
    assert judged == Judged(Usage(120, 500), (Flag.UNSEEN,))
    assert judged.is_estimated
    assert bill(judged, PRICE) == most(120, 500, [PRICE])


@given(st.none() | usages, seens, estimates)
@example(Usage(0, 0), Seen(1, is_complete=True), Estimate(1, 0, None))
def test_what_was_generated_is_never_free(told: Usage | None, seen: Seen, estimate: Estimate) -> None:
    judged = judge_usage(told, seen, estimate)
    assert judged.usage.input_tokens > 0
    assert judged.usage.output_tokens > 0 or seen.answer_bytes == 0
    assert bill(judged, Price(1, 0)) > 0


@given(st.none() | usages, seens, estimates)
def test_what_is_charged_is_bounded_by_what_was_reserved_and_seen(
    told: Usage | None, seen: Seen, estimate: Estimate
) -> None:
    usage = judge_usage(told, seen, estimate).usage
    assert usage.input_tokens <= 4 * estimate.input_tokens + 8192
    assert usage.output_tokens <= 2 * max(estimate.output_tokens, seen.answer_bytes // 3 + 1) + 256
    special = (usage.cached_tokens, usage.cache_write_tokens, usage.audio_input_tokens)
    assert min(special) >= 0
    assert sum(special) <= usage.input_tokens
    assert 0 <= usage.reasoning_tokens + usage.audio_output_tokens <= usage.output_tokens


@given(st.none() | usages, seens, estimates)
def test_whatever_differs_from_the_providers_word_is_flagged(
    told: Usage | None, seen: Seen, estimate: Estimate
) -> None:
    judged = judge_usage(told, seen, estimate)
    assert judged.usage == told or judged.flags
    assert (Flag.CUT in judged.flags) is not seen.is_complete


def test_flags_are_stable_names() -> None:
    assert {flag.value for flag in Flag} == {
        *("usage_missing", "usage_zero_input", "usage_negative", "usage_low_output", "usage_high_input"),
        *("usage_high_output", "usage_parts", "above_estimate", "cut", "unseen"),
        *("usage_shrank", "usage_unknown_kind"),
    }
