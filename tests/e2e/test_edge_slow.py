"""Requests that take for ever, never end or are too large: bounded, answered, and no burden to others. A09, A10."""

import asyncio
import contextlib
import json
import signal
import threading
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.e2e.provider import Turn, word
from tests.e2e.raw import CHAT, CLOSED, Wire, Wire2, ask, fields2, http1, nothing_reaches_a_provider, wire, wire2
from tests.e2e.rig import Rig, chat, make_rig
from tests.servers import eventually, wait_until

pytestmark = pytest.mark.usefixtures("no_secret_is_written")

TIMEOUT = (408, "request_timeout")
TOO_LARGE = (413, "request_too_large")
LIMIT = 1024 * 1024
MIB = 1024 * 1024
CROWD = 200

UNFINISHED = {
    "half a request line": b"POST /v1/ch",
    "headers without an end": b"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nx-a: ",
    "a body that stops": http1("POST", CHAT, "content-length: 5000"),
    "a body that was only announced": http1("POST", CHAT, "content-length: 5000", body=b""),
    "chunks without an end": http1("POST", CHAT, "transfer-encoding: chunked", body=b"1\r\n{\r\n"),
    "half a chunk": http1("POST", CHAT, "transfer-encoding: chunked", body=b"ff\r\n{"),
    "chunks without a first": http1("POST", CHAT, "transfer-encoding: chunked", body=b""),
    "trailers without an end": http1("POST", CHAT, "transfer-encoding: chunked", body=b"1\r\n{\r\n0\r\nx-a: b\r\n"),
}


async def test_a_request_that_stops_arriving_is_408_and_its_connection_ends(rig: Rig) -> None:
    async def verdict(request: bytes) -> tuple[tuple[int, str], bool]:
        async with wire(rig) as connection:
            await connection.send(request)
            answer = await connection.answer()
            return answer.verdict, await connection.is_closed()

    async with nothing_reaches_a_provider(rig):
        verdicts = await asyncio.gather(*map(verdict, UNFINISHED.values()))
    assert dict(zip(UNFINISHED, verdicts, strict=True)) == dict.fromkeys(UNFINISHED, (TIMEOUT, True))


async def test_an_http2_request_that_stops_arriving_is_408(rig: Rig) -> None:
    async with nothing_reaches_a_provider(rig), wire2(rig) as connection:
        await connection.request(1, fields2(length=5000), b"{", is_end=False)
        assert (await connection.answer(1)).verdict == TIMEOUT


@pytest.mark.parametrize(
    "request_so_far",
    [http1("POST", CHAT, "content-length: 500000", body=b""), b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nx: "],
    ids=["body", "headers"],
)
async def test_a_drip_does_not_prolong_the_time_a_request_has(rig: Rig, request_so_far: bytes) -> None:
    async with nothing_reaches_a_provider(rig), wire(rig) as connection:
        await connection.send(request_so_far)
        answer = asyncio.ensure_future(connection.answer())
        while not answer.done():
            await connection.send(b" ")
            await asyncio.wait({answer}, timeout=0.05)
        assert answer.result().verdict == TIMEOUT


@contextlib.asynccontextmanager
async def _crowd(rig: Rig, data: bytes) -> AsyncIterator[list[Wire]]:
    async with contextlib.AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(wire(rig)) for _ in range(CROWD)]
        await asyncio.gather(*(connection.send(data) for connection in connections))
        yield connections


