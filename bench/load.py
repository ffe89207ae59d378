"""The load generator, a process of its own: a job per line on standard input, its result per line on standard output.

Each connection has one request under way, and sends the next when the answer is whole and was found right. So the rate
is what the system takes from that many callers, not a rate it was pushed to.
"""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from functools import partial
from time import perf_counter
from typing import cast

import uvloop

from bench.answers import EXPECTED, request_body
from bench.figures import percentile

_GRACE_S = 10.0
_LAST_CHUNK = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Job:
    """What to measure."""

    port: int
    kind: str
    connections: int
    seconds: float
    token: str


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured; latencies from the first byte sent to the last byte received."""

    seconds: float
    requests: int
    p50_ms: float
    p99_ms: float
    wrong: int
    """Answers that were not what they had to be, connections that broke included."""
    first_wrong: str


def dechunk(body: bytes) -> bytes:
    """The content of a whole chunked body.

    Raises:
        ValueError: it is not one.
    """
    parts: list[bytes] = []
    at = 0
    while True:
        line = body.index(b"\r\n", at)
        length = int(body[at:line], 16)
        if length == 0:
            return b"".join(parts)
        parts.append(body[line + 2 : line + 2 + length])
        at = line + 4 + length


def is_whole(data: bytes, head_end: int, length: int | None) -> bool:
    """Whether an answer has arrived to its end; ``length`` is None for a chunked one."""
    if length is not None:
        return len(data) >= head_end + length
    # No body of ours has a line end of HTTP's in it.
    return data.endswith(b"\r\n" + _LAST_CHUNK, head_end)


class Caller(asyncio.Protocol):
    """One connection."""

    def __init__(self, request: bytes, expected: bytes, until: float, done: asyncio.Future[None]) -> None:
        self._request = request
        self._expected = expected
        self._until = until
        self._done = done
        self._transport: asyncio.Transport | None = None
        self._begun = 0.0
        self._data = b""
        self._head_end = -1
        self._length: int | None = None
        self.latencies: list[float] = []
        self.wrong: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.Protocol``."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by name
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio.Protocol``."""
        if not self._done.done():
            self.wrong.append(f"the connection broke: {exc}")
            self._done.set_result(None)

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        self._data = self._data + data if self._data else data
        if self._head_end < 0:
            end = self._data.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head_end = end + 4
            self._length = _length(self._data[:end])
        if is_whole(self._data, self._head_end, self._length):
            self._take()

    def _take(self) -> None:
        now = perf_counter()
        body = self._data[self._head_end :]
        try:
            content = body if self._length is not None else dechunk(body)
        except ValueError:
            content = b""
        if self._data.startswith(b"HTTP/1.1 200") and content == self._expected:
            self.latencies.append(now - self._begun)
        else:
            self.wrong.append(self._data[:300].decode("latin-1"))
        if now < self._until and not self.wrong:
            self._send()
            return
        if not self._done.done():
            self._done.set_result(None)
        if self._transport is not None:
            self._transport.close()

    def _send(self) -> None:
        assert self._transport is not None
        self._data, self._head_end, self._length = b"", -1, None
        self._begun = perf_counter()
        self._transport.write(self._request)


def _length(head: bytes) -> int | None:
    lower = head.lower()
    at = lower.find(b"content-length:")
    return int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else None


def request_bytes(kind: str, token: str) -> bytes:
    """A whole request, as it goes over the wire."""
    body = request_body(kind)
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {token}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _same(caller: Caller) -> Caller:
    return caller


async def run_job(job: Job) -> Result:
    """Keep that many connections busy for that long."""
    loop = asyncio.get_running_loop()
    request, expected = request_bytes(job.kind, job.token), EXPECTED[job.kind]
    begin = perf_counter()
    ends: list[asyncio.Future[None]] = [loop.create_future() for _ in range(job.connections)]
    callers = [Caller(request, expected, begin + job.seconds, end) for end in ends]
    async with asyncio.timeout(job.seconds + _GRACE_S):
        for caller in callers:
            await loop.create_connection(partial(_same, caller), "127.0.0.1", job.port)
        await asyncio.gather(*ends)
    seconds = perf_counter() - begin
    latencies = [latency * 1000 for caller in callers for latency in caller.latencies]
    wrong = [each for caller in callers for each in caller.wrong]
    return Result(
        seconds,
        len(latencies),
        percentile(latencies, 50) if latencies else 0.0,
        percentile(latencies, 99) if latencies else 0.0,
        len(wrong),
        wrong[0] if wrong else "",
    )


def main() -> None:
    """Do jobs until standard input ends."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for line in sys.stdin:
            result = runner.run(run_job(Job(**json.loads(line))))
            print(json.dumps(asdict(result)), flush=True)


if __name__ == "__main__":
    main()
