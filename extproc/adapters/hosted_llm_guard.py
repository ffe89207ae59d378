"""LLM Guard's scanners with a model from a local directory, for a scanner service. Needs ``requirements/scanner.txt``.

LLM Guard says how far a score is beyond its threshold, from -1 to 1 and rounded to a tenth; here that becomes the score
again, exact to a twentieth with a threshold of 0.5 and closer above a higher one. A model without the labels that a
scanner looks for is refused: LLM Guard would take the score of any other label for its opposite. Source: llm-guard
0.3.16, ``input_scanners`` and ``util.calculate_risk_score``.
"""

import dataclasses
import json
import os
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from extproc.adapters.hosted_windows import TextWindows
from extproc.policy.hosted_ports import Found

_LEAST_SCORE = 0.1
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


@dataclasses.dataclass(frozen=True, slots=True)
class _Kind:
    module: str
    model: str
    """The module's constant with how its model is run."""
    finding: str
    labels: tuple[str, ...]
    """The model must have one that begins with one of these."""


_KINDS = {
    "PromptInjection": _Kind("prompt_injection", "V2_MODEL", "injection", ("INJECTION",)),
    "Toxicity": _Kind("toxicity", "DEFAULT_MODEL", "toxicity", ("toxicity", "severe_toxicity", "obscene", "threat")),
    "BanTopics": _Kind("ban_topics", "MODEL_ROBERTA_BASE_C_V2", "topic", ("entail", "ENTAIL", "Entail")),
    "Gibberish": _Kind("gibberish", "DEFAULT_MODEL", "gibberish", ("word salad", "noise", "mild gibberish")),
    "BanCode": _Kind("ban_code", "MODEL_SM", "code", ("CODE",)),
}
SCANNERS = tuple(_KINDS)
"""Those whose answer is a model's alone; the rules of others are the gateway's own."""


@dataclasses.dataclass(frozen=True, slots=True)
class LlmGuardScanner:
    """See ``HostedScanner``; ``open_llm_guard`` makes one."""

    kind: str
    threshold: float
    windows: TextWindows
    ask: Callable[[str], tuple[str, bool, float]]

    def scan(self, texts: Sequence[str]) -> Sequence[Found]:
        """What it finds in each piece of each text."""
        return [
            Found(number, self.kind, start, end, score)
            for number, text in enumerate(texts)
            for start, end in self.windows.cut(text)
            if text[start:end].strip() and (score := self._score(text[start:end])) >= _LEAST_SCORE
        ]

    def _score(self, piece: str) -> float:
        _, _, risk = self.ask(piece)
        return score_of(risk, self.threshold)


def score_of(risk: float, threshold: float) -> float:
    """What LLM Guard made its risk of."""
    room = 1 - threshold if risk > 0 else threshold
    return min(1.0, max(0.0, round(threshold + risk * room, 4)))


def open_llm_guard(
    scanner: str,
    directory: Path,
    *,
    threshold: float = 0.5,
    topics: Sequence[str] = (),
    window_tokens: int = 512,
    overlap_tokens: int = 64,
) -> LlmGuardScanner:
    """A scanner, loaded. Nothing is downloaded.

    Args:
        scanner: one of ``SCANNERS``.
        directory: a transformers model for sequence classification, with its ``tokenizer.json``.
        threshold: LLM Guard's own; scores are finest above it.
        topics: for BanTopics.
        window_tokens: what the model reads at once; longer texts are read in pieces.
        overlap_tokens: what two pieces share.

    Raises:
        ValueError: the directory holds no model that this scanner can use.
        ImportError: this is not the scanner service's environment.
    """
    kind = _KINDS[scanner]
    labels = _read_labels(directory)
    if not any(label.startswith(kind.labels) for label in labels):
        raise ValueError(f"{directory}: {scanner} needs a label like {kind.labels[0]}; it has {', '.join(labels)}")
    windows = TextWindows(directory, window_tokens, overlap_tokens)
    # Before anything of it is imported: what is missing in the directory is an error, not a download.
    os.environ.update(dict.fromkeys(_OFFLINE, "1"))
    module = import_module(f"llm_guard.input_scanners.{kind.module}")
    default = getattr(module, kind.model)
    model = dataclasses.replace(
        default,
        path=str(directory),
        subfolder="",
        revision=None,
        kwargs={"local_files_only": True},
        tokenizer_kwargs={"local_files_only": True},
        pipeline_kwargs={**default.pipeline_kwargs, "max_length": window_tokens, "device": "cpu"},
    )
    more: dict[str, Any] = {"topics": list(topics)} if scanner == "BanTopics" else {}
    try:
        built = getattr(module, scanner)(model=model, threshold=threshold, **more)
    except OSError as error:
        raise ValueError(f"{directory} holds no model: {str(error).splitlines()[0]}") from None
    return LlmGuardScanner(kind.finding, threshold, windows, built.scan)


def _read_labels(directory: Path) -> tuple[str, ...]:
    try:
        labels = json.loads((directory / "config.json").read_text())["id2label"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{directory}/config.json names no labels ({type(error).__name__})") from None
    return tuple(str(label) for label in labels.values())