@pytest.mark.parametrize("name", ["headers without an end", "a body that stops", "chunks without an end"])
async def test_two_hundred_slow_requests_hold_up_nobody_and_end(rig: Rig, name: str) -> None:
    before = rig.envoy_bytes()
    async with nothing_reaches_a_provider(rig), _crowd(rig, UNFINISHED[name]) as crowd:
        async with rig.client() as client:
            wait_until(lambda: rig.stat("http[.]gateway[.]downstream_cx_active") >= CROWD, "the crowd")
            models = await client.get("/v1/models")
            assert models.status_code == 200
            # All of them are still waiting: the good request did not wait for one to give up.
            assert rig.stat("http[.]gateway[.]downstream_cx_active") >= CROWD
        assert rig.envoy_bytes() - before < 32 * MIB
        answers = await asyncio.gather(*(connection.answer() for connection in crowd))
    assert [answer.verdict for answer in answers] == [TIMEOUT] * CROWD
    await asyncio.to_thread(
        wait_until, lambda: rig.stat("http[.]gateway[.]downstream_rq_active") == 0, "nothing to be left", 10
    )
    assert "door_failed" not in rig.logs()


async def _a_little(turn: Turn) -> None:
    await turn.open_stream()
    for _ in range(64):
        await turn.event(word("x" * 32 * 1024))
    await turn.event(b"[DONE]")
    await turn.end()


PROTOCOLS = pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])


async def _ask_and_pause(rig: Rig, connection: Wire | Wire2) -> None:
    """Ask for sixteen megabytes and read nothing until the provider has said all of them."""
    has_said_all = threading.Event()

    async def much(turn: Turn) -> None:
        await turn.open_stream()
        for _ in range(512):
            await turn.event(word("x" * 32 * 1024))
        await turn.event(b"[DONE]")
        await turn.end()
        has_said_all.set()

    name = uuid.uuid4().hex
    rig.provider.scripts[name] = much
    body = json.dumps(chat(stream=True, x_script=name)).encode()
    if isinstance(connection, Wire):
        await connection.send(http1("POST", CHAT, body=body))
    else:
        await connection.request(1, fields2(), body)
    await eventually(has_said_all.is_set, "the provider to have said all")


def _connect(rig: Rig, protocol: str) -> contextlib.AbstractAsyncContextManager[Wire | Wire2]:
    return wire(rig, read_limit=1024) if protocol == "HTTP/1.1" else wire2(rig)


@PROTOCOLS
async def test_a_reader_that_pauses_gets_its_whole_answer_and_harms_nobody(rig: Rig, protocol: str) -> None:
    async with _connect(rig, protocol) as connection:
        await _ask_and_pause(rig, connection)
        async with rig.client() as client:
            for _ in range(10):
                assert (await client.post(CHAT, json=chat())).status_code == 200
        if isinstance(connection, Wire):  # the other one never opens its window
            answer = await connection.answer()
            assert answer.body.endswith(b"data: [DONE]\n\n")
            assert len(answer.body) > 16 * MIB
    rig.check_alive()


TRIES = 6


def _usual_buffers(files: dict[str, Any]) -> None:
    listener = files["lds.json"]["resources"][0]
    listener["per_connection_buffer_limit_bytes"] = MIB
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    manager["http2_protocol_options"]["initial_stream_window_size"] = MIB


async def _crashes(rig: Rig, protocol: str) -> bool:
    envoy = rig.envoy
    assert envoy is not None
    async with _connect(rig, protocol) as connection:
        with contextlib.suppress(TimeoutError):
            await _ask_and_pause(rig, connection)
            await eventually(lambda: envoy.poll() is not None, "the crash")
    return envoy.poll() == -signal.SIGSEGV


@PROTOCOLS
async def test_with_the_usual_buffers_the_same_reader_ends_envoy(protocol: str) -> None:
    # Why the buffers are as they are. When this fails, Envoy was repaired and they can be what they should be.
    # The crash is a race inside Envoy: it is asked for more than once.
    for _ in range(TRIES):
        for rig in make_rig({"workers": 1}, edit=_usual_buffers):
            if await _crashes(rig, protocol):
                return
    raise AssertionError(f"{TRIES} times without a crash")


