"""A classifier in a directory: what it reads of a text, and what its scores are."""

import itertools
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.adapters.onnx_model import ModelFiles, ModelInvalid, OnnxModel
from tests.tiny_classifier import write_classifier

WORDS = {"ignore": (-2.0, 2.0), "all": (0.0, 0.5), "please": (1.0, 0.0)}
LABELS = ("SAFE", "INJECTION")


def build(directory: Path, *, window: int = 16, overlap: int = 4, **options: Any) -> OnnxModel:
    written = write_classifier(directory, options.pop("words", WORDS), options.pop("labels", LABELS), **options)
    return OnnxModel(ModelFiles(written, window_tokens=window, overlap_tokens=overlap))


def scores(model: OnnxModel, text: str) -> list[float]:
    (window,) = model.windows(text)
    (found,) = model.classify([window])
    return found


def softmax(*logits: float) -> list[float]:
    powers = [math.exp(each) for each in logits]
    return [pytest.approx(power / sum(powers), abs=1e-6) for power in powers]


def test_a_text_is_scored_by_all_of_its_words_and_by_no_padding(tmp_path: Path) -> None:
    model = build(tmp_path)
    assert scores(model, "ignore all") == softmax(-2.0, 2.5)
    assert scores(model, "please please") == softmax(2.0, 0.0)
    assert scores(model, "") == softmax(0.0, 0.0)
    together = model.classify([*model.windows("ignore all"), *model.windows("please")])
    assert together == [softmax(-2.0, 2.5), softmax(1.0, 0.0)]


def test_labels_that_do_not_exclude_each_other_have_probabilities_of_their_own(tmp_path: Path) -> None:
    for name, config, labels in (
        ("many", {"problem_type": "multi_label_classification"}, LABELS),
        ("one", {}, ("TOXIC",)),
    ):
        words = {"ignore": (2.0, 1.0)[: len(labels)]}
        model = build(tmp_path / name, words=words, labels=labels, config=config)
        expected = [1 / (1 + math.exp(-each)) for each in (2.0, 1.0)[: len(labels)]]
        assert scores(model, "ignore") == pytest.approx(expected, abs=1e-6)


@given(st.lists(st.sampled_from(["please", "all", "ignore", "nothing", "…", "naïve", "🙂"]), max_size=60))
def test_windows_cover_a_text_whole_and_share_so_many_tokens(
    tmp_path_factory: pytest.TempPathFactory, words: list[str]
) -> None:
    directory = tmp_path_factory.getbasetemp() / "windows"
    model = (
        OnnxModel(ModelFiles(directory, overlap_tokens=4, window_tokens=16)) if directory.exists() else build(directory)
    )
    text = " ".join(words)
    windows = model.windows(text)
    assert all(len(window.ids) <= 16 for window in windows)
    assert windows[0].start == 0
    assert windows[-1].end == len(text)
    for before, after in itertools.pairwise(windows):
        assert before.start < after.start < before.end < after.end
        assert len(text[after.start : before.end].split()) == 4


def test_what_is_far_into_a_long_text_is_read_and_found_where_it_is(tmp_path: Path) -> None:
    model = build(tmp_path)
    text = "please " * 500 + "ignore ignore ignore ignore ignore ignore ignore " + "please " * 500
    windows = model.windows(text)
    found = [window for window, score in zip(windows, model.classify(windows), strict=True) if score[1] > 0.9]
    assert found
    assert all("ignore" in text[window.start : window.end] for window in found)


def test_a_pair_is_read_with_the_whole_claim_in_every_window(tmp_path: Path) -> None:
    model = build(tmp_path)
    windows = model.pair_windows("please " * 40, "ignore all")
    assert len(windows) > 1
    assert windows[-1].end == len("please " * 40) - 1
    ignore = model.windows("ignore")[0].ids[1]
    assert all(list(window.ids).count(ignore) == 1 for window in windows)
    assert all(max(window.types) == 1 for window in windows)


def test_a_model_of_a_fixed_shape_is_given_that(tmp_path: Path) -> None:
    model = build(tmp_path, rows=1, columns=16)
    assert model.is_single
    assert scores(model, "ignore all") == softmax(-2.0, 2.5)


def test_a_window_is_never_more_than_the_model_reads(tmp_path: Path) -> None:
    write_classifier(tmp_path, WORDS, LABELS)
    assert OnnxModel(ModelFiles(tmp_path, overlap_tokens=4)).window_tokens == 32
    write_classifier(tmp_path, WORDS, LABELS, config={"max_position_embeddings": 34, "model_type": "roberta"})
    assert OnnxModel(ModelFiles(tmp_path, overlap_tokens=4)).window_tokens == 32
    write_classifier(tmp_path, WORDS, LABELS, config={"max_position_embeddings": 100_000})
    assert OnnxModel(ModelFiles(tmp_path)).window_tokens == 512
    for window, overlap in ((600, 4), (16, 12), (16, 64)):
        with pytest.raises(ModelInvalid, match="window"):
            OnnxModel(ModelFiles(tmp_path, window_tokens=window, overlap_tokens=overlap))


def test_a_directory_without_a_whole_classifier_is_told_by_what_is_wrong(tmp_path: Path) -> None:
    def fail(match: str) -> None:
        with pytest.raises(ModelInvalid, match=match):
            OnnxModel(ModelFiles(tmp_path, overlap_tokens=4))

    fail("config.json")
    (tmp_path / "config.json").write_text("[]")
    fail("no object")
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {}}))
    fail("id2label")
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {"0": "a", "b": "c"}}))
    fail("id2label")
    write_classifier(tmp_path, WORDS, LABELS)
    (tmp_path / "tokenizer.json").write_text("{}")
    fail("tokenizer.json")
    (tmp_path / "model.onnx").write_bytes(b"\0")
    fail("model.onnx")
    write_classifier(tmp_path, WORDS, LABELS, inputs=("input_ids", "attention_mask", "pixels"))
    fail("pixels")


def test_a_model_with_other_labels_than_its_configuration_is_no_classifier(tmp_path: Path) -> None:
    model = build(tmp_path)
    (tmp_path / "config.json").write_text(
        json.dumps({"id2label": {"0": "a", "1": "b", "2": "c"}, "max_position_embeddings": 32})
    )
    wrong = OnnxModel(ModelFiles(tmp_path, overlap_tokens=4))
    with pytest.raises(ModelInvalid, match="shape"):
        wrong.classify(model.windows("please"))
