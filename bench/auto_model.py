"""Learns the weights behind ``model: auto``: a logistic regression, by stochastic gradient descent, in plain Python.

The same examples give the same weights: the order is shuffled with a fixed seed. Read next: ``auto``.
"""

import base64
import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from extproc.policy.classify import Weights
from extproc.policy.classify_features import BUCKETS, Features

_EPOCHS = 20
_RATE = 0.5
_SEED = 7
_DECAY_SIGNALS = 0.003
_DECAY_PIECES = 0.006
_LARGEST_STEP = 127


@dataclass(frozen=True, slots=True)
class Sample:
    """What the classifier sees of one example, and what it should say."""

    seen: Features
    is_premium: bool


def fit(samples: Sequence[Sample], data: str) -> Weights:
    """Weights that fit these samples. ``data`` names them."""
    names = sorted({name for sample in samples for name in sample.seen.signals})
    column = {name: at for at, name in enumerate(names)}
    rows = [
        (
            [(column[name], strength) for name, strength in sample.seen.signals.items()]
            + [(len(names) + bucket, weight) for bucket, weight in sample.seen.pieces.items()],
            float(sample.is_premium),
        )
        for sample in samples
    ]
    decay = [_DECAY_SIGNALS] * len(names) + [_DECAY_PIECES] * BUCKETS
    weights, constant = _descend(rows, decay)
    return Weights(
        data=data,
        constant=constant,
        signals=dict(zip(names, weights, strict=False)),
        pieces=tuple(weights[len(names) :]),
    )


def _descend(rows: list[tuple[list[tuple[int, float]], float]], decay: list[float]) -> tuple[list[float], float]:
    """AdaGrad (Duchi et al. 2011) on the log loss; each step decays the weights that it touches."""
    weights, squares = [0.0] * len(decay), [1e-6] * len(decay)
    constant, constant_squares = 0.0, 1e-6
    order = random.Random(_SEED)  # noqa: S311 - an order of examples, not a secret
    rows = list(rows)
    for _ in range(_EPOCHS):
        order.shuffle(rows)
        for row, wanted in rows:
            error = 1.0 / (1.0 + math.exp(-constant - sum(weights[at] * value for at, value in row))) - wanted
            constant_squares += error * error
            constant -= _RATE * error / math.sqrt(constant_squares)
            for at, value in row:
                slope = error * value + decay[at] * weights[at]
                squares[at] += slope * slope
                weights[at] -= _RATE * slope / math.sqrt(squares[at])
    return weights, constant


def dump(weights: Weights) -> str:
    """The weights as text, rounded as ``classify.load`` reads them."""
    step = max(1e-9, *(abs(weight) for weight in weights.pieces)) / _LARGEST_STEP
    step = float(f"{step:.6g}")
    steps = bytes(max(-_LARGEST_STEP, min(_LARGEST_STEP, round(weight / step))) % 256 for weight in weights.pieces)
    return (
        json.dumps(
            {
                "data": weights.data,
                "constant": round(weights.constant, 2),
                "signals": {name: round(weight, 2) for name, weight in sorted(weights.signals.items())},
                "step": step,
                "pieces": base64.b64encode(steps).decode(),
            },
            indent=1,
        )
        + "\n"
    )
