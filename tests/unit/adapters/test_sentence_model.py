"""Texts become vectors that can be compared, or none."""

import json
import struct
from pathlib import Path

import pytest

from extproc.adapters.sentence_model import (
    CALIBRATION,
    EmbedderInvalid,
    SentenceModel,
    cosine,
    open_directory,
    read_threshold,
    unit,
)
from tests.tiny_classifier import write_classifier

WORDS = {"cat": (1.0, 0.0, 0.0), "dog": (0.0, 2.0, 0.0), "bird": (0.0, 0.0, 3.0)}


def model(directory: Path, most_tokens: int = 8, **changes: object) -> SentenceModel:
    write_classifier(directory, WORDS, ("a", "b", "c"), **changes)  # type: ignore[arg-type]  # of the helper's own
    return open_directory(directory, "model.onnx", most_tokens, 1)


def test_a_vector_has_the_length_one_and_the_bytes_of_little_endian_floats(tmp_path: Path) -> None:
    encoder = model(tmp_path)
    (vector,) = encoder.vectors(["cat dog dog"])
    assert encoder.dimensions == 3
    assert sum(value * value for value in struct.unpack("<3f", vector)) == pytest.approx(1)
    assert cosine(*encoder.vectors(["cat", "cat cat"])) == pytest.approx(1)


def test_a_texts_vector_does_not_depend_on_what_it_is_read_with(tmp_path: Path) -> None:
    encoder = model(tmp_path)
    assert encoder.vectors(["cat", "dog dog cat bird"])[0] == encoder.vectors(["cat"])[0]


def test_a_text_that_does_not_fit_has_no_vector_and_the_others_keep_theirs(tmp_path: Path) -> None:
    encoder = model(tmp_path)
    just, long, endless = "cat " * 6, "cat " * 7, "cat" * 1000
    made = encoder.vectors([long, just, endless, "dog"])
    assert [bool(vector) for vector in made] == [False, True, False, True]
    assert made[3] == encoder.vectors(["dog"])[0]


def test_nothing_to_read_gives_nothing(tmp_path: Path) -> None:
    assert model(tmp_path).vectors([]) == []


def test_the_name_changes_with_whatever_changes_vectors(tmp_path: Path) -> None:
    first = model(tmp_path / "m")
    assert first.name.startswith("m@")
    assert open_directory(tmp_path / "m", "model.onnx", 8, 1).name == first.name
    assert open_directory(tmp_path / "m", "model.onnx", 9, 1).name != first.name
    weights = tmp_path / "m/model.onnx"
    weights.write_bytes(weights.read_bytes().replace(struct.pack("<f", 2.0), struct.pack("<f", 2.5), 1))
    assert open_directory(tmp_path / "m", "model.onnx", 8, 1).name != first.name


def test_what_is_no_encoder_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(EmbedderInvalid, match=r"tokenizer\.json"):
        open_directory(tmp_path, "model.onnx", 8, 1)
    model(tmp_path / "m")
    (tmp_path / "m/model.onnx").write_bytes(b"no")
    with pytest.raises(EmbedderInvalid, match=r"model\.onnx"):
        open_directory(tmp_path / "m", "model.onnx", 8, 1)
    with pytest.raises(EmbedderInvalid, match="pixels"):
        model(tmp_path / "n", inputs=("input_ids", "attention_mask", "pixels"))


def test_a_pooling_that_is_not_known_is_refused(tmp_path: Path) -> None:
    model(tmp_path)
    pooling = tmp_path / "1_Pooling/config.json"
    pooling.parent.mkdir()
    pooling.write_text(json.dumps({"pooling_mode_max_tokens": True}))
    with pytest.raises(EmbedderInvalid, match="pooling"):
        open_directory(tmp_path, "model.onnx", 8, 1)
    pooling.write_text(json.dumps({"pooling_mode_mean_tokens": True}))
    assert open_directory(tmp_path, "model.onnx", 8, 1).dimensions == 3
    pooling.write_text("{")
    with pytest.raises(EmbedderInvalid, match="cannot be read"):
        open_directory(tmp_path, "model.onnx", 8, 1)


@pytest.mark.parametrize("values", [[0.0, 0.0], [float("nan"), 1.0], [float("inf"), 1.0], [[1.0]]])
def test_what_has_no_direction_is_no_vector(values: list[float]) -> None:
    assert unit(values) == b""


def test_a_text_without_a_direction_spoils_no_others(tmp_path: Path) -> None:
    assert [bool(vector) for vector in model(tmp_path).vectors(["nothing known", "\ud800", "cat"])] == [
        False,
        False,
        True,
    ]


def test_a_threshold_is_read_beside_the_model(tmp_path: Path) -> None:
    assert read_threshold(tmp_path) is None
    (tmp_path / CALIBRATION).write_text('{"threshold": 0.75}')
    assert read_threshold(tmp_path) == 0.75
    for wrong in ('{"threshold": 2}', '{"threshold": true}', '{"threshold": "0.8"}', "[]", "{"):
        (tmp_path / CALIBRATION).write_text(wrong)
        with pytest.raises(EmbedderInvalid):
            read_threshold(tmp_path)
