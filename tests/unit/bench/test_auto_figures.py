import json
from pathlib import Path

import pytest

from bench.auto import _is_same
from bench.auto_data import HELD_OUT, TRAINING, Example, load
from bench.auto_figures import accuracy, figures, length_rule
from bench.auto_model import Sample, dump, fit
from extproc.policy.classify import load as load_weights
from extproc.policy.classify_features import features


def example(text: str, *, is_premium: bool) -> Example:
    payload = {"messages": [{"role": "user", "content": text}]}
    return Example(text, is_premium, "general", "en", "", payload, text)


def test_the_figures_of_a_small_table_are_those_worked_out_by_hand() -> None:
    found = figures([2.0, 1.0, -1.0, -2.0, 3.0], [True, False, True, False, True])
    assert found.accuracy == pytest.approx(3 / 5)
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(2 / 3)
    assert found.auc == pytest.approx(5 / 6)
    assert found.cost == pytest.approx((3 + 1) / 5)


def test_scores_that_are_all_the_same_have_an_auc_of_a_half() -> None:
    assert figures([0.0, 0.0], [True, False]).auc == 0.5


def test_the_length_rule_finds_the_best_threshold_in_either_direction() -> None:
    long_is_hard = [example("x" * size, is_premium=size > 50) for size in (10, 20, 60, 90)]
    short_is_hard = [example("x" * size, is_premium=size < 50) for size in (10, 20, 60, 90)]
    for examples in (long_is_hard, short_is_hard):
        rule = length_rule(examples)
        assert accuracy([rule(each) for each in examples], [each.is_premium for each in examples]) == 1.0


def test_the_same_samples_give_the_same_weights_and_they_survive_being_stored() -> None:
    samples = [Sample(features(each.payload), each.is_premium) for each in load(TRAINING)[:120]]
    learned = fit(samples, "d")
    assert dump(fit(samples, "d")) == dump(learned)
    stored = load_weights(dump(learned))
    for sample in samples:
        assert stored.log_odds(sample.seen) == pytest.approx(learned.log_odds(sample.seen), abs=0.25)


def test_weights_of_other_data_or_of_other_features_are_stale() -> None:
    samples = [Sample(features(each.payload), each.is_premium) for each in load(TRAINING)[:120]]
    stored = load_weights(dump(fit(samples, "d")))
    assert _is_same(stored, load_weights(dump(fit(samples, "d"))))
    assert not _is_same(stored, load_weights(dump(fit(samples, "other data"))))
    assert not _is_same(stored, load_weights(dump(fit(samples[:-10], "d"))))


def test_documents_are_put_in_and_no_placeholder_is_left() -> None:
    assert not [each.id for path in (TRAINING, HELD_OUT) for each in load(path) if "@{" in json.dumps(each.payload)]


def test_no_request_stands_twice_and_no_held_out_document_was_learned_from() -> None:
    training, held_out = load(TRAINING), load(HELD_OUT)
    texts = [json.dumps(each.payload) for each in (*training, *held_out)]
    assert len(set(texts)) == len(texts)
    assert not {each.group for each in training} & {each.group for each in held_out}


@pytest.mark.parametrize("path", [TRAINING, HELD_OUT], ids=lambda path: Path(path).stem)
def test_length_tells_little_and_languages_and_both_tiers_are_there(path: Path) -> None:
    examples = load(path)
    rule = length_rule(examples)
    wanted = [each.is_premium for each in examples]
    assert accuracy([rule(each) for each in examples], wanted) < 0.65
    assert 0.4 < sum(wanted) / len(wanted) < 0.6
    for language in ("de", "fr", "es", "hi", "zh"):
        assert {each.is_premium for each in examples if each.language == language} == {False, True}
