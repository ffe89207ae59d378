"""One worker's gRPC server: all doors and health on one Unix socket, drained before it stops.

The socket appears only when the worker is ready, and replaces a predecessor's in one step: Envoy's next connection goes
to the newcomer, no connection fails, and the predecessor's open streams run on until it is told to drain.
"""

import asyncio
import os
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as otlp

from extproc.wire.doors import Doors
from extproc.wire.gen.gateway.v1 import ext_proc_pb2 as pb
from extproc.wire.journal_door import JournalDoor

_SETTLE_S = 0.25
_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_OPTIONS = (
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_concurrent_streams", 100_000),
    # Envoy checks health itself; pings of an idle local socket only cost.
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.http2.max_ping_strikes", 0),
)


async def serve(doors: Doors, journal: JournalDoor, socket: Path, stop: asyncio.Event, drain_s: float) -> None:
    """Serve until ``stop`` is set, then finish what is open within ``drain_s`` seconds.

    Raises:
        OSError: the path cannot be bound.
    """
    server = grpc.aio.server(options=_OPTIONS)
    server.add_generic_rpc_handlers(_handlers(doors, journal))
    newcomer = socket.with_name(f"{socket.name}.{os.getpid()}")
    _remove(newcomer)
    if server.add_insecure_port(f"unix:{newcomer}") == 0:
        raise OSError(f"cannot bind {newcomer}")
    await server.start()
    inode = _take_over(newcomer, socket)
    try:
        await stop.wait()
    finally:
        if _inode(socket) == inode:
            _remove(socket)
        doors.drain()
        # What completed a moment ago may still be on its way to Envoy.
        await asyncio.sleep(_SETTLE_S)
        await server.stop(drain_s)


def _take_over(newcomer: Path, socket: Path) -> int | None:
    newcomer.rename(socket)
    return _inode(socket)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _handlers(doors: Doors, journal: JournalDoor) -> tuple[Any, ...]:
    async def check(_: health_pb2.HealthCheckRequest, __: Any) -> health_pb2.HealthCheckResponse:
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)

    return (
        grpc.method_handlers_generic_handler(
            "envoy.service.ext_proc.v3.ExternalProcessor",
            {
                "Process": grpc.stream_stream_rpc_method_handler(
                    doors.process, pb.ProcessingRequest.FromString, pb.ProcessingResponse.SerializeToString
                )
            },
        ),
        grpc.method_handlers_generic_handler(
            "opentelemetry.proto.collector.logs.v1.LogsService",
            {
                "Export": grpc.unary_unary_rpc_method_handler(
                    journal.export,
                    otlp.ExportLogsServiceRequest.FromString,
                    otlp.ExportLogsServiceResponse.SerializeToString,
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
