"""The workers as a part of the stack: ``extproc serve``, ready when every socket takes a connection."""

import asyncio
import signal
import sys
from pathlib import Path

from extproc.local.part import Part
from extproc.model import seams

_CONNECT_DEADLINE_S = 1.0


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
