"""The extra is optional: without it, or without a model, the message says so. With it, a directory is an encoder.

The library itself brings PyTorch and is in no lock file; a module of the same name stands in for it here.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from extproc.adapters.embedder_sentence import SentenceTransformersEncoder
from extproc.adapters.sentence_model import EmbedderInvalid, cosine

LIBRARY = """
class SentenceTransformer:
    def __init__(self, path, device, local_files_only):
        assert device == "cpu" and local_files_only
        if path.endswith("bad"):
            raise OSError("no model")
        self.max_seq_length = None if path.endswith("endless") else 3

    def tokenizer(self, text, truncation):
        assert truncation is False
        return {"input_ids": text.split()}

    def encode(self, texts, convert_to_numpy, show_progress_bar):
        return [[float(len(text)), 1.0] for text in texts]
"""


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/sentence_transformers.py").write_text(LIBRARY)
    (tmp_path / "lib/torch.py").write_text("def set_num_threads(number):\n    assert number == 1\n")
    monkeypatch.syspath_prepend(tmp_path / "lib")
    for name in ("model", "endless", "bad"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights").write_bytes(name.encode())
    before = {name: sys.modules.pop(name, None) for name in ("sentence_transformers", "torch")}
    yield tmp_path
    for name, module in before.items():
        sys.modules.pop(name, None)
        if module is not None:
            sys.modules[name] = module


def test_a_directory_is_an_encoder(directory: Path) -> None:
    encoder = SentenceTransformersEncoder(directory / "model", 1)
    one, long, other = encoder.vectors(["a", "a b c d", "b"])
    assert (encoder.dimensions, long, cosine(one, other)) == (2, b"", pytest.approx(1))
    assert SentenceTransformersEncoder(directory / "endless", 1).vectors(["a b c d"]) != [b""]


def test_another_file_is_another_model(directory: Path) -> None:
    first = SentenceTransformersEncoder(directory / "model", 1).name
    (directory / "model/weights").write_bytes(b"other")
    assert SentenceTransformersEncoder(directory / "model", 1).name != first


def test_what_cannot_be_loaded_says_why(directory: Path) -> None:
    with pytest.raises(EmbedderInvalid, match="OSError"):
        SentenceTransformersEncoder(directory / "bad", 1)
    with pytest.raises(EmbedderInvalid, match="no directory"):
        SentenceTransformersEncoder(directory / "absent", 1)
    (directory / "lib/sentence_transformers.py").write_text("raise ImportError('no')")
    sys.modules.pop("sentence_transformers", None)
    with pytest.raises(EmbedderInvalid, match="not installed"):
        SentenceTransformersEncoder(directory / "model", 1)
