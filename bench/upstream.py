"""The fast mock upstream, a process of its own: ``python -m bench.upstream``; prints its port.

It does as little as a provider can: finds the end of the request, looks for two words in it, writes bytes made before.
"""

import asyncio
from typing import cast

import uvloop

from bench.answers import ANSWER, BIG_ANSWER, BIG_MARK, EVENTS_WITH_USAGE, EVENTS_WITHOUT

_JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
_PLAIN = _JSON_HEAD % len(ANSWER) + ANSWER
_BIG = _JSON_HEAD % len(BIG_ANSWER) + BIG_ANSWER
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def _chunked(events: tuple[bytes, ...]) -> list[bytes]:
    chunks = [b"%x\r\n%b\r\n" % (len(event), event) for event in events]
    return [_STREAM_HEAD + chunks[0], *chunks[1:], b"0\r\n\r\n"]


_STREAMS = {True: _chunked(EVENTS_WITH_USAGE), False: _chunked(EVENTS_WITHOUT)}


class Upstream(asyncio.Protocol):
    """One connection; requests come one at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.Protocol``."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by name

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """See ``asyncio.Protocol``."""
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        self._data += data
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._data[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._data) < end + 4 + length:
            return
        body = self._data[end + 4 :]
        self._data = b""
        self._answer(body)

    def _answer(self, body: bytes) -> None:
        assert self._transport is not None
        if b'"stream":true' in body:
            self._write_next(_STREAMS[b'"include_usage":true' in body], 0)
        else:
            self._transport.write(_BIG if BIG_MARK in body else _PLAIN)

    def _write_next(self, chunks: list[bytes], index: int) -> None:
        # A turn of the loop for each event: written together they would travel as one, as no provider's do.
        if self._transport is not None:
            self._transport.write(chunks[index])
            if index + 1 < len(chunks):
                self._loop.call_soon(self._write_next, chunks, index + 1)


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
