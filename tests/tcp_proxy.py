"""A connection's troubles, made to order: a proxy between a client and a server on this machine.

Read next: ``servers`` for what stands behind it, ``tests/faults/test_redis_faults.py`` for what is done with it.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

_SIZE_BYTES = 65_536


@dataclass(slots=True)
class Proxy:
    """Passes bytes on to a Unix socket. Each field is read whenever an answer passes, and may be changed."""

    target: Path
    tls: ssl.SSLContext | None = None
    """Of what listens; None: plain."""
    port: int = 0
    slow_s: float = 0.0
    """Every answer waits so long."""
    cuts: int = 0
    """So many of the next answers end in the middle, with a reset."""
    is_silent: bool = False
    """Answers are swallowed."""
    cut_count: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{'redis' if self.tls is None else 'rediss'}://127.0.0.1:{self.port}"

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            answers, asks = await asyncio.open_unix_connection(self.target)
            back = asyncio.create_task(self._pass_back(answers, writer))
            try:
                while data := await reader.read(_SIZE_BYTES):
                    asks.write(data)
                    await asks.drain()
            finally:
                asks.close()
                back.cancel()
                await asyncio.wait([back])
        except (OSError, asyncio.CancelledError):
            pass  # one side is gone, or the test is over
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _pass_back(self, answers: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await answers.read(_SIZE_BYTES):
                await asyncio.sleep(self.slow_s)
                if self.is_silent:
                    continue
                if self.cuts:
                    self.cuts -= 1
                    self.cut_count += 1
                    writer.write(data[: len(data) // 2])
                    await writer.drain()
                    _reset(writer)
                    return
                writer.write(data)
                await writer.drain()
            writer.close()

    async def end(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def _reset(writer: asyncio.StreamWriter) -> None:
    plain = writer.get_extra_info("socket")
    # Lingering for no time at all sends a reset, where closing would send an end.
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextlib.asynccontextmanager
async def run_proxy(target: Path, tls: ssl.SSLContext | None = None) -> AsyncIterator[Proxy]:
    """A proxy that passes everything on, until it is told otherwise."""
    proxy = Proxy(target, tls)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0, ssl=tls)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.end()