async def test_readers_that_do_not_read_hold_up_nobody(rig: Rig) -> None:
    name = uuid.uuid4().hex
    rig.provider.scripts[name] = _a_little
    body = json.dumps(chat(stream=True, x_script=name)).encode()
    before = rig.envoy_bytes()
    async with contextlib.AsyncExitStack() as stack:
        crowd = [await stack.enter_async_context(wire(rig, read_limit=1024)) for _ in range(40)]
        await asyncio.gather(*(connection.send(http1("POST", CHAT, body=body)) for connection in crowd))
        await eventually(lambda: len(rig.provider.got(name)) == len(crowd), "all to be asked")
        async with rig.client() as client:
            for _ in range(10):
                assert (await client.post(CHAT, json=chat())).status_code == 200
        assert rig.envoy_bytes() - before < 200 * MIB
    await asyncio.to_thread(
        wait_until, lambda: rig.stat("http[.]gateway[.]downstream_rq_active") == 0, "the readers to be given up", 20
    )
    rig.check_alive()


CHUNK = b"10000\r\n" + b" " * 65536 + b"\r\n"
LARGE = {
    "only announced": http1("POST", CHAT, f"content-length: {LIMIT + 1}", body=b""),
    "announced, far above": http1("POST", CHAT, f"content-length: {2**62}", body=b""),
    "announced by somebody without a key": http1("POST", CHAT, f"content-length: {LIMIT + 1}", body=b"", key=None),
    "with a length": http1("POST", CHAT, body=b" " * (LIMIT + 1)),
    "with a length, far above": http1("POST", CHAT, body=b" " * (8 * LIMIT)),
    "chunked": http1("POST", CHAT, "transfer-encoding: chunked", body=CHUNK * 17 + b"0\r\n\r\n"),
    "chunked, without an end": http1("POST", CHAT, "transfer-encoding: chunked", body=CHUNK * 32),
    "one chunk": http1("POST", CHAT, "transfer-encoding: chunked", body=b"fffffff\r\n" + b" " * 2 * LIMIT),
    "JSON that would be good": http1("POST", CHAT, body=json.dumps(chat("x" * LIMIT)).encode()),
}


@pytest.mark.parametrize("name", LARGE)
async def test_a_body_over_the_limit_is_413(rig: Rig, name: str) -> None:
    before = rig.envoy_bytes()
    async with nothing_reaches_a_provider(rig):
        assert (await ask(rig, LARGE[name])).verdict == TOO_LARGE
        assert rig.envoy_bytes() - before < 16 * MIB


@pytest.mark.parametrize(
    "request_so_far",
    [
        http1("POST", CHAT, "content-length: 5000"),
        http1("POST", CHAT, "transfer-encoding: chunked", body=b'5\r\n{"a":\r\n'),
        http1("POST", CHAT, "transfer-encoding: chunked", body=CHUNK),
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\n",
    ],
    ids=["length", "chunks", "whole chunks", "headers"],
)
async def test_a_client_that_leaves_before_its_request_is_whole_costs_no_provider_a_request(
    rig: Rig, request_so_far: bytes
) -> None:
    async with nothing_reaches_a_provider(rig), wire(rig) as connection:
        await connection.send(request_so_far)
        connection.half_close()
        assert await connection.answer() == CLOSED
    await asyncio.to_thread(
        wait_until, lambda: rig.stat("http[.]gateway[.]downstream_rq_active") == 0, "it to be given up", 10
    )
    assert "door_failed" not in rig.logs()


async def test_a_client_that_leaves_while_it_is_answered_ends_the_providers_work(rig: Rig) -> None:
    started, gone = threading.Event(), threading.Event()

    async def endless(turn: Turn) -> None:
        await turn.open_stream()
        await turn.event(word("first"))
        started.set()
        await turn.until_gone()
        gone.set()

    name = uuid.uuid4().hex
    rig.provider.scripts[name] = endless
    async with wire(rig) as connection:
        await connection.send(http1("POST", CHAT, body=json.dumps(chat(stream=True, x_script=name)).encode()))
        await eventually(started.is_set, "the first word")
    await eventually(gone.is_set, "the provider to be told")
