"""How good a way of telling cheap from premium is: the figures of ``make eval-auto``.

And the length threshold that the classifier is held to.
A verdict is a score; at 0 and above it says premium.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.auto_data import Example

MISSED_PREMIUM_COST = 3.0
"""A bad answer costs as much as three good ones that were dearer than needed. Ours; docs/auto.md says so."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares are 0 to 1. ``cost``: mean cost of an error per request, ``MISSED_PREMIUM_COST`` or 1 each."""

    accuracy: float
    precision: float
    recall: float
    auc: float
    cost: float


def figures(scores: Sequence[float], wanted: Sequence[bool], threshold: float = 0.0) -> Figures:
    """What these scores are worth against these labels."""
    says = [score >= threshold for score in scores]
    hits = sum(said and right for said, right in zip(says, wanted, strict=True))
    false_alarms = sum(said and not right for said, right in zip(says, wanted, strict=True))
    misses = sum(wanted) - hits
    return Figures(
        accuracy=1 - (false_alarms + misses) / len(wanted),
        precision=hits / (hits + false_alarms) if hits + false_alarms else 0.0,
        recall=hits / sum(wanted) if any(wanted) else 0.0,
        auc=auc(scores, wanted),
        cost=(MISSED_PREMIUM_COST * misses + false_alarms) / len(wanted),
    )


def accuracy(scores: Sequence[float], wanted: Sequence[bool]) -> float:
    """The share that is told right."""
    return sum((score >= 0) == right for score, right in zip(scores, wanted, strict=True)) / len(wanted)


def auc(scores: Sequence[float], wanted: Sequence[bool]) -> float:
    """The chance that a premium request scores above a cheap one; ties count half."""
    premium = sum(wanted)
    cheap = len(wanted) - premium
    if not premium or not cheap:
        return 0.5
    ordered = sorted(zip(scores, wanted, strict=True))
    ranks, below = 0.0, 0
    for _, tied in itertools.groupby(ordered, key=lambda pair: pair[0]):
        group = list(tied)
        ranks += (below + (len(group) + 1) / 2) * sum(right for _, right in group)
        below += len(group)
    return (ranks - premium * (premium + 1) / 2) / (premium * cheap)


def length_rule(examples: Sequence[Example]) -> Callable[[Example], float]:
    """The best threshold on the length for these examples: of the last turn or of everything, in either direction."""
    best: tuple[float, Callable[[Example], float]] = (-1.0, lambda _: -1.0)
    wanted = [example.is_premium for example in examples]
    for measure in (_last_chars, _all_chars):
        lengths = [measure(example) for example in examples]
        for sign in (1.0, -1.0):
            for limit in sorted(set(lengths)):
                share = accuracy([sign * (length - limit) for length in lengths], wanted)
                if share > best[0]:
                    best = (share, _rule(measure, sign, limit))
    return best[1]


def _rule(measure: Callable[[Example], int], sign: float, limit: int) -> Callable[[Example], float]:
    return lambda example: sign * (measure(example) - limit)


def _last_chars(example: Example) -> int:
    return _chars(_messages(example)[-1:])


def _all_chars(example: Example) -> int:
    return _chars(_messages(example))


def _messages(example: Example) -> list[object]:
    messages = example.payload["messages"]
    assert isinstance(messages, list)
    return messages


def _chars(value: object) -> int:
    """The characters of all texts inside, images aside."""
    if isinstance(value, str):
        return 0 if value.startswith("data:") else len(value)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(_chars(part) for part in inner)
