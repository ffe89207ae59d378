import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2

from extproc.adapters.memory import MemoryJournal
from extproc.wire.doors import Doors
from extproc.wire.journal_door import JournalDoor
from extproc.wire.server import serve
from tests.servers import eventually
from tests.unit.exchange.worlds import World


@pytest.fixture
def socket() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="wire-") as directory:  # a socket's path has 107 bytes
        yield Path(directory) / "worker-0.sock"


def start(socket: Path, stop: asyncio.Event, drain_s: float = 1.0) -> asyncio.Task[None]:
    journal = MemoryJournal()
    doors = Doors(World().desk, journal, lambda: "incident")
    return asyncio.create_task(serve(doors, JournalDoor(journal), socket, stop, drain_s))


async def is_serving(socket: Path) -> bool:
    async with grpc.aio.insecure_channel(f"unix:{socket}") as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        answer = await check(health_pb2.HealthCheckRequest(), timeout=5)
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def test_a_worker_serves_on_its_socket_and_takes_it_away(socket: Path) -> None:
    stop = asyncio.Event()
    server = start(socket, stop)
    await eventually(socket.exists, "the socket")
    assert await is_serving(socket)
    stop.set()
    await server
    assert not socket.exists()


async def test_a_successor_takes_the_socket_over_in_one_step(socket: Path) -> None:
    first_stop, second_stop = asyncio.Event(), asyncio.Event()
    first = start(socket, first_stop)
    await eventually(socket.exists, "the socket")
    inode = socket.stat().st_ino
    second = start(socket.with_name("worker-0.sock"), second_stop)
    await eventually(lambda: socket.stat().st_ino != inode, "the successor")
    first_stop.set()
    await first
    # The old one leaves what is not its own any more.
    assert socket.exists()
    assert await is_serving(socket)
    second_stop.set()
    await second


async def test_what_a_killed_worker_left_is_not_in_the_way(socket: Path) -> None:
    socket.write_bytes(b"")
    stop = asyncio.Event()
    server = start(socket, stop)
    await eventually(socket.is_socket, "the socket")
    assert await is_serving(socket)
    stop.set()
    await server


async def test_a_path_that_cannot_be_bound_is_an_error(socket: Path) -> None:
    with pytest.raises((OSError, RuntimeError)):
        await serve(
            Doors(World().desk, MemoryJournal(), lambda: ""),
            JournalDoor(MemoryJournal()),
            socket.parent / "missing" / "worker.sock",
            asyncio.Event(),
            1.0,
        )
