"""Slow connections, a process of its own: ``on`` and ``off`` on standard input, a word back when it is so.

THREATS A09: a third sends its headers, a third its body, a byte every half second; a third asks for a large answer and
reads it so. Whoever is turned away comes again at once.
"""

import asyncio
import contextlib
import socket
import sys

import uvloop

from bench.answers import BIG_MARK

COUNT = 200
_PACE_S = 0.5
_PAUSE_S = 0.05
_OPEN_DEADLINE_S = 20.0
_SETTLE_S = 1.5
"""What is measured is living beside slow connections, not the moment in which all of them arrive."""
_HEAD = "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n"


async def slow_headers(port: int, token: str, opened: asyncio.Event) -> None:
    """Never comes to the end of its headers."""
    reader, writer = await _open(port)
    with contextlib.closing(writer):
        writer.write(_HEAD.encode() + f"authorization: Bearer {token}\r\nx-slow: ".encode())
        opened.set()
        await _drip(reader, writer)


async def slow_body(port: int, token: str, opened: asyncio.Event) -> None:
    """Never comes to the end of its body."""
    reader, writer = await _open(port)
    with contextlib.closing(writer):
        writer.write(_HEAD.encode() + f"authorization: Bearer {token}\r\ncontent-length: 1000\r\n\r\n".encode())
        opened.set()
        await _drip(reader, writer)


async def slow_reader(port: int, token: str, opened: asyncio.Event) -> None:
    """Asks for a large answer and takes a byte at a time."""
    reader, writer = await _open(port)
    with contextlib.closing(writer):
        body = b'{"model":"bench",' + BIG_MARK + b':true,"messages":[{"role":"user","content":"x"}]}'
        head = f"{_HEAD}authorization: Bearer {token}\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        opened.set()
        while await reader.read(1):  # noqa: ASYNC110 - the pace is the point
            await asyncio.sleep(_PACE_S)


_KINDS = (slow_headers, slow_body, slow_reader)


async def _open(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    sock = socket.socket()
    # A small window, or the kernel would do the reading.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(0)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    return await asyncio.open_connection(sock=sock, limit=1024)


async def _drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    answered = asyncio.ensure_future(reader.read(1))
    while not answered.done():
        writer.write(b"x")
        await writer.drain()
        await asyncio.wait({answered}, timeout=_PACE_S)


async def _again_and_again(index: int, port: int, token: str, opened: asyncio.Event) -> None:
    while True:
        with contextlib.suppress(OSError):
            await _KINDS[index % len(_KINDS)](port, token, opened)
        await asyncio.sleep(_PAUSE_S)


async def main(port: int, token: str) -> None:
    """Obey until standard input ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks: list[asyncio.Task[None]] = []
    while line := (await reader.readline()).strip():
        if line == b"on":
            opened = [asyncio.Event() for _ in range(COUNT)]
            tasks = [asyncio.create_task(_again_and_again(i, port, token, each)) for i, each in enumerate(opened)]
            async with asyncio.timeout(_OPEN_DEADLINE_S):
                await asyncio.gather(*(each.wait() for each in opened))
            await asyncio.sleep(_SETTLE_S)
        else:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        print(line.decode(), flush=True)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
