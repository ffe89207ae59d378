"""The load generator must find every wrong answer: a bench that counts errors as answers flatters."""

import asyncio

import pytest

from bench.answers import ANSWER, EXPECTED, PLAIN, STREAMED
from bench.load import Job, dechunk, is_whole, run_job
from bench.upstream import Upstream


def chunked(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (*parts, b""))


def test_chunks_are_put_together() -> None:
    assert dechunk(chunked(b"data: a\n\n", b"x" * 300)) == b"data: a\n\n" + b"x" * 300


@pytest.mark.parametrize("body", [b"", b"5\r\nab", b"zz\r\n", b"2\r\nab\r\n"])
def test_what_is_not_whole_is_no_answer(body: bytes) -> None:
    with pytest.raises(ValueError):
        dechunk(body)


def test_an_answer_is_whole_at_its_end_and_at_no_byte_before() -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    for body, length in ((chunked(b"one", b"two"), None), (b"onetwo", 6)):
        answer = head + body
        assert [is_whole(answer[:end], len(head), length) for end in range(len(head), len(answer) + 1)] == [
            *([False] * len(body)),
            True,
        ]


async def serve(answer: bytes | None) -> tuple[asyncio.Server, int]:
    """The real upstream, or one that always answers the same."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer or b"")
        writer.close()

    loop = asyncio.get_running_loop()
    if answer is None:
        server = await loop.create_server(Upstream, "127.0.0.1", 0)
    else:
        server = await asyncio.start_server(speak, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("kind", [PLAIN, STREAMED])
async def test_right_answers_are_counted(kind: str) -> None:
    server, port = await serve(None)
    async with server:
        result = await run_job(Job(port, kind, 3, 0.2, "token"))
    assert (result.wrong, result.first_wrong) == (0, "")
    assert result.requests >= 3
    assert 0 < result.p50_ms <= result.p99_ms


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 503 X\r\ncontent-length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER),
        b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER[:-1]),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunked(ANSWER[:-1]),
        b"",
    ],
)
async def test_a_wrong_answer_is_found(answer: bytes) -> None:
    server, port = await serve(answer)
    async with server:
        result = await run_job(Job(port, PLAIN, 2, 0.2, "token"))
    assert (result.requests, result.wrong) == (0, 2)


def test_a_stream_is_expected_without_the_usage_that_only_the_gateway_asked_for() -> None:
    assert b"usage" not in EXPECTED[STREAMED]
    assert EXPECTED[STREAMED].endswith(b"data: [DONE]\n\n")
