"""Bytes that no HTTP library would send: raw HTTP/1.1 and HTTP/2 frames, and what comes back for them.

The HTTP/2 side builds frames with hyperframe and hpack, because the h2 library refuses to say what is tested here.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hpack import Decoder, Encoder
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, PingFrame, RstStreamFrame, SettingsFrame

from tests.e2e.rig import Rig, chat
from tests.e2e.rig_values import TOKEN
from tests.servers import wait_until

ANSWER_S = 60.0
CHAT = "/v1/chat/completions"
Fields = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """One response. ``status`` 0: the connection was closed, or the stream reset, without one."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def code(self) -> str:
        """The stable code of an OpenAI-shaped error; fails on any other shape."""
        assert self.headers.get("content-type") == "application/json", (self.status, self.headers, self.body)
        error = json.loads(self.body)["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert self.headers.get("x-request-id"), self.headers
        code: str = error["code"]
        return code

    @property
    def verdict(self) -> tuple[int, str]:
        """Status and error code; no code where there is no error, ``(0, "")`` where there is no response."""
        return (self.status, self.code if self.status >= 400 else "")


CLOSED = Answer(0)


@contextlib.asynccontextmanager
async def nothing_reaches_a_provider(rig: Rig) -> AsyncIterator[None]:
    """Whatever happens inside, no provider hears of it; a good client is served afterwards."""
    before = len(rig.provider.requests), len(rig.other.requests)
    yield
    # A request that did slip through would be ahead of this one, or on its heels over the same connection.
    async with rig.client() as client:
        response = await client.post(CHAT, json=chat("the next client"))
        assert response.status_code == 200, response.text
    assert [r.json["messages"] for r in rig.provider.requests[before[0] :]] == [chat("the next client")["messages"]]
    assert len(rig.other.requests) == before[1]
    rig.check_alive()


def wait_for_journal(rig: Rig) -> None:
    """Until every request that Envoy finished has its record; then no more will be written about them."""

    def is_complete() -> bool:
        return len(rig.journal("exchange")) >= rig.stat("http[.]gateway[.]downstream_rq_completed")

    wait_until(is_complete, "a journal record of every request", ANSWER_S)


def files_with(rig: Rig, text: str) -> list[str]:
    """What was written to disk (logs, journal, Envoy's files) that contains this text."""
    files = (path for path in rig.directory.rglob("*") if path.is_file())
    return [path.name for path in files if text.encode() in path.read_bytes()]


# -- HTTP/1.1 -----------------------------------------------------------------------------------------------------


def http1(
    method: str = "POST",
    target: str = CHAT,
    *lines: str,
    body: bytes | None = None,
    host: str | None = "gateway",
    key: str | None = TOKEN,
) -> bytes:
    """A request, byte for byte as given; without ``body`` the chat request, or none for other methods than POST."""
    content = json.dumps(chat()).encode() if body is None and method.strip() == "POST" else body
    head = [f"{method} {target} HTTP/1.1"]
    head += [] if host is None else [f"host: {host}"]
    head += [] if key is None else [f"authorization: Bearer {key}"]
    names = {line.partition(":")[0].strip().lower() for line in lines}
    if content is not None:
        head += [] if "content-type" in names else ["content-type: application/json"]
        head += [] if names & {"content-length", "transfer-encoding"} else [f"content-length: {len(content)}"]
    return "\r\n".join([*head, *lines, "", ""]).encode("latin-1") + (content or b"")


class Wire:
    """One HTTP/1.1 connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Send; a connection that the other side already closed is found out by ``answer``."""
        with contextlib.suppress(ConnectionError):
            self._writer.write(data)
            await self._writer.drain()

    def half_close(self) -> None:
        self._writer.write_eof()

    async def answer(self, *, has_body: bool = True) -> Answer:
        """The next response; CLOSED when there is none. A response to HEAD has no body, whatever it says of it."""
        async with asyncio.timeout(ANSWER_S):
            try:
                head = await self._reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return CLOSED
            line, *rest = head.decode("latin-1").rstrip().split("\r\n")
            fields = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in rest)}
            status = int(line.split(" ")[1])
            return Answer(status, fields, await self._body(fields) if has_body else b"")

    async def is_closed(self) -> bool:
        """Whether the other side ends the connection, without another byte."""
        async with asyncio.timeout(ANSWER_S):
            try:
                return await self._reader.read() == b""
            except ConnectionError:
                return True

    async def _body(self, fields: Mapping[str, str]) -> bytes:
        if fields.get("transfer-encoding") != "chunked":
            return await self._reader.readexactly(int(fields.get("content-length", 0)))
        body = b""
        while size := int(await self._reader.readline(), 16):
            body += await self._reader.readexactly(size)
            await self._reader.readline()
        await self._reader.readline()
        return body


@contextlib.asynccontextmanager
async def wire(rig: Rig, read_limit: int = 1024 * 1024) -> AsyncIterator[Wire]:
    """A raw connection to the gateway; it reads no more than about ``read_limit`` bytes ahead of the test."""
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.port, limit=read_limit)
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


