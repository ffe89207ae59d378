"""Where numbers about what the gateway does go: part of ``ports``, in a file of its own.

``model.metrics`` has what is counted. A new count is a ``Metric`` there, a line in docs/metrics.md, and one call here.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from extproc.model.metrics import Metric

Reading = tuple[float, Mapping[str, str]]
"""A number and its labels."""


class Meter(Protocol):
    """Takes numbers. Never waits and never fails a request, whatever becomes of who collects them.

    Labels that the metric does not have are left out, and those that are not given are empty. A label's value comes
    from configuration or from a list of ours, never from a request: each one is a series for ever.
    """

    def add(self, metric: Metric, amount: int = 1, **labels: str) -> None:
        """It happened once more, or so often; for a COUNTER. ``amount`` is not negative."""
        ...

    def record(self, metric: Metric, value: float, **labels: str) -> None:
        """It was so much this time; for a HISTOGRAM."""
        ...

    def watch(self, metric: Metric, read: Callable[[], Iterable[Reading]]) -> None:
        """Ask ``read`` for a GAUGE, or for a COUNTER that somebody keeps, whenever numbers are collected.

        It is called in a thread of its own: it looks at what it finds, and neither waits nor changes anything.
        """
        ...
