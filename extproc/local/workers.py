"""The workers as a part of the stack: ``extproc serve``, ready when every socket takes a connection."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from extproc.local.part import Part
from extproc.model import seams

_CONNECT_DEADLINE_S = 1.0
_LOG_POLL_S = 0.2


def workers(run_dir: Path, count: int, environment: dict[str, str]) -> Part:
    """The supervisor of the worker processes. A worker binds its socket only when it is ready."""
    sockets = [run_dir / seams.WORKER_SOCKET.format(index=index) for index in range(count)]

    async def is_ready() -> bool:
        return all([await _accepts(socket) for socket in sockets])

    async def prepare() -> None:
        # What a killed worker left behind would look like a worker.
        for socket in sockets:
            socket.unlink(missing_ok=True)

    return Part(
        name="workers",
        command=(sys.executable, "-m", "extproc", "serve"),
        is_ready=is_ready,
        environment=environment,
        prepare=prepare,
        start_deadline_s=60.0,
        stop_deadline_s=40.0,
        orphan_signal=signal.SIGTERM,
    )


async def _accepts(socket: Path) -> bool:
    try:
        async with asyncio.timeout(_CONNECT_DEADLINE_S):
            _, writer = await asyncio.open_unix_connection(str(socket))
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def follow_restarts(log: Path, say: Callable[[str], None]) -> None:
    """Say it when a worker process crashed: its supervisor restarts it and only writes that into its log."""
    with log.open("rb") as file:
        file.seek(0, 2)
        rest = b""
        while True:
            rest += file.read()
            *lines, rest = rest.split(b"\n")
            for line in lines:
                said = _restart(line)
                if said is not None:
                    say(said)
            await asyncio.sleep(_LOG_POLL_S)


def _restart(line: bytes) -> str | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    match entry:
        case {"event": "worker_ended", "worker": int(index), "pid": int(pid), "code": int(code)}:
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            return f"worker {index} (pid {pid}) {how}; it is started again"
    return None
