import asyncio
import json
import socket
from pathlib import Path

from extproc.local.workers import follow_restarts, workers
from tests.servers import eventually


async def test_a_crashed_worker_is_said_once_from_the_log_as_it_grows(tmp_path: Path) -> None:
    log = tmp_path / "workers.log"
    log.write_text(json.dumps({"event": "worker_ended", "worker": 9, "pid": 9, "code": -9}) + "\n")
    said: list[str] = []
    following = asyncio.create_task(follow_restarts(log, said.append))
    await asyncio.sleep(0)
    with log.open("a") as file:
        file.write("not JSON\n" + json.dumps({"event": "worker_started", "worker": 1, "pid": 5}) + "\n")
        file.write(json.dumps({"event": "worker_ended", "worker": 1, "pid": 5, "code": -9}) + "\n" + '{"event": "wor')
    await eventually(lambda: bool(said), "the line")
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert said == ["worker 1 (pid 5) was ended by SIGKILL; it is started again"]


async def test_workers_are_ready_when_every_socket_takes_a_connection(tmp_path: Path) -> None:
    part = workers(tmp_path, 2, {})
    with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
        first.bind(str(tmp_path / "worker-0.sock"))
        second.bind(str(tmp_path / "worker-1.sock"))
        first.listen()
        assert not await part.is_ready()
        second.listen()
        assert await part.is_ready()


async def test_sockets_of_killed_workers_are_removed_before_a_start(tmp_path: Path) -> None:
    left = tmp_path / "worker-0.sock"
    left.touch()
    await workers(tmp_path, 2, {}).prepare()
    assert not left.exists()
