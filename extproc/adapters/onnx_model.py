"""A sequence classifier in a local directory, run by ONNX Runtime: texts become windows, windows become probabilities.

    config.json      ``id2label``, and whether labels exclude each other (Hugging Face's model configuration)
    tokenizer.json   of the tokenizers library; its own padding and truncation are set aside: a padding to a fixed
                     length ruins scores silently, and a truncation leaves the rest unread
    model.onnx       inputs among ``input_ids``, ``attention_mask`` and ``token_type_ids``; its first output is logits

Blocking, and from any thread: the runtime and the tokenizer let go of the interpreter while they work. Nothing is ever
downloaded. ``scanner_onnx`` asks it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime
from tokenizers import Encoding, Tokenizer

_MOST_WINDOW_TOKENS = 512
_LEAST_ROOM = 4
"""Tokens that a window must have beside what two of them share."""
_INPUTS = frozenset({"input_ids", "attention_mask", "token_type_ids"})
_PAIR = 2


class ModelInvalid(ValueError):  # noqa: N818 - what it says is a state of the files
    """The directory holds no classifier that can be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Window:
    """What the model reads at once, and where it is in the text."""

    ids: Sequence[int]
    types: Sequence[int]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Where a classifier is, and how it is read; see ``OnnxSettings``."""

    directory: Path
    file: str = "model.onnx"
    activation: Literal["softmax", "sigmoid"] | None = None
    window_tokens: int | None = None
    overlap_tokens: int = 64
    threads: int = 1


class OnnxModel:
    """Loaded once; see the module."""

    def __init__(self, files: ModelFiles) -> None:
        """Read everything.

        Raises:
            ModelInvalid: it is no classifier, or not a whole one.
        """
        config = _read_json(files.directory / "config.json")
        self.labels = _labels(config)
        self._activation = files.activation or _activation(config, len(self.labels))
        self._pad = config.get("pad_token_id") or 0
        self._session = _open_session(files.directory / files.file, files.threads)
        inputs = {each.name: each.shape for each in self._session.get_inputs()}
        unknown = inputs.keys() - _INPUTS
        if unknown or "input_ids" not in inputs:
            raise ModelInvalid(
                f"{files.file} wants {', '.join(sorted(inputs))}; known are {', '.join(sorted(_INPUTS))}"
            )
        self._inputs = tuple(inputs)
        batch, self._fixed_tokens = (each if isinstance(each, int) else None for each in inputs["input_ids"])
        self.is_single = batch == 1
        """Whether the model takes one window at a time."""
        self.window_tokens = self._window_tokens(config, files)
        self._tokenizer = _open_tokenizer(files, self.window_tokens, is_pair=False)
        self._pairs = _open_tokenizer(files, self.window_tokens, is_pair=True)

    def windows(self, text: str) -> list[Window]:
        """The whole text, in as many windows as it takes."""
        # encode would hold on to the interpreter.
        return _windows(self._tokenizer.encode_batch([text])[0])

    def pair_windows(self, context: str, claim: str) -> list[Window]:
        """The same of a pair, for a cross-encoder: every window has the whole claim and a part of the context.

        Raises:
            ValueError: the claim leaves no room for a context.
        """
        try:
            return _windows(self._pairs.encode_batch([(context, claim)])[0])
        except Exception:  # noqa: BLE001 - the library raises nothing closer
            raise ValueError("the claim is as long as a window") from None

    def classify(self, windows: Sequence[Window]) -> list[list[float]]:
        """Of each window the probability of each label, in the order of ``labels``."""
        longest = self._fixed_tokens or max(len(window.ids) for window in windows)
        shape = (len(windows), longest)
        ids, mask, types = np.full(shape, self._pad, np.int64), np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, window in enumerate(windows):
            length = len(window.ids)
            ids[row, :length], mask[row, :length], types[row, :length] = window.ids, 1, window.types
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        logits = np.asarray(self._session.run(None, {name: given[name] for name in self._inputs})[0], np.float64)
        if logits.shape != (len(windows), len(self.labels)):
            raise ModelInvalid(f"the model's answer has the shape {logits.shape} for {len(self.labels)} labels")
        if self._activation == "sigmoid":
            scores = 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
        else:
            powers = np.exp(logits - logits.max(axis=1, keepdims=True))
            scores = powers / powers.sum(axis=1, keepdims=True)
        answer: list[list[float]] = scores.tolist()
        return answer

    def _window_tokens(self, config: dict[str, Any], files: ModelFiles) -> int:
        known = [_MOST_WINDOW_TOKENS, *([self._fixed_tokens] if self._fixed_tokens else [])]
        positions = config.get("max_position_embeddings")
        if isinstance(positions, int) and positions > 0:
            # RoBERTa counts its positions from behind the padding's.
            is_roberta = "roberta" in str(config.get("model_type", "")) or positions % 64 == _PAIR
            known.append(positions - _PAIR if is_roberta else positions)
        most = min(known)
        wanted = files.window_tokens or most
        if not files.overlap_tokens + _LEAST_ROOM < wanted <= most:
            raise ModelInvalid(
                f"a window of {wanted} tokens does not fit: the model reads {most}, two share {files.overlap_tokens}"
            )
        return wanted


def _windows(encoding: Encoding) -> list[Window]:
    return [_window(each) for each in (encoding, *encoding.overflowing)]


def _window(encoding: Encoding) -> Window:
    spans = [
        span
        for span, sequence in zip(encoding.offsets, encoding.sequence_ids, strict=True)
        if sequence == 0  # neither a special token nor the second of a pair
    ]
    start, end = (spans[0][0], spans[-1][1]) if spans else (0, 0)
    return Window(encoding.ids, encoding.type_ids, start, end)


def _open_tokenizer(files: ModelFiles, window_tokens: int, *, is_pair: bool) -> Tokenizer:
    path = files.directory / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # noqa: BLE001 - the library raises nothing closer
        raise ModelInvalid(f"{path.name} cannot be read: {error}") from None
    tokenizer.no_padding()
    strategy = "only_first" if is_pair else "longest_first"
    tokenizer.enable_truncation(window_tokens, stride=files.overlap_tokens, strategy=strategy)
    return tokenizer


def _open_session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin while they wait take the processor from whoever decides requests.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - same
        raise ModelInvalid(f"{path.name} cannot be loaded: {type(error).__name__}") from None


def _labels(config: dict[str, Any]) -> tuple[str, ...]:
    match config.get("id2label"):
        case dict() as named if named:
            try:
                return tuple(str(named[number]) for number in sorted(named, key=int))
            except ValueError:
                pass
    raise ModelInvalid("config.json names no labels: id2label is missing")


def _activation(config: dict[str, Any], labels: int) -> Literal["softmax", "sigmoid"]:
    return "sigmoid" if labels == 1 or config.get("problem_type") == "multi_label_classification" else "softmax"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ModelInvalid(f"{path.name} cannot be read: {type(error).__name__}") from None
    if not isinstance(document, dict):
        raise ModelInvalid(f"{path.name} is no object")
    return document
