"""A provider that does as it is told: a raw HTTP/1.1 server whose answers are scripts, and which remembers all it got.

A test sends the unknown field ``x_script``; it passes through the gateway and names the script here. Raw on purpose: a
provider that is slow, cuts, lies or sends half a line cannot be played by a well-behaved server.
"""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

_READ_DEADLINE_S = 30


@dataclass(slots=True)
class Request:
    """One request as it arrived."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes
    connection: int

    @property
    def json(self) -> dict[str, Any]:
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


@dataclass(slots=True)
class Turn:
    """One request's turn to be answered."""

    request: Request
    writer: asyncio.StreamWriter
    reader: asyncio.StreamReader
    is_gone: threading.Event = field(default_factory=threading.Event)
    """Set when the gateway closed the connection before the answer's end."""

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, status: int = 200, kind: str = "application/json", *more: str) -> None:
        lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", *more, "", ""]
        await self.send("\r\n".join(lines).encode())

    async def plain(self, body: bytes, status: int = 200, *more: str, kind: str = "application/json") -> None:
        await self.head(status, kind, f"content-length: {len(body)}", *more)
        await self.send(body)

    async def open_stream(self, *more: str) -> None:
        await self.head(200, "text/event-stream", "transfer-encoding: chunked", *more)

    async def chunk(self, data: bytes) -> None:
        await self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    async def event(self, value: object) -> None:
        text = value if isinstance(value, bytes) else json.dumps(value).encode()
        await self.chunk(b"data: " + text + b"\n\n")

    async def end(self) -> None:
        await self.send(b"0\r\n\r\n")

    async def until(self, gate: threading.Event) -> None:
        """Wait for the test, or for the gateway to leave."""
        await _until(lambda: gate.is_set() or self.is_gone.is_set())

    async def until_gone(self) -> None:
        await _until(self.is_gone.is_set)

    def reset(self) -> None:
        self.writer.transport.abort()


Script = Callable[[Turn], Awaitable[None]]


def word(text: str) -> dict[str, Any]:
    return {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-x",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}],
    }


STOP = {**word(""), "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
USAGE = {
    **word(""),
    "choices": [],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
ANSWER = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-x",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}


async def answer(turn: Turn) -> None:
    """What a well-behaved provider does: chat plain or streamed, embeddings."""
    if turn.request.line.split(" ")[1].endswith("/embeddings"):
        data = [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}]
        usage = {"prompt_tokens": 2, "total_tokens": 2}
        await turn.plain(json.dumps({"object": "list", "data": data, "model": "e", "usage": usage}).encode())
    elif turn.request.json.get("stream"):
        await turn.open_stream()
        for piece in ("Hel", "lo", "."):
            await turn.event(word(piece))
        await turn.event(STOP)
        if turn.request.json.get("stream_options", {}).get("include_usage"):
            await turn.event(USAGE)
        await turn.event(b"[DONE]")
        await turn.end()
    else:
        await turn.plain(json.dumps(ANSWER).encode())


class Provider:
    """Runs in a thread of its own, so that a test's event loop cannot hold it up."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.scripts: dict[str, Script] = {}
        self.port = 0
        self._connections = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="provider", daemon=True)

    def start(self) -> "Provider":
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)

    def got(self, script: str) -> list[Request]:
        """The requests that named this script."""
        return [request for request in self.requests if f'"x_script":"{script}"'.encode() in request.body]

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        number = self._connections
        try:
            while (request := await _read_request(reader, number)) is not None:
                self.requests.append(request)
                turn = Turn(request, writer, reader)
                watcher = asyncio.ensure_future(_watch(reader, turn))
                try:
                    name = request.json.get("x_script", "answer") if request.body else "answer"
                    await self.scripts.get(name, answer)(turn)
                finally:
                    watcher.cancel()
                    await asyncio.wait({watcher})
                if turn.is_gone.is_set():
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


async def _watch(reader: asyncio.StreamReader, turn: Turn) -> None:
    # The gateway sends nothing while it waits for an answer, so an end of file is its leaving. at_eof() does not
    # consume what may be a next request.
    while not (reader.at_eof() or turn.writer.transport.is_closing()):
        await asyncio.sleep(0.005)
    turn.is_gone.set()


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(_READ_DEADLINE_S):
        while not is_so():
            await asyncio.sleep(0.005)


async def _read_request(reader: asyncio.StreamReader, connection: int) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    line, *rest = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (each.partition(":") for each in rest)]
    length = next((int(value) for name, value in headers if name == "content-length"), 0)
    body = await reader.readexactly(length)
    if any(name == "transfer-encoding" for name, _ in headers):
        while size := int((await reader.readline()).strip(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    return Request(line, headers, body, connection)
