"""HTTP/2 is served like HTTP/1.1; what is malformed or an attack ends its own connection only. Threat A08."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable

import pytest
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from tests.e2e.provider import ANSWER
from tests.e2e.raw import CHAT, CLOSED, Answer, Fields, Wire2, fields2, nothing_reaches_a_provider, wire2
from tests.e2e.rig import Rig, chat, error_code
from tests.e2e.rig_values import TOKEN
from tests.servers import wait_until

pytestmark = pytest.mark.usefixtures("no_secret_is_written")

BODY = json.dumps(chat()).encode()
MIB = 1024 * 1024


async def test_an_http2_client_chats_plain_and_streamed_on_one_connection(rig: Rig) -> None:
    async with rig.client(http1=False, http2=True) as client:
        plain, streamed = await asyncio.gather(
            client.post(CHAT, json=chat()), client.post(CHAT, json=chat(stream=True))
        )
        models = await client.get("/v1/models")
    assert {response.http_version for response in (plain, streamed, models)} == {"HTTP/2"}
    assert plain.json() == ANSWER
    assert streamed.headers["content-type"] == "text/event-stream"
    assert streamed.text.endswith("data: [DONE]\n\n")
    assert all(response.headers["x-request-id"] for response in (plain, streamed, models))


@pytest.mark.parametrize(
    ("size", "status", "code"),
    [(500_000, 401, "invalid_api_key"), (1024 * 1024 + 1, 413, "request_too_large")],
)
async def test_a_refusal_of_a_large_http2_request_is_an_answer_and_no_broken_stream(
    rig: Rig, size: int, status: int, code: str
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(0, size, 50_000):
            yield b" " * 50_000

    headers = {"authorization": "Bearer nobody's" if status == 401 else f"Bearer {TOKEN}"}
    headers["content-type"] = "application/json"
    async with nothing_reaches_a_provider(rig), rig.client(http1=False, http2=True) as client:
        response = await client.post(CHAT, content=pieces(), headers=headers)
    assert (response.status_code, error_code(response)) == (status, code)
    assert response.headers["x-request-id"]


def _with(**changes: str) -> Fields:
    return [(name, changes.get(name.removeprefix(":"), value)) for name, value in fields2()]


def _without(name: str) -> Fields:
    return [field for field in fields2() if field[0] != name]


MALFORMED: dict[str, Iterable[tuple[str, str]]] = {
    "an upper-case name": fields2(CHAT, "POST", ("X-Upper", "a")),
    "CR in a value": fields2(CHAT, "POST", ("x-a", "a\rb")),
    "LF in a value": fields2(CHAT, "POST", ("x-a", "a\nx-gateway-tenant: b")),
    "CRLF in a value that is passed on": fields2(CHAT, "POST", ("accept", "a\r\nauthorization: b")),
    "NUL in a value": fields2(CHAT, "POST", ("x-a", "a\0b")),
    "LF in a name": fields2(CHAT, "POST", ("x-a\nx-b", "a")),
    "a colon in a name": fields2(CHAT, "POST", ("x:a", "a")),
    "a space in a name": fields2(CHAT, "POST", ("x a", "a")),
    "an empty name": fields2(CHAT, "POST", ("", "a")),
    "content-length below DATA": fields2(length=len(BODY) - 1),
    "content-length above DATA": fields2(length=len(BODY) + 1),
    "content-length twice": fields2(CHAT, "POST", ("content-length", "0"), length=len(BODY)),
    "content-length with a sign": fields2(CHAT, "POST", ("content-length", f"+{len(BODY)}")),
    "a path without a slash": fields2("v1/chat/completions"),
    "an empty path": fields2(""),
    "an asterisk": fields2("*"),
    "an absolute path": fields2("http://evil.test/v1/chat/completions"),
    "a request line in the path": fields2(f"{CHAT} HTTP/1.1\r\nhost: evil.test"),
    "a space in the path": fields2("/v1/chat /completions"),
    "two paths": [(":path", "/v1/models"), *fields2()],
    "two methods": [(":method", "GET"), *fields2()],
    "two authorities": [(":authority", "evil.test"), *fields2()],
    "a second path at the end": [*fields2(), (":path", "/v1/models")],
    "a pseudo-header at the end": [*_without(":path"), (":path", CHAT)],
    "an unknown pseudo-header": [(":evil", "1"), *fields2()],
    "a protocol without CONNECT": [(":protocol", "websocket"), *fields2()],
    "no path": _without(":path"),
    "no method": _without(":method"),
    "no scheme": _without(":scheme"),
    "no authority": _without(":authority"),
    "a user in the authority": _with(authority="evil@gateway"),
    "a path in the authority": _with(authority="gateway/x"),
    "a request line in the method": _with(method="POST /x HTTP/1.1"),
    "CONNECT with a path": _with(method="CONNECT"),
    "transfer-encoding": fields2(CHAT, "POST", ("transfer-encoding", "chunked")),
    "connection": fields2(CHAT, "POST", ("connection", "close")),
    "upgrade": fields2(CHAT, "POST", ("upgrade", "h2c")),
    "te": fields2(CHAT, "POST", ("te", "gzip")),
    "too many headers": fields2(CHAT, "POST", *((f"x-{number}", "a") for number in range(150))),
    "too many crumbs of a cookie": fields2(CHAT, "POST", *[("cookie", "a=b")] * 150),
    "a cookie from a few bytes": fields2(CHAT, "POST", *[("cookie", "a" * 1000)] * 90),
}


async def test_a_malformed_http2_request_gets_no_answer_and_goes_nowhere(rig: Rig) -> None:
    async def answer(fields: Iterable[tuple[str, str]]) -> Answer:
        async with wire2(rig) as connection:
            await connection.request(1, fields, BODY)
            return await connection.answer(1)

    # All at once: Envoy keeps a connection for a second after it refused it.
    async with nothing_reaches_a_provider(rig):
        answers = await asyncio.gather(*map(answer, MALFORMED.values()))
    assert {name: answer for name, answer in zip(MALFORMED, answers, strict=True) if answer != CLOSED} == {}


DECIDED: dict[str, tuple[Iterable[tuple[str, str]], tuple[int, str]]] = {
    "a fragment": (fields2(f"{CHAT}#x"), (400, "invalid_request")),
    "an escaped slash": (fields2("/v1%2fchat/completions"), (400, "invalid_request")),
    "an escaped NUL": (fields2(f"{CHAT}%00"), (400, "invalid_request")),
    "a trailing slash": (fields2(f"{CHAT}/"), (404, "unknown_path")),
    "another spelling": (fields2("//v1/x/../%63hat/completions"), (200, "")),
    "a lower-case method": (fields2(CHAT, "post"), (405, "method_not_allowed")),
    "another scheme": (_with(scheme="gopher"), (200, "")),
    "an internal header": (fields2(CHAT, "POST", ("x-gateway-tenant", "b"), ("x-envoy-retry-on", "5xx")), (200, "")),
    "a host beside the authority": (fields2(CHAT, "POST", ("host", "evil.test")), (200, "")),
    "a key in the query": (fields2(f"{CHAT}?api_key={TOKEN}"), (400, "credential_in_query")),
}


@pytest.mark.parametrize("name", DECIDED)
async def test_what_http2_can_carry_is_decided_as_over_http1(rig: Rig, name: str) -> None:
    fields, verdict = DECIDED[name]
    before = len(rig.provider.requests)
    async with wire2(rig) as connection:
        await connection.request(1, fields, BODY)
        assert (await connection.answer(1)).verdict == verdict
    assert len(rig.provider.requests) - before == (1 if verdict[0] == 200 else 0)
    if verdict[0] == 200:
        request = rig.provider.requests[-1]
        assert request.line == f"POST {CHAT} HTTP/1.1"
        assert request.header("host") == f"127.0.0.1:{rig.provider.port}"


def _open(connection: Wire2, stream: int, *flags: str) -> HeadersFrame:
    return HeadersFrame(stream, connection.block(fields2()), flags=list(flags))


def _continuations(connection: Wire2) -> Iterable[Frame]:
    yield _open(connection, 1)
    for number in range(5_000):
        yield ContinuationFrame(1, connection.block([(f"x-{number}", "a" * 1000)]))


def _empty_continuations(connection: Wire2) -> Iterable[Frame]:
    yield _open(connection, 1)
    yield from [ContinuationFrame(1)] * 50_000


def _rapid_resets(connection: Wire2) -> Iterable[Frame]:
    for number in range(20_000):
        yield _open(connection, 2 * number + 1, "END_HEADERS")
        yield RstStreamFrame(2 * number + 1, 8)


def _empty_data(connection: Wire2) -> Iterable[Frame]:
    yield _open(connection, 1, "END_HEADERS")
    yield from [DataFrame(1)] * 50_000


def _pings(_: Wire2) -> Iterable[Frame]:
    yield from [PingFrame(0, b"12345678")] * 200_000


def _settings(_: Wire2) -> Iterable[Frame]:
    yield from [SettingsFrame(0)] * 200_000


def _priorities(_: Wire2) -> Iterable[Frame]:
    yield from [PriorityFrame(1, depends_on=0, stream_weight=1)] * 200_000


def _windows(_: Wire2) -> Iterable[Frame]:
    yield from [WindowUpdateFrame(0, window_increment=1)] * 200_000


def _hpack_bomb(connection: Wire2) -> Iterable[Frame]:
    # One byte on the wire stands for four thousand in memory.
    block = connection.block(fields2(CHAT, "POST", ("x-bomb", "a" * 3900)))
    reference = connection.block([("x-bomb", "a" * 3900)])
    yield HeadersFrame(1, block + reference * 8_000, flags=["END_HEADERS", "END_STREAM"])


def _big_headers(connection: Wire2) -> Iterable[Frame]:
    block = connection.block(fields2(CHAT, "POST", *((f"x-{number}", "a" * 1000) for number in range(80))))
    first, *rest = (block[index : index + 16_000] for index in range(0, len(block), 16_000))
    yield HeadersFrame(1, first, flags=["END_STREAM"])
    yield from (ContinuationFrame(1, piece) for piece in rest)
    yield ContinuationFrame(1, b"", flags=["END_HEADERS"])


FLOODS: tuple[Callable[[Wire2], Iterable[Frame]], ...] = (
    *(_continuations, _empty_continuations, _rapid_resets, _empty_data),
    *(_pings, _settings, _priorities, _windows),
)
BOMBS: tuple[Callable[[Wire2], Iterable[Frame]], ...] = (_hpack_bomb, _big_headers)


async def _send_all(connection: Wire2, frames: Iterable[Frame]) -> None:
    batch = b""
    for frame in frames:
        batch += frame.serialize()
        if len(batch) > 64 * 1024:
            if connection.is_closed:
                return
            await connection.send(batch)
            batch = b""
    await connection.send(batch)


@pytest.mark.parametrize("flood", FLOODS)
async def test_a_flood_ends_its_connection_and_a_good_client_is_served(
    rig: Rig, flood: Callable[[Wire2], Iterable[Frame]]
) -> None:
    before = rig.envoy_bytes()
    async with nothing_reaches_a_provider(rig), wire2(rig) as connection:
        await _send_all(connection, flood(connection))
        await connection.ended()
        assert rig.envoy_bytes() - before < 32 * MIB
    wait_until(lambda: rig.envoy_bytes() - before < 4 * MIB, "Envoy's memory to be free again")


@pytest.mark.parametrize("bomb", BOMBS)
async def test_headers_that_grow_beyond_the_limit_are_refused(
    rig: Rig, bomb: Callable[[Wire2], Iterable[Frame]]
) -> None:
    before = rig.envoy_bytes()
    async with nothing_reaches_a_provider(rig), wire2(rig) as connection:
        await _send_all(connection, bomb(connection))
        assert await connection.answer(1) == CLOSED
        assert rig.envoy_bytes() - before < 4 * MIB


async def test_floods_at_once_leave_a_good_client_its_answers(rig: Rig) -> None:
    async def attack(flood: Callable[[Wire2], Iterable[Frame]]) -> None:
        async with wire2(rig) as connection:
            await _send_all(connection, flood(connection))
            await connection.ended()

    async with rig.client(http1=False, http2=True) as client, asyncio.TaskGroup() as group:
        attacks = [group.create_task(attack(flood)) for flood in FLOODS]
        while not all(task.done() for task in attacks):
            assert (await client.post(CHAT, json=chat())).status_code == 200
    rig.check_alive()


async def test_more_streams_than_allowed_at_once_are_refused_one_by_one(rig: Rig) -> None:
    async with nothing_reaches_a_provider(rig), wire2(rig) as connection:
        await connection.send(*(_open(connection, 2 * number + 1, "END_HEADERS") for number in range(300)))
        last = await connection.answer(2 * 299 + 1)
    assert last == CLOSED