async def ask(rig: Rig, data: bytes) -> Answer:
    """What a connection of its own answers to these bytes."""
    async with wire(rig) as connection:
        # Both at once: an answer may come, and the connection end, before all was sent.
        sending = asyncio.ensure_future(connection.send(data))
        try:
            return await connection.answer(has_body=not data.startswith(b"HEAD "))
        finally:
            sending.cancel()


async def all_answers(rig: Rig, data: bytes) -> list[Answer]:
    """Every answer to these bytes and to one more, good request behind them, until the connection ends."""
    async with wire(rig) as connection:
        await connection.send(data + http1("GET", "/v1/models", "connection: close"))
        answers = []
        while (answer := await connection.answer()).status:
            answers.append(answer)
        return answers


# -- HTTP/2 -------------------------------------------------------------------------------------------------------


def fields2(path: str = CHAT, method: str = "POST", *more: tuple[str, str], length: int | None = None) -> Fields:
    """A well-formed request's fields."""
    return [
        (":method", method),
        (":scheme", "http"),
        (":authority", "gateway"),
        (":path", path),
        ("authorization", f"Bearer {TOKEN}"),
        ("content-type", "application/json"),
        *([] if length is None else [("content-length", str(length))]),
        *more,
    ]


class Wire2:
    """One HTTP/2 connection; streams are numbered by the test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._encoder = Encoder()
        self._decoder = Decoder()
        self.frames: list[Frame] = []

    @property
    def is_closed(self) -> bool:
        return self._writer.transport.is_closing()

    async def open(self) -> None:
        await self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SettingsFrame(0).serialize())

    async def send(self, *parts: bytes | Frame) -> None:
        with contextlib.suppress(ConnectionError):
            for part in parts:
                self._writer.write(part if isinstance(part, bytes) else part.serialize())
            await self._writer.drain()

    def block(self, fields: Iterable[tuple[str, str | bytes]]) -> bytes:
        """The fields in HPACK, unchecked."""
        data: bytes = self._encoder.encode(
            [(n.encode("latin-1"), v if isinstance(v, bytes) else v.encode("latin-1")) for n, v in fields],
            huffman=False,
        )
        return data

    async def request(
        self,
        stream: int,
        fields: Iterable[tuple[str, str | bytes]],
        body: bytes = b"",
        trailers: Fields | None = None,
        *,
        is_end: bool = True,
    ) -> None:
        head = HeadersFrame(stream, self.block(fields), flags=["END_HEADERS"] + ([] if body else ["END_STREAM"]))
        frames: list[Frame] = [head]
        if body:
            frames.append(DataFrame(stream, body, flags=["END_STREAM"] if is_end and not trailers else []))
        if trailers:
            frames.append(HeadersFrame(stream, self.block(trailers), flags=["END_HEADERS", "END_STREAM"]))
        await self.send(*frames)

    async def answer(self, stream: int) -> Answer:
        """The stream's response; CLOSED when it is reset, or the connection ends, without one."""
        fields: dict[str, str] = {}
        body = b""
        async with asyncio.timeout(ANSWER_S):
            async for frame in self._incoming():
                if isinstance(frame, GoAwayFrame) and frame.error_code:
                    break
                if frame.stream_id != stream:
                    continue
                if isinstance(frame, RstStreamFrame) and not fields:
                    break
                if isinstance(frame, HeadersFrame):
                    fields = {_text(n): _text(v) for n, v in self._decoder.decode(frame.data)}
                if isinstance(frame, DataFrame):
                    body += frame.data
                if "END_STREAM" in frame.flags:
                    return Answer(int(fields[":status"]), fields, body)
        return CLOSED

    async def ended(self) -> int | None:
        """The error code of the GOAWAY that ends the connection; None when it ends without one."""
        code = None
        async with asyncio.timeout(ANSWER_S):
            async for frame in self._incoming():
                if isinstance(frame, GoAwayFrame):
                    code = frame.error_code
        return code

    async def _incoming(self) -> AsyncIterator[Frame]:
        while True:
            try:
                frame, length = Frame.parse_frame_header(memoryview(await self._reader.readexactly(9)))
                frame.parse_body(memoryview(await self._reader.readexactly(length)))
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            if isinstance(frame, SettingsFrame) and "ACK" not in frame.flags:
                await self.send(SettingsFrame(0, flags=["ACK"]))
            if isinstance(frame, PingFrame) and "ACK" not in frame.flags:
                await self.send(PingFrame(0, frame.opaque_data, flags=["ACK"]))
            self.frames.append(frame)
            yield frame


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


@contextlib.asynccontextmanager
async def wire2(rig: Rig) -> AsyncIterator[Wire2]:
    """A raw HTTP/2 connection by prior knowledge."""
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
    connection = Wire2(reader, writer)
    try:
        await connection.open()
        yield connection
    finally:
        writer.transport.abort()
