"""Where metrics are sent, for real: a server for OTLP over HTTP, or over gRPC, that keeps what it got."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as otlp
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as otlp_grpc

Labels = tuple[tuple[str, str], ...]


@dataclass
class Sink:
    """What arrived; the latest of each series of each process."""

    port: int = 0
    answers: threading.Event = field(default_factory=threading.Event)
    """Cleared: it listens and says nothing."""
    status: int = 200
    """What it answers over HTTP."""
    asked: int = 0
    """How often it was."""
    got: list[otlp.ExportMetricsServiceRequest] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    """Of the latest export over HTTP."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def series(self, name: str) -> dict[Labels, float]:
        """The sums of one metric over all processes that sent it, by label; of a histogram how often."""
        latest: dict[tuple[str, Labels], float] = {}
        for resource, metric in self._metrics():
            if metric.name != name:
                continue
            for point in getattr(metric, metric.WhichOneof("data")).data_points:
                labels = tuple(sorted((each.key, _text(each.value)) for each in point.attributes))
                latest[resource["service.instance.id"], labels] = _number(point)
        sums: dict[Labels, float] = {}
        for (_, labels), value in latest.items():
            sums[labels] = sums.get(labels, 0) + value
        return sums

    def total(self, name: str, **labels: str) -> float:
        """The sum of the series that have these labels."""
        return sum(value for series, value in self.series(name).items() if labels.items() <= dict(series).items())

    def names(self) -> set[str]:
        return {metric.name for _, metric in self._metrics()}

    def units(self) -> dict[str, str]:
        return {metric.name: metric.unit for _, metric in self._metrics()}

    def resources(self) -> list[dict[str, str]]:
        return [resource for resource, _ in self._metrics()]

    def _metrics(self) -> Iterator[tuple[dict[str, str], Any]]:
        for request in tuple(self.got):
            for each in request.resource_metrics:
                resource = {item.key: _text(item.value) for item in each.resource.attributes}
                for scope in each.scope_metrics:
                    for metric in scope.metrics:
                        yield resource, metric


@contextmanager
def serving_http(sink: Sink) -> Iterator[Sink]:
    """Take OTLP over HTTP on its port, any free one for 0, until the end of the block."""
    is_over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["content-length"]))
            sink.asked += 1
            sink.answers.wait()
            if is_over.is_set():
                return
            if sink.status == 200 and self.path == "/v1/metrics":
                sink.headers = {name.lower(): value for name, value in self.headers.items()}
                sink.got.append(otlp.ExportMetricsServiceRequest.FromString(data))
            self.send_response(sink.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - http.server's name
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # who asked has gone

    sink.answers.set()
    server = Server(("127.0.0.1", sink.port), Handler)
    sink.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield sink
    finally:
        is_over.set()
        sink.answers.set()
        server.shutdown()
        server.server_close()
        thread.join(60)


@contextmanager
def serving_grpc(sink: Sink) -> Iterator[Sink]:
    """Take OTLP over gRPC on a free port until the end of the block."""

    class Service(otlp_grpc.MetricsServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
            sink.asked += 1
            sink.answers.wait()
            sink.got.append(request)
            return otlp.ExportMetricsServiceResponse()

    sink.answers.set()
    server = grpc.server(ThreadPoolExecutor(4))
    otlp_grpc.add_MetricsServiceServicer_to_server(Service(), server)
    sink.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield sink
    finally:
        sink.answers.set()
        server.stop(0).wait(5)


def _text(value: Any) -> str:
    return str(getattr(value, value.WhichOneof("value")))


def _number(point: Any) -> float:
    if hasattr(point, "count"):
        return float(point.count)
    return float(getattr(point, point.WhichOneof("value")))
