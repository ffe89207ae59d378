import json
import statistics
import time
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.auto import CLEAR_MARGIN
from bench.auto_data import HELD_OUT, TRAINING, digest, load
from bench.auto_figures import accuracy, length_rule
from extproc.policy.classify import NOTHING, PREMIUM_FROM, WEIGHTS, WORDING, Judgement, Tier, classify
from extproc.policy.classify_features import features

PROOF = "Prove that every bounded monotone sequence of reals converges, and show where the argument fails in Q."
GREETING = "Write a short birthday greeting for my aunt."


def chat(*contents: object, **fields: object) -> dict[str, object]:
    turns = [{"role": "assistant" if at % 2 else "user", "content": content} for at, content in enumerate(contents)]
    return {"model": "auto", "messages": turns, **fields}


def test_a_proof_goes_to_premium_and_a_greeting_to_cheap_and_both_say_why() -> None:
    proof, greeting = classify(chat(PROOF)), classify(chat(GREETING))
    assert proof.tier is Tier.PREMIUM
    assert proof.score > 0.8
    assert "asks for a proof or a derivation" in proof.reasons
    assert greeting.tier is Tier.CHEAP
    assert greeting.score < 0.2
    assert "asks for a short everyday text" in greeting.reasons


@pytest.mark.parametrize(
    ("hard", "easy"),
    [
        ("Beweise, dass es unendlich viele Primzahlen gibt.", "Schreib eine kurze Einladung zum Geburtstag."),
        ("Démontrer que la racine de 3 est irrationnelle.", "Traduis en anglais : il fait beau."),
        ("Demuestra que la suma de dos impares es par y generalízalo.", "Escribe un mensaje breve de cumpleaños."),
        ("सिद्ध कीजिए कि √5 अपरिमेय है।", "अनुवाद कीजिए: आज मौसम अच्छा है।"),
        ("请证明根号五是无理数，并说明为什么。", "请翻译成英文：今天天气很好。"),  # noqa: RUF001
    ],
    ids=["de", "fr", "es", "hi", "zh"],
)
def test_hard_is_told_from_easy_in_other_languages(hard: str, easy: str) -> None:
    assert classify(chat(hard)).tier is Tier.PREMIUM
    assert classify(chat(easy)).tier is Tier.CHEAP


def test_a_short_proof_is_premium_and_a_long_letter_to_shorten_is_cheap() -> None:
    letter = "We met at the harbour and walked to the old mill, where Jan told us about the storm of last winter. " * 30
    assert classify(chat("Prove e is irrational.")).tier is Tier.PREMIUM
    assert classify(chat(f"Summarise this in one sentence.\n\n{letter}")).tier is Tier.CHEAP


def test_the_question_before_a_follow_up_counts() -> None:
    alone = classify(chat("And if it is not compact?")).score
    after_a_proof = classify(chat(PROOF, "By completeness ...", "And if it is not compact?")).score
    assert after_a_proof > alone


@pytest.mark.parametrize(("effort", "tier"), [("high", Tier.PREMIUM), ("low", Tier.CHEAP), ("minimal", Tier.CHEAP)])
def test_what_the_caller_says_about_effort_wins(effort: str, tier: Tier) -> None:
    for text in (PROOF, GREETING):
        judgement = classify(chat(text, reasoning_effort=effort))
        assert judgement.tier is tier
        assert judgement.score in {0.0, 1.0}
        assert "effort" in judgement.reasons[0]


@pytest.mark.parametrize("effort", ["medium", None, "", "HIGH?", ["high"], {"high": 1}, 3])
def test_an_effort_that_says_nothing_changes_nothing(effort: object) -> None:
    assert classify(chat(PROOF, reasoning_effort=effort)) == classify(chat(PROOF))


def test_the_same_request_gets_the_same_judgement() -> None:
    first = [classify(example.payload) for example in load(TRAINING)[:200]]
    assert [classify(example.payload) for example in load(TRAINING)[:200]] == first


