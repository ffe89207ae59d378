"""The arithmetic of a paired comparison. Pure; ``run`` measures, ``report`` prints.

A and B are measured one after the other, again and again. What disturbs the machine for longer than one round disturbs
both, so the ratio within a round is steadier than either figure, and its median over rounds steadier still.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Segment:
    """One side, measured once."""

    seconds: float
    requests: int
    p50_ms: float
    p99_ms: float
    cpu_s: Mapping[str, float]
    """Seconds of CPU by process name (``envoy``, ``workers``, ``upstream``, ``load``)."""

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    def cpu_us(self, name: str) -> float:
        """Microseconds of CPU a request took in this process; 0 where the side has no such process."""
        return self.cpu_s.get(name, 0.0) / self.requests * 1e6


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of both sides over all rounds."""

    base: float
    """Median of the first side."""
    other: float
    ratio: float
    """Median of the rounds' own ratios, other to base; not the ratio of the medians."""
    least: float
    most: float
    """The smallest and the largest ratio of a round."""


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that ``percent`` of the values do not exceed, by nearest rank; the values need no order.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values")
    rank = -(-len(values) * percent // 100)  # rounded up
    return sorted(values)[max(int(rank), 1) - 1]


def compare(base: Sequence[float], other: Sequence[float]) -> Compared:
    """Both sides of a figure, round by round.

    Raises:
        ValueError: the sides do not have the same number of rounds, or none.
        ZeroDivisionError: the base of a round is 0.
    """
    if not base:
        raise ValueError("no rounds")
    ratios = [after / before for before, after in zip(base, other, strict=True)]
    return Compared(median(base), median(other), median(ratios), min(ratios), max(ratios))
