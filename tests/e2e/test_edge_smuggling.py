"""Bytes that two HTTP parsers read as different requests make none, or exactly one of ours. Threat A07.

Every case hides a whole, good chat request where only the other reading would find it; no provider may ever get it.
"""

import asyncio
import json
import uuid

import pytest

from tests.e2e.raw import CHAT, all_answers, http1, nothing_reaches_a_provider, wire
from tests.e2e.rig import Rig, chat

pytestmark = pytest.mark.usefixtures("no_secret_is_written")

JSON_TYPE = "content-type: application/json"
BODY = json.dumps(chat()).encode()
HIDDEN = http1("POST", CHAT, body=json.dumps(chat("hidden")).encode())


def _chunked(body: bytes) -> bytes:
    return f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"


REFUSED = {
    "length and chunked, length is shorter": http1(
        "POST", CHAT, "content-length: 4", "transfer-encoding: chunked", body=_chunked(BODY) + HIDDEN
    ),
    "chunked and length, chunks are shorter": http1(
        "POST",
        CHAT,
        "transfer-encoding: chunked",
        f"content-length: {len(_chunked(BODY) + HIDDEN)}",
        body=_chunked(BODY) + HIDDEN,
    ),
    "two lengths": http1("POST", CHAT, f"content-length: {len(BODY)}", "content-length: 0", body=BODY + HIDDEN),
    "the same length twice": http1(
        "POST", CHAT, f"content-length: {len(BODY)}", f"content-length: {len(BODY)}", body=BODY + HIDDEN
    ),
    "a list of lengths": http1("POST", CHAT, f"content-length: {len(BODY)}, {len(BODY)}", body=BODY + HIDDEN),
    "a signed length": http1("POST", CHAT, f"content-length: +{len(BODY)}", body=BODY + HIDDEN),
    "a negative length": http1("POST", CHAT, "content-length: -1", body=BODY + HIDDEN),
    "a hexadecimal length": http1("POST", CHAT, f"content-length: {len(BODY):#x}", body=BODY + HIDDEN),
    "an exponent": http1("POST", CHAT, "content-length: 1e1", body=BODY + HIDDEN),
    "a length beyond 64 bits": http1("POST", CHAT, f"content-length: {2**64 + len(BODY)}", body=BODY + HIDDEN),
    "an empty length": http1("POST", CHAT, "content-length:", body=BODY + HIDDEN),
    "a space before the colon of the length": http1(
        "POST", CHAT, f"content-length : {len(BODY)}", "x-a: b", body=BODY + HIDDEN
    ),
    "a space before the colon of the encoding": http1(
        "POST", CHAT, "transfer-encoding : chunked", body=_chunked(BODY) + HIDDEN
    ),
    "a line without a colon": http1("POST", CHAT, "x-a", body=BODY + HIDDEN),
    "a name with a bracket": http1("POST", CHAT, "x(a): b", body=BODY + HIDDEN),
    "an empty name": http1("POST", CHAT, ": b", body=BODY + HIDDEN),
    "a NUL in a value": http1("POST", CHAT, "x-a: b\0c", body=BODY + HIDDEN),
    "a continuation before any header": http1("POST", CHAT, host=None).replace(b"\r\n", b"\r\n host: x\r\n", 1)
    + HIDDEN,
    "a negative chunk": http1("POST", CHAT, "transfer-encoding: chunked", body=b"-1\r\n" + BODY + HIDDEN),
    "a chunk beyond 64 bits": http1(
        "POST", CHAT, "transfer-encoding: chunked", body=b"1" + b"0" * 16 + b"\r\n" + BODY + HIDDEN
    ),
    "a chunk length with 0x": http1(
        "POST", CHAT, "transfer-encoding: chunked", body=b"0x5\r\nabcde\r\n0\r\n\r\n" + HIDDEN
    ),
    "chunks ended by bare LF": http1(
        "POST", CHAT, "transfer-encoding: chunked", body=_chunked(BODY).replace(b"\r\n", b"\n") + HIDDEN
    ),
    "a lone CR in a chunk extension": http1(
        "POST", CHAT, "transfer-encoding: chunked", body=b"5;a\r=b\r\nabcde\r\n0\r\n\r\n" + HIDDEN
    ),
}
ENCODINGS = ("xchunked", "chunked, chunked", "identity", "gzip, chunked", "chunked, gzip", "chunked;a=b", "chunked, ")
VERSIONS = ("HTTP/1.0", "HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/3.0")