def test_reasons_are_names_of_signals_and_never_words_of_the_request() -> None:
    ours = {*WEIGHTS.signals, WORDING, NOTHING}
    for example in load(TRAINING):
        reasons = classify(example.payload).reasons
        assert 1 <= len(reasons) <= 3
        assert set(reasons) <= ours


def test_a_judgement_is_premium_exactly_from_the_threshold() -> None:
    judgements = [classify(example.payload) for example in load(HELD_OUT)]
    assert all((judgement.tier is Tier.PREMIUM) == (judgement.score >= PREMIUM_FROM) for judgement in judgements)


def test_it_tells_held_out_requests_right_far_more_often_than_their_length_does() -> None:
    held_out = load(HELD_OUT)
    wanted = [example.is_premium for example in held_out]
    rule = length_rule(load(TRAINING))
    by_length = accuracy([rule(example) for example in held_out], wanted)
    by_classifier = accuracy([classify(example.payload).score - PREMIUM_FROM for example in held_out], wanted)
    assert by_classifier >= by_length + CLEAR_MARGIN


def test_the_weights_are_those_of_the_labelled_set() -> None:
    assert WEIGHTS.data == digest(), "make eval-auto ARGS=--write"


def test_every_learned_signal_is_one_that_can_be_seen() -> None:
    seen = {name for example in load(TRAINING) for name in features(example.payload).signals}
    assert set(WEIGHTS.signals) == seen


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
PART = st.fixed_dictionaries({}, optional={"type": JSON, "text": JSON, "image_url": JSON}) | JSON
MESSAGE = (
    st.fixed_dictionaries(
        {},
        optional={
            "role": st.sampled_from(["system", "developer", "user", "assistant", "tool"]) | JSON,
            "content": st.text() | st.lists(PART, max_size=4) | JSON,
            "tool_calls": JSON,
        },
    )
    | JSON
)
PAYLOAD = st.fixed_dictionaries(
    {},
    optional={
        "messages": st.lists(MESSAGE, max_size=6) | JSON,
        "tools": st.lists(JSON, max_size=5) | JSON,
        "response_format": st.fixed_dictionaries({"type": st.just("json_schema"), "json_schema": JSON}) | JSON,
        "reasoning_effort": st.sampled_from(["low", "medium", "high"]) | JSON,
        "max_tokens": JSON,
        "max_completion_tokens": JSON,
    },
)


@given(PAYLOAD)
@settings(max_examples=300, deadline=None)
def test_every_json_object_has_a_judgement(payload: Mapping[str, object]) -> None:
    judgement = classify(payload)
    assert isinstance(judgement, Judgement)
    assert 0.0 <= judgement.score <= 1.0
    assert judgement.reasons


@pytest.mark.parametrize("text", ["", " ", "\ud800 why", "\0", "```", '"' * 3000, "\n" * 5000, "{" * 5000, "`" * 5000])
def test_an_odd_text_has_a_judgement_quickly(text: str) -> None:
    began_s = time.thread_time()
    classify(chat(text))
    # Of this thread's own: milliseconds, and minutes for a pattern that goes back and forth.
    assert time.thread_time() - began_s < 5


def test_a_megabyte_costs_no_more_than_the_part_that_is_read() -> None:
    words = "The parcel that I ordered has not arrived, why does the tracking say otherwise? "
    page, megabyte = chat(words * 80), chat(words * 13_000)
    assert len(json.dumps(megabyte)) > 1_000_000
    classify(page)
    ratios = []
    for _ in range(15):  # in turns, so that whatever slows the machine slows both
        times = []
        for payload in (page, megabyte):
            began_s = time.thread_time()
            classify(payload)
            times.append(time.thread_time() - began_s)
        ratios.append(times[1] / times[0])
    # All of it would be 160 times the page.
    assert statistics.median(ratios) < 10


def test_words_in_the_middle_of_a_huge_text_are_not_read() -> None:
    filler = "blue green red. " * 20_000
    assert classify(chat(filler + PROOF + filler)) == classify(chat(filler + filler))
