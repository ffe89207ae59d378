"""The meter in memory, and the one that takes nothing; ``adapters.otel_metrics`` is the real one."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from extproc.model.metrics import Metric
from extproc.policy.meter_port import Reading

Series = tuple[str, ...]
"""Values of the metric's labels, in its order."""


class NoMeter:
    """For whoever exports nothing."""

    def add(self, metric: Metric, amount: int = 1, **labels: str) -> None:
        """See ``Meter``."""

    def record(self, metric: Metric, value: float, **labels: str) -> None:
        """See ``Meter``."""

    def watch(self, metric: Metric, read: Callable[[], Iterable[Reading]]) -> None:
        """See ``Meter``."""


@dataclass(slots=True)
class MemoryMeter:
    """Keeps everything, and is strict: a label that the metric does not have is a mistake."""

    sums: Counter[tuple[str, Series]] = field(default_factory=Counter)
    values: dict[tuple[str, Series], list[float]] = field(default_factory=lambda: defaultdict(list))
    watched: dict[str, Callable[[], Iterable[Reading]]] = field(default_factory=dict)

    def add(self, metric: Metric, amount: int = 1, **labels: str) -> None:
        """See ``Meter``."""
        self.sums[metric.name, _series(metric, labels)] += amount

    def record(self, metric: Metric, value: float, **labels: str) -> None:
        """See ``Meter``."""
        self.values[metric.name, _series(metric, labels)].append(value)

    def watch(self, metric: Metric, read: Callable[[], Iterable[Reading]]) -> None:
        """See ``Meter``."""
        self.watched[metric.name] = read

    def sum(self, metric: Metric, *series: str) -> int:
        """What was added to one series."""
        return self.sums[metric.name, series]

    def read(self, metric: Metric) -> dict[Series, float]:
        """What whoever is watched says now."""
        return {_series(metric, dict(labels)): value for value, labels in self.watched[metric.name]()}


def _series(metric: Metric, labels: dict[str, str]) -> Series:
    if unknown := set(labels) - set(metric.labels):
        raise ValueError(f"{metric.name} has no label {sorted(unknown)}")
    return tuple(labels.get(name, "") for name in metric.labels)
