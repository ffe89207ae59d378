"""Metrics over OTLP against real receivers: that they arrive, and that a request never notices when they do not."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from structlog.testing import capture_logs

from extproc.adapters.otel_metrics import OtelMetrics, SettingInvalid, is_wanted
from extproc.model.metrics import ATTEMPT_SECONDS, ATTEMPTS, COST, EXPORTS_FAILED, LEDGER_SPOOL_ROWS, POINTS_DROPPED
from tests.otlp_sink import Sink, serving_grpc, serving_http
from tests.servers import wait_until

QUICK = {"OTEL_METRIC_EXPORT_INTERVAL": "50", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
SLACK_S = 60.0


@contextmanager
def metrics(patch: pytest.MonkeyPatch, url: str, **more: str) -> Iterator[OtelMetrics]:
    variables = {**QUICK, "OTEL_EXPORTER_OTLP_ENDPOINT": url, **more}
    for name, value in variables.items():
        patch.setenv(name, value)
    made = OtelMetrics(variables, 3, "1.2.3")
    try:
        yield made
    finally:
        made.close(0.5)


def use(meter: OtelMetrics) -> None:
    meter.add(ATTEMPTS, deployment="d0", result="answered")
    meter.add(ATTEMPTS, 2, deployment="d1", result="timeout")
    meter.add(COST, 1234, deployment="d0", model="m", key="key_1")
    meter.record(ATTEMPT_SECONDS, 0.2, deployment="d0")
    meter.watch(LEDGER_SPOOL_ROWS, lambda: [(7, {})])


def arrived(sink: Sink) -> bool:
    return sink.total("gateway_cost_micro_usd_total") > 0


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_what_is_counted_arrives_with_its_name_unit_and_labels(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    serving = serving_http if protocol == "http/protobuf" else serving_grpc
    more = {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test"}
    with serving(Sink()) as sink, metrics(monkeypatch, sink.url, **more) as meter:
        use(meter)
        wait_until(lambda: arrived(sink), "an export")
        assert sink.series("gateway_attempts_total") == {
            (("deployment", "d0"), ("result", "answered")): 1,
            (("deployment", "d1"), ("result", "timeout")): 2,
        }
        # A key is no label, whoever says so.
        assert sink.series("gateway_cost_micro_usd_total") == {(("deployment", "d0"), ("model", "m")): 1234}
        assert sink.series("gateway_attempt_duration_seconds") == {(("deployment", "d0"),): 1}
        assert sink.series("gateway_ledger_spool_rows") == {(): 7}
        assert sink.units()["gateway_attempt_duration_seconds"] == "s"
        resource = sink.resources()[0]
        assert (resource["service.name"], resource["service.version"]) == ("extproc", "1.2.3")
        assert resource["deployment.environment"] == "test"
        assert "-3-" in resource["service.instance.id"]


def test_headers_and_a_service_name_are_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    more = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20x", "OTEL_SERVICE_NAME": "llm"}
    with serving_http(Sink()) as sink, metrics(monkeypatch, sink.url, **more) as meter:
        use(meter)
        wait_until(lambda: arrived(sink), "an export")
        assert sink.headers["authorization"] == "Bearer x"
        assert sink.resources()[0]["service.name"] == "llm"


def test_what_was_counted_while_the_sink_was_away_arrives_once_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving_http(Sink(status=400)) as sink, capture_logs() as lines, metrics(monkeypatch, sink.url) as meter:
        use(meter)
        wait_until(lambda: sink.asked >= 2, "two exports that fail")
        meter.add(COST, 1000, deployment="d0", model="m")
        sink.status = 200
        wait_until(lambda: sink.total("gateway_cost_micro_usd_total") == 2234, "everything")
        wait_until(lambda: sink.total(EXPORTS_FAILED.name) >= 2, "the failures")
        assert sink.total(POINTS_DROPPED.name) >= 2 * 4
    said = [line["event"] for line in lines if line["event"].startswith("metrics_")]
    assert said == ["metrics_not_exported", "metrics_exported_again"]


@pytest.mark.parametrize("serving", [serving_http, serving_grpc])
def test_a_sink_that_hangs_costs_who_counts_nothing_and_a_worker_that_ends_only_what_it_allows(
    serving: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_http = serving is serving_http
    more = {
        "OTEL_EXPORTER_OTLP_TIMEOUT": "150",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf" if is_http else "grpc",
    }
    with (serving_http if is_http else serving_grpc)(Sink()) as sink:
        sink.answers.clear()
        with metrics(monkeypatch, sink.url, **more) as meter:
            use(meter)
            wait_until(lambda: sink.asked >= 1, "an export that hangs")
            before = threading.active_count()
            began_s = time.monotonic()
            for number in range(20_000):
                meter.add(ATTEMPTS, deployment=f"d{number % 10}", result="answered")
            assert time.monotonic() - began_s < SLACK_S
            assert threading.active_count() <= before
            began_s = time.monotonic()
            meter.close(0.5)
            assert time.monotonic() - began_s < SLACK_S
        sink.answers.set()


@pytest.mark.parametrize("trouble", ["nobody listens", "no TLS", "413", "503"])
def test_a_sink_that_takes_nothing_is_counted_and_told_of_once(trouble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving_http(Sink(status=int(trouble) if trouble.isdigit() else 200)) as sink, capture_logs() as lines:
        url = {"nobody listens": "http://127.0.0.1:1", "no TLS": f"https://127.0.0.1:{sink.port}"}.get(
            trouble, sink.url
        )
        with metrics(monkeypatch, url) as meter:
            use(meter)
            wait_until(lambda: meter._exporter.failures >= 2, "two exports that fail")
            assert meter._exporter.dropped > meter._exporter.failures
        assert sink.got == []
    assert [line["event"] for line in lines if line["event"].startswith("metrics_")] == ["metrics_not_exported"]


def test_with_delta_what_could_not_be_sent_is_lost_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    more = {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"}
    with serving_http(Sink(status=400)) as sink, metrics(monkeypatch, sink.url, **more) as meter:
        meter.add(COST, 100, deployment="d0", model="m")
        wait_until(lambda: meter._exporter.failures >= 2, "two exports that fail")
        sink.status = 200
        wait_until(lambda: bool(sink.got), "an export that arrives")
        meter.add(COST, 5, deployment="d0", model="m")
        wait_until(lambda: arrived(sink), "the cost")
        assert sink.total(COST.name) == 5


def test_series_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving_http(Sink()) as sink, metrics(monkeypatch, sink.url) as meter:
        for number in range(3000):
            meter.add(ATTEMPTS, deployment=f"d{number}", result="answered")
        wait_until(lambda: sink.total(ATTEMPTS.name) == 3000, "all of them")
        series = sink.series(ATTEMPTS.name)
        assert len(series) <= 2001
        assert series[(("otel.metric.overflow", "True"),)] >= 999


def test_closing_sends_what_the_last_interval_has(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving_http(Sink()) as sink:
        with metrics(monkeypatch, sink.url, OTEL_METRIC_EXPORT_INTERVAL="600000") as meter:
            use(meter)
            meter.close(SLACK_S)
        assert arrived(sink)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "carrier-pigeon"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "0"),
    ],
)
def test_a_setting_that_cannot_be_followed_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingInvalid, match=name), metrics(monkeypatch, "http://127.0.0.1:1", **{name: value}):
        pass


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c:4318/v1/metrics"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "TRUE"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_METRICS_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_METRICS_EXPORTER": "otlp"}, True),
    ],
)
def test_metrics_are_exported_where_an_endpoint_is_named(variables: dict[str, str], expected: bool) -> None:
    assert is_wanted(variables) is expected
