"""A scanner service: ``gateway.v1.Scanner`` over scanners that block, each question in a thread.

An organisation never has all threads where there are several, and what waits beyond its share is refused. A question
whose caller has gone goes on to its end, since a thread cannot be stopped: its turn is given back only then. One that
does not end is what ``on_stuck`` is for.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import grpc
import structlog
from grpc_health.v1 import health_pb2

from extproc.model.refusals import Unavailable
from extproc.policy.bulkhead import Bulkhead, BulkheadPolicy
from extproc.policy.hosted_ports import Found, HostedScanner
from extproc.wire.gen.gateway.v1 import scanner_pb2 as pb

_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_OPTIONS = (
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
    # Gateways ping: a connection to a host that is gone would be believed for a quarter of an hour.
    ("grpc.http2.min_ping_interval_without_data_ms", 1000),
    ("grpc.http2.max_ping_strikes", 0),
)
_WATCH_S = 1.0


@dataclass(frozen=True, slots=True)
class ServiceSize:
    """How much the service takes."""

    threads: int = 2
    most_waiting: int = 64
    """Of one organisation."""
    most_characters: int = 1_000_000
    """Of one question."""
    stuck_s: float = 60.0
    """A scan that takes longer than this never ends."""


@dataclass(frozen=True, slots=True)
class ServiceKeys:
    """Certificate and key of the service, PEM."""

    certificate: Path
    key: Path


@dataclass(slots=True, eq=False)
class ScannerDoor:
    """The service's one method. Use from one event loop."""

    hosted: Mapping[str, HostedScanner]
    size: ServiceSize = ServiceSize()
    on_stuck: Callable[[], None] = lambda: None
    _bulkhead: Bulkhead = field(init=False)
    _turns: asyncio.Semaphore = field(init=False)
    _threads: ThreadPoolExecutor = field(init=False)
    _began_s: dict[int, float] = field(default_factory=dict)
    _asked: int = 0

    def __post_init__(self) -> None:
        """Make the threads."""
        share = BulkheadPolicy(max(1, self.size.threads - 1), self.size.most_waiting)
        self._bulkhead = Bulkhead("scanner", share)
        self._turns = asyncio.Semaphore(self.size.threads)
        self._threads = ThreadPoolExecutor(self.size.threads, "scanner")

    async def scan(self, request: pb.ScanRequest, context: Any) -> pb.ScanResponse:
        """See the proto file."""
        scanner = self.hosted.get(request.scanner)
        if scanner is None:
            await _abort(context, grpc.StatusCode.NOT_FOUND, f"there is no scanner {request.scanner!r}")
        texts = tuple(request.texts)
        if sum(map(len, texts)) > self.size.most_characters:
            told = f"more than {self.size.most_characters} characters"
            await _abort(context, grpc.StatusCode.INVALID_ARGUMENT, told)
        work = asyncio.create_task(self._work(request.organisation, scanner, texts))
        try:
            found = await asyncio.shield(work)
        except Unavailable as trouble:
            await _abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, trouble.reason)
        except asyncio.CancelledError:
            if not self._is_begun(work):
                work.cancel()
            raise
        except Exception as bug:  # noqa: BLE001 - the servicer's wrapper; a message may quote the texts
            structlog.get_logger("extproc.scanner").error(
                "scan_failed", scanner=request.scanner, kind=type(bug).__name__
            )
            await _abort(context, grpc.StatusCode.INTERNAL, "the scanner failed")
        return pb.ScanResponse(
            findings=[
                pb.ScanFinding(text=each.text, kind=each.kind, start=each.start, end=each.end, score=each.score)
                for each in found
            ]
        )

    async def watch(self) -> None:
        """Call ``on_stuck`` when a scan does not end, until cancelled."""
        while True:
            await asyncio.sleep(min(_WATCH_S, self.size.stuck_s))
            if any(time.monotonic() - began_s > self.size.stuck_s for began_s in self._began_s.values()):
                self.on_stuck()

    def close(self) -> None:
        """Take nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _work(self, organisation: str, scanner: HostedScanner, texts: Sequence[str]) -> Sequence[Found]:
        task = asyncio.current_task()
        async with self._bulkhead.turn(organisation), self._turns:
            self._asked += 1
            number = self._asked
            self._began_s[number] = time.monotonic()
            if task is not None:
                task.set_name(_BEGUN)
            try:
                return await asyncio.get_running_loop().run_in_executor(self._threads, scanner.scan, texts)
            finally:
                del self._began_s[number]

    def _is_begun(self, work: asyncio.Task[Any]) -> bool:
        return work.get_name() == _BEGUN


_BEGUN = "a scan in its thread"


async def serve_scanners(
    door: ScannerDoor,
    address: str,
    stop: asyncio.Event,
    *,
    keys: ServiceKeys | None = None,
    drain_s: float = 5.0,
    tell: Callable[[int], None] = lambda _: None,
) -> None:
    """Serve until ``stop`` is set, then finish what is open within ``drain_s`` seconds.

    Args:
        door: what to serve.
        address: ``host:port`` or ``unix:/path``; port 0 takes any.
        stop: ends it.
        keys: for TLS; None: in the clear.
        drain_s: see above.
        tell: called with the port once it is served.

    Raises:
        OSError: the address cannot be bound, or the keys cannot be read.
    """
    server = grpc.aio.server(options=_OPTIONS)
    server.add_generic_rpc_handlers(_handlers(door))
    try:
        port = _bind(server, address, keys)
    except RuntimeError as error:
        raise OSError(f"cannot bind {address}: {error}") from None
    await server.start()
    watching = asyncio.create_task(door.watch())
    tell(port)
    try:
        await stop.wait()
    finally:
        watching.cancel()
        await server.stop(drain_s)
        door.close()


def _bind(server: Any, address: str, keys: ServiceKeys | None) -> int:
    if keys is None:
        return int(server.add_insecure_port(address))
    pair = (keys.key.read_bytes(), keys.certificate.read_bytes())
    return int(server.add_secure_port(address, grpc.ssl_server_credentials((pair,))))


async def _abort(context: Any, code: grpc.StatusCode, message: str) -> NoReturn:
    await context.abort(code, message)
    raise AssertionError("abort raises")


def _handlers(door: ScannerDoor) -> tuple[Any, ...]:
    async def check(_: health_pb2.HealthCheckRequest, __: Any) -> health_pb2.HealthCheckResponse:
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)

    return (
        grpc.method_handlers_generic_handler(
            "gateway.v1.Scanner",
            {
                "Scan": grpc.unary_unary_rpc_method_handler(
                    door.scan, pb.ScanRequest.FromString, pb.ScanResponse.SerializeToString
                )
            },
        ),
        grpc.method_handlers_generic_handler(
            "grpc.health.v1.Health",
            {
                "Check": grpc.unary_unary_rpc_method_handler(
                    check, health_pb2.HealthCheckRequest.FromString, health_pb2.HealthCheckResponse.SerializeToString
                )
            },
        ),
    )
