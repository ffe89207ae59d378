"""Metrics over OTLP, as OpenTelemetry's standard variables say: ``OTEL_EXPORTER_OTLP_ENDPOINT`` and so on.

    add, record → sums in memory (OpenTelemetry's SDK) ← collected every OTEL_METRIC_EXPORT_INTERVAL by a thread → sink

Between a request and the sink stands no queue that could grow: numbers are added up in memory, at most 2,000 series for
each metric (what is beyond goes to one series ``otel.metric.overflow``). A sink that hangs or is away holds up that
thread only. Sums are cumulative unless ``OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`` says otherwise, so an
export that failed is made up for by the next one; with ``delta`` it is lost. Failures are counted, and logged once an
outage.
"""

import logging
import os
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpExporter
from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import OTELResourceDetector, Resource

from extproc.model.metrics import EXPORTS_FAILED, METRICS, POINTS_DROPPED, Metric, Shape
from extproc.policy.meter_port import Reading

_SCOPE = "extproc"
_SDK_LOGS = ("opentelemetry.exporter", "opentelemetry.sdk")


class SettingInvalid(ValueError):  # noqa: N818 - reads as a claim
    """A variable of OpenTelemetry's cannot be followed; the message names it."""


class OtelMetrics:
    """A ``Meter``. Collecting begins when it is made and ends with ``close``."""

    def __init__(self, variables: Mapping[str, str], index: int, version: str) -> None:
        """Nothing is sent before the first interval is over, and nobody is waited for.

        Args:
            variables: the process's environment; the SDK reads the same.
            index: the worker's, so that workers of one host are told apart.
            version: the gateway's, for ``service.version``.

        Raises:
            SettingInvalid
        """
        # Exporters say in words of their own that a sink is away, at every try; here it is said once.
        for name in _SDK_LOGS:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._exporter = _Told(_make_exporter(variables))
        try:
            reader = PeriodicExportingMetricReader(self._exporter)
        except ValueError as error:
            raise SettingInvalid(f"OTEL_METRIC_EXPORT_INTERVAL: {error}") from None
        # A process's sums are its own: two that overlap in a rolling restart are two instances.
        instance = f"{socket.gethostname()}-{index}-{os.getpid()}"
        own = Resource.create({"service.name": "extproc", "service.version": version, "service.instance.id": instance})
        # What the environment says of the service comes last, and stays.
        resource = own.merge(OTELResourceDetector().detect())
        self._provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        self._meter = self._provider.get_meter(_SCOPE)
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        self._is_closed = False
        for metric in METRICS:
            if metric.shape is Shape.HISTOGRAM:
                self._histograms[metric.name] = self._meter.create_histogram(
                    metric.name, metric.unit, metric.about, explicit_bucket_boundaries_advisory=metric.bounds
                )
        self.watch(EXPORTS_FAILED, lambda: [(self._exporter.failures, {})])
        self.watch(POINTS_DROPPED, lambda: [(self._exporter.dropped, {})])

    def add(self, metric: Metric, amount: int = 1, **labels: str) -> None:
        """See ``Meter``."""
        counter = self._counters.get(metric.name)
        if counter is None:
            counter = self._counters[metric.name] = self._meter.create_counter(metric.name, metric.unit, metric.about)
        counter.add(amount, _labels(metric, labels))

    def record(self, metric: Metric, value: float, **labels: str) -> None:
        """See ``Meter``."""
        self._histograms[metric.name].record(value, _labels(metric, labels))

    def watch(self, metric: Metric, read: Callable[[], Iterable[Reading]]) -> None:
        """See ``Meter``."""

        def observe(_: CallbackOptions) -> list[Observation]:
            return [Observation(value, _labels(metric, labels)) for value, labels in read()]

        make = (
            self._meter.create_observable_counter
            if metric.shape is Shape.COUNTER
            else self._meter.create_observable_gauge
        )
        make(metric.name, [observe], metric.unit, metric.about)

    def close(self, limit_s: float) -> None:
        """Export once more, for as long as this. Blocks: call it in a thread."""
        if not self._is_closed:
            self._is_closed = True
            self._provider.shutdown(timeout_millis=limit_s * 1000)


class _Told(MetricExporter):
    """Another exporter, counted."""

    def __init__(self, inner: MetricExporter) -> None:
        super().__init__(inner._preferred_temporality, inner._preferred_aggregation)  # noqa: SLF001 - the SDK's own way
        self._inner = inner
        self._log = structlog.get_logger("extproc.metrics")
        self._is_away = False
        self.failures = 0
        self.dropped = 0

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        result = self._inner.export(metrics_data, timeout_millis, **kwargs)
        is_away = result is not MetricExportResult.SUCCESS
        if is_away:
            self.failures += 1
            self.dropped += _points(metrics_data)
        if is_away != self._is_away:
            self._is_away = is_away
            if is_away:
                self._log.warning("metrics_not_exported")
            else:
                self._log.info("metrics_exported_again", failed_exports=self.failures)
        return result

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return self._inner.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        del kwargs  # the reader's own name for the time, which neither exporter takes
        self._inner.shutdown(timeout_millis)


def is_wanted(variables: Mapping[str, str]) -> bool:
    """Whether these name somebody to export metrics to."""
    if variables.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if variables.get("OTEL_METRICS_EXPORTER", "otlp").strip().lower() == "none":
        return False
    names = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    return any(variables.get(name, "").strip() for name in names)


def _make_exporter(variables: Mapping[str, str]) -> MetricExporter:
    names = ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    name, protocol = next(((each, variables[each]) for each in names if variables.get(each)), ("", "http/protobuf"))
    match protocol:
        case "http/protobuf":
            return HttpExporter()
        case "grpc":
            return GrpcExporter()
        case _:
            raise SettingInvalid(f"{name} is {protocol!r}; set it to http/protobuf or grpc")


def _labels(metric: Metric, labels: Mapping[str, str]) -> dict[str, str]:
    return {name: labels.get(name, "") for name in metric.labels}


def _points(data: MetricsData) -> int:
    return sum(
        len(metric.data.data_points)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )
