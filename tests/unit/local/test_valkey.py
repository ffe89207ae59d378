"""A real Valkey, as the stack runs it."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import redis

from extproc.local.supervisor import Supervisor
from extproc.local.valkey import url, valkey
from tests.servers import short_directory
from tests.unit.local.tiny import Reports


@dataclass
class Running:
    supervisor: Supervisor
    data: Path
    runtime_dir: Path

    async def start(self) -> None:
        await self.supervisor.start(valkey(self.data, self.runtime_dir))

    async def stop(self) -> None:
        await self.supervisor.stop("valkey")

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(url(self.runtime_dir))


@pytest.fixture
def runtime_dir() -> Iterator[Path]:
    with short_directory() as directory:
        yield directory


@pytest.fixture
async def running(tmp_path: Path, runtime_dir: Path) -> AsyncIterator[Running]:
    made = Running(Supervisor(tmp_path, Reports(), lambda _: None), tmp_path / "valkey", runtime_dir)
    yield made
    await made.stop()


async def test_it_is_reached_over_its_private_socket_and_no_port(running: Running) -> None:
    await running.start()
    with running.client() as client:
        assert client.ping()
    socket = running.runtime_dir / "valkey.sock"
    assert socket.stat().st_mode & 0o077 == 0
    pid = running.supervisor._children["valkey"].identity.pid
    assert psutil.Process(pid).net_connections("inet") == []


async def test_counters_survive_a_restart_and_are_never_evicted(running: Running) -> None:
    await running.start()
    with running.client() as client:
        client.incrby("count", 7)
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    await running.stop()
    assert not await valkey(running.data, running.runtime_dir).is_ready()
    await running.start()
    with running.client() as client:
        assert client.get("count") == b"7"


async def test_a_socket_of_a_killed_one_is_removed_before_a_start(running: Running) -> None:
    (running.runtime_dir / "valkey.sock").touch()
    await running.start()
    with running.client() as client:
        assert client.ping()