async def _verdicts(rig: Rig, requests: dict[str, bytes]) -> dict[str, list[tuple[int, str]]]:
    # All at once: after a refusal Envoy keeps a connection for a second, so that the client can read the answer.
    async with nothing_reaches_a_provider(rig):
        answers = await asyncio.gather(*(all_answers(rig, request) for request in requests.values()))
    return {name: [answer.verdict for answer in each] for name, each in zip(requests, answers, strict=True)}


async def test_an_ambiguous_request_is_400_and_ends_the_connection(rig: Rig) -> None:
    assert await _verdicts(rig, REFUSED) == {name: [(400, "invalid_request")] for name in REFUSED}


async def test_an_encoding_that_is_not_exactly_chunked_is_501_and_ends_the_connection(rig: Rig) -> None:
    requests = {
        encoding: http1("POST", CHAT, f"transfer-encoding: {encoding}", body=_chunked(BODY) + HIDDEN)
        for encoding in ENCODINGS
    }
    assert await _verdicts(rig, requests) == {name: [(501, "invalid_request")] for name in ENCODINGS}


async def test_another_version_of_http_is_426_and_ends_the_connection(rig: Rig) -> None:
    requests = {
        version: http1("POST", CHAT, body=BODY).replace(b"HTTP/1.1", version.encode()) + HIDDEN for version in VERSIONS
    }
    assert await _verdicts(rig, requests) == {name: [(426, "invalid_request")] for name in VERSIONS}


ONE_REQUEST = {
    # Envoy takes these, by one reading, and writes the request anew: what matters is that there is one.
    "a folded header": http1("POST", CHAT, "x-a: b\r\n c", body=BODY),
    "a folded encoding": http1("POST", CHAT, "transfer-encoding:\r\n chunked", body=_chunked(BODY)),
    "a tab before the encoding": http1("POST", CHAT, "transfer-encoding: \tChunked", body=_chunked(BODY)),
    "a chunk extension": http1(
        "POST", CHAT, "transfer-encoding: chunked", body=_chunked(BODY).replace(b"\r\n", b";a=b\r\n", 1)
    ),
    "bytes behind a chunk that belong to none": http1(
        "POST", CHAT, "transfer-encoding: chunked", body=_chunked(BODY).replace(b"}\r\n0", b"} GET /\r\n0")
    ),
    "header lines ended by bare LF": http1("POST", CHAT, body=BODY).replace(b"\r\n", b"\n"),
    "a bare CR in a value": http1("POST", CHAT, "accept: a\rx-evil: b\r\r", body=BODY),
    "a body on GET": http1("GET", "/v1/models", f"content-length: {len(HIDDEN)}", body=HIDDEN),
    "an h2c upgrade": http1(
        "POST", CHAT, "connection: upgrade, http2-settings", "upgrade: h2c", "http2-settings: AAMAAABk", body=BODY
    ),
}


@pytest.mark.parametrize("name", ONE_REQUEST)
async def test_what_is_read_in_one_way_only_is_one_request_and_nothing_of_it_is_passed_on_raw(
    rig: Rig, name: str
) -> None:
    before = len(rig.provider.requests)
    first, second = await all_answers(rig, ONE_REQUEST[name])
    assert (first.status, second.status) == (200, 200)
    assert json.loads(second.body)["object"] == "list"
    for request in rig.provider.requests[before:]:
        assert request.json == chat() | {"model": "upstream-main"}
        assert request.line == f"POST {CHAT} HTTP/1.1"
        assert request.header("content-length") == str(len(request.body))
        assert request.header("transfer-encoding") is None
        assert not [header for header, value in request.headers if header.startswith("x-evil") or "\r" in value]
    assert len(rig.provider.requests) - before <= 1


async def test_a_websocket_upgrade_is_refused(rig: Rig) -> None:
    upgrade = http1("GET", "/v1/models", "connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13")
    async with nothing_reaches_a_provider(rig), wire(rig) as connection:
        await connection.send(upgrade)
        assert (await connection.answer()).verdict == (403, "invalid_request")


async def test_pipelined_requests_are_answered_one_by_one_in_their_order(rig: Rig) -> None:
    name = uuid.uuid4().hex
    two = [http1("POST", CHAT, body=json.dumps(chat(text, x_script=name)).encode()) for text in ("one", "two")]
    answers = await all_answers(rig, b"".join([two[0], http1("GET", "/nowhere"), two[1]]))
    assert [answer.verdict for answer in answers] == [(200, ""), (404, "unknown_path"), (200, ""), (200, "")]
    assert [request.json["messages"][0]["content"] for request in rig.provider.got(name)] == ["one", "two"]
