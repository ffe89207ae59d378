"""Does this request need a premium model, or will a cheap one do? The decision behind ``model: auto``.

A logistic regression over the signals and pieces of ``classify_features``; the weights are learned from the labelled
set in bench/data/auto and checked by ``make eval-auto``. The same request always gets the same judgement. Nothing here
knows groups, models or prices: routing turns a tier into a group. Read next: docs/auto.md, which says what this cannot
tell.
"""

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from extproc.policy.classify_features import Features, features

PREMIUM_FROM = 0.5
"""From this score on it is premium. A caller to whom errors cost differently compares the score itself."""

WORDING = "its wording, as a whole"
NOTHING = "nothing in particular"
_MOST_REASONS = 3

# What the caller says about effort wins. "medium" is what OpenAI's API takes where nothing is said, so it says nothing.
_HINTS = {"none": 0.0, "minimal": 0.0, "low": 0.0, "high": 1.0, "xhigh": 1.0, "max": 1.0}


class Tier(StrEnum):
    """Which kind of model a request goes to."""

    CHEAP = "cheap"
    PREMIUM = "premium"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A tier, and why.

    ``score``: the probability that premium is needed, 0 to 1. ``reasons``: the one to three signals that speak most for
    this tier, strongest first; names of signals, never words of the request.
    """

    tier: Tier
    score: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Weights:
    """A logistic regression: weight by signal, weight by bucket, and a constant. Log-odds of premium."""

    data: str
    constant: float
    signals: Mapping[str, float]
    pieces: tuple[float, ...]

    def log_odds(self, seen: Features) -> float:
        """How much speaks for premium, 0 where it could be either."""
        return (
            self.constant
            + sum(self.signals.get(name, 0.0) * strength for name, strength in seen.signals.items())
            + self._of_pieces(seen)
        )

    def reasons(self, seen: Features, sign: float) -> tuple[str, ...]:
        """What speaks most for premium (``sign`` 1) or for cheap (-1)."""
        parts = {name: self.signals.get(name, 0.0) * strength * sign for name, strength in seen.signals.items()}
        parts[WORDING] = self._of_pieces(seen) * sign
        speaking = sorted((part for part in parts.items() if part[1] > 0), key=lambda part: (-part[1], part[0]))
        return tuple(name for name, _ in speaking[:_MOST_REASONS]) or (NOTHING,)

    def _of_pieces(self, seen: Features) -> float:
        return sum(self.pieces[bucket] * weight for bucket, weight in seen.pieces.items())


def load(text: str) -> Weights:
    """Weights as ``bench/auto.py`` writes them: signals in hundredths, pieces as signed bytes of one scale."""
    stored = json.loads(text)
    steps = memoryview(base64.b64decode(stored["pieces"])).cast("b")
    return Weights(
        data=stored["data"],
        constant=stored["constant"],
        signals=stored["signals"],
        pieces=tuple(step * stored["step"] for step in steps),
    )


def classify(payload: Mapping[str, object]) -> Judgement:
    """The tier of an OpenAI chat completion request. Any JSON object has one: nothing is raised."""
    hint = payload.get("reasoning_effort")
    if isinstance(hint, str) and hint in _HINTS:
        score = _HINTS[hint]
        effort = "much" if score else "little"
        return Judgement(_tier(score), score, (f"the caller asks for {effort} reasoning effort",))
    seen = features(payload)
    log_odds = WEIGHTS.log_odds(seen)
    score = 0.5 + 0.5 * math.tanh(log_odds / 2)  # the logistic function, without its overflow
    tier = _tier(score)
    return Judgement(tier, score, WEIGHTS.reasons(seen, 1.0 if tier is Tier.PREMIUM else -1.0))


def _tier(score: float) -> Tier:
    return Tier.PREMIUM if score >= PREMIUM_FROM else Tier.CHEAP


WEIGHTS = load(Path(__file__).with_name("classify_weights.json").read_text(encoding="utf-8"))
