"""A sentence encoder run by ONNX Runtime: texts → unit vectors.

    inputs      among ``input_ids``, ``attention_mask`` and ``token_type_ids``
    output      the first one: a vector for each token, which are pooled here, or one for each text
    tokenizer   its own padding and truncation are set aside: MiniLM's pads to 128 tokens, which ruins scores silently

A text that the model cannot read whole has no vector: cut, two texts that differ behind the cut would be the same.
Blocking, and from any thread: the runtime and the tokenizer let go of the interpreter while they work. Nothing is ever
downloaded. Read next: ``minilm`` for the one that we bring, ``embedder_onnx`` for who asks.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from extproc.model.cache import Vector

Pooling = Literal["mean", "cls"]
CALIBRATION = "calibration.json"
"""Beside a model in a directory: ``{"threshold": 0.86}``."""
_INPUTS = frozenset({"input_ids", "attention_mask", "token_type_ids"})
_CHARACTERS_OF_TOKEN = 24
"""A text with more for each token that fits is not worth reading to find out that it is too long."""
_REVISION_DIGITS = 12
_PER_TOKEN = 3


class EmbedderInvalid(ValueError):  # noqa: N818 - what it says is a state of the files
    """There is no encoder that can be used; the message says why."""


@dataclass(frozen=True, slots=True)
class SentenceFiles:
    """What an encoder is made of. All of it is in its revision: vectors made in another way are never compared."""

    title: str
    model: Path
    tokenizer: Tokenizer
    """Ours from here on: its padding and truncation are changed."""
    pooling: Pooling = "mean"
    most_tokens: int = 128
    threads: int = 1


class SentenceModel:
    """Loaded once; see the module."""

    def __init__(self, files: SentenceFiles) -> None:
        """Read everything.

        Raises:
            EmbedderInvalid: it is no encoder, or not a whole one.
        """
        self._tokenizer = files.tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._pooling = files.pooling
        self.most_tokens = files.most_tokens
        self._session = open_session(files.model, files.threads)
        self._inputs = tuple(each.name for each in self._session.get_inputs())
        if set(self._inputs) - _INPUTS or "input_ids" not in self._inputs:
            raise EmbedderInvalid(f"{files.model.name} wants {', '.join(self._inputs)}, which is not what a text gives")
        self.name = f"{files.title}@{_revision(files)}"
        self.dimensions = self._run([self._tokenizer.encode("warm").ids]).shape[-1]

    def vectors(self, texts: Sequence[str]) -> list[Vector]:
        """Of each text (dimensions,) float32, little-endian, L2-normalised; empty for one that has none."""
        # What UTF-8 may not carry is replaced: one such text would fail all that are read with it.
        read = [
            text.encode("utf-8", "replace").decode()
            for text in texts
            if len(text) <= self.most_tokens * _CHARACTERS_OF_TOKEN
        ]
        # encode would hold on to the interpreter.
        rows = iter([each.ids for each in self._tokenizer.encode_batch(read)])
        ids = [next(rows) if len(text) <= self.most_tokens * _CHARACTERS_OF_TOKEN else None for text in texts]
        fit = [row for row in ids if row is not None and len(row) <= self.most_tokens]
        made = iter([unit(each) for each in self._run(fit)] if fit else ())
        return [next(made) if row is not None and len(row) <= self.most_tokens else b"" for row in ids]

    def _run(self, rows: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        shape = (len(rows), max(len(row) for row in rows))
        ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for number, row in enumerate(rows):
            ids[number, : len(row)], mask[number, : len(row)] = row, 1
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros(shape, np.int64)}
        states = np.asarray(self._session.run(None, {name: given[name] for name in self._inputs})[0], np.float32)
        return self._pooled(states, mask)

    def _pooled(self, states: npt.NDArray[np.float32], mask: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        if states.ndim != _PER_TOKEN:
            return states
        if self._pooling == "cls":
            return states[:, 0]
        # Of what is padding nothing counts: a text's vector does not depend on which others it was read with.
        weights = mask[:, :, None].astype(np.float32)
        pooled: npt.NDArray[np.float32] = (states * weights).sum(axis=1) / weights.sum(axis=1)
        return pooled


def unit(values: npt.ArrayLike) -> Vector:
    """The vector with the length 1; empty if it has no direction, or is not made of numbers."""
    wide = np.asarray(values, np.float64)
    length = float(np.sqrt((wide * wide).sum()))
    if wide.ndim != 1 or not np.isfinite(length) or length == 0:
        return b""
    return (wide / length).astype("<f4").tobytes()


def cosine(one: Vector, other: Vector) -> float:
    """Of two vectors of the same model."""
    return float(np.frombuffer(one, "<f4") @ np.frombuffer(other, "<f4"))


def open_directory(directory: Path, file: str, most_tokens: int, threads: int) -> SentenceModel:
    """An encoder as Hugging Face lays it out.

    Raises:
        EmbedderInvalid: the directory holds none.
    """
    path = directory / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # noqa: BLE001 - the library raises nothing closer
        raise EmbedderInvalid(f"{path.name} cannot be read: {error}") from None
    said = _read_json(directory / "1_Pooling" / "config.json")
    pooling: Pooling = "cls" if said.get("pooling_mode_cls_token") is True else "mean"
    if said and pooling == "mean" and said.get("pooling_mode_mean_tokens") is not True:
        raise EmbedderInvalid("1_Pooling/config.json asks for a pooling that is neither of the mean nor of CLS")
    return SentenceModel(SentenceFiles(directory.name, directory / file, tokenizer, pooling, most_tokens, threads))


def read_threshold(directory: Path) -> float | None:
    """What was calibrated for the model in the directory; None: nothing was.

    Raises:
        EmbedderInvalid: the file has something else.
    """
    found = _read_json(directory / CALIBRATION).get("threshold")
    if found is not None and (isinstance(found, bool) or not isinstance(found, int | float) or not 0 < found <= 1):
        raise EmbedderInvalid(f"{CALIBRATION} has no threshold between 0 and 1")
    return found


def open_session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """The model, on as many threads.

    Raises:
        EmbedderInvalid: it cannot be loaded.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin while they wait take the processor from whoever decides requests.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - same
        raise EmbedderInvalid(f"{path.name} cannot be loaded: {type(error).__name__}") from None


def _revision(files: SentenceFiles) -> str:
    digest = hashlib.sha256(files.model.read_bytes())
    digest.update(files.tokenizer.to_str().encode())
    digest.update(f"{files.pooling} {files.most_tokens}".encode())
    return digest.hexdigest()[:_REVISION_DIGITS]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise EmbedderInvalid(f"{path.name} cannot be read: {type(error).__name__}") from None
    if not isinstance(found, dict):
        raise EmbedderInvalid(f"{path.name} is not an object")
    return found
