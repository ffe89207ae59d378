"""What a provider says through the real Envoy: what may not pass never does, and every byte that does was judged."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.every_dialect import MODELS, deployments, speak
from tests.e2e.provider import STOP, USAGE, Script, Turn, word
from tests.e2e.rig import Rig, chat, error_code, make_rig
from tests.e2e.rig_values import TOKEN
from tests.guard_world import CANARY
from tests.servers import wait_until

PROSE = "Nothing to see here, walk on by and have a nice day. "
OUTPUT = {
    "topics": {"action": "block", "options": {"substrings": [CANARY]}},
    "markers": {"action": "flag"},
    "urls": {"action": "flag"},
}
INPUT = {"topics": {"action": "flag", "options": {"words": ["rivals"]}}, "injection": {"action": "flag"}}
GUARD = {"default": "watched", "policies": [{"name": "watched", "input": INPUT, "output": OUTPUT}]}
ANTHROPIC = {"anthropic-version": "2023-06-01", "x-api-key": TOKEN}


def _changes(port: int, other: int) -> dict[str, Any]:
    return {**deployments(port, other), "guard": GUARD}


@pytest.fixture(scope="module")
def watched() -> Iterator[Rig]:
    yield from make_rig(changes=_changes)


def delta(lane: str, text: str) -> dict[str, Any]:
    """A chunk that says this in one of the places where a model can say something."""
    said: dict[str, Any] = {lane: text}
    if lane == "arguments":
        said = {"tool_calls": [{"index": 0, "function": {"arguments": text}}]}
    elif lane == "logprobs":
        said = {"content": ""}
    value = word("")
    value["choices"][0]["delta"] = said
    if lane == "logprobs":
        value["choices"][0]["logprobs"] = {"content": [{"token": text, "logprob": -0.5, "bytes": list(text.encode())}]}
    return value


def opening(lane: str) -> list[dict[str, Any]]:
    if lane != "arguments":
        return []
    begun = word("")
    function = {"name": "note", "arguments": ""}
    begun["choices"][0]["delta"] = {"tool_calls": [{"index": 0, "id": "t1", "type": "function", "function": function}]}
    return [begun]


def events(lane: str, *pieces: str) -> list[bytes]:
    every = [*opening(lane), *(delta(lane, piece) for piece in pieces), STOP, USAGE]
    return [b"data: " + json.dumps(each).encode() + b"\n\n" for each in every] + [b"data: [DONE]\n\n"]


def plays(rig: Rig, *data: bytes) -> None:
    """Have the provider say this, each piece in a write of its own."""

    async def script(turn: Turn) -> None:
        await turn.open_stream()
        for each in data:
            if each:
                await turn.chunk(each)
        await turn.end()

    rig.provider.scripts["answer"] = script


def leaking(gate: threading.Event, gone: threading.Event) -> Script:
    """Says much that is harmless; once some of it has arrived, the canary; and would go on."""

    async def script(turn: Turn) -> None:
        await turn.open_stream()
        for each in events("content", *[PROSE] * 60)[:-3]:
            await turn.chunk(each)
        await turn.until(gate)
        try:
            for each in events("content", CANARY, *[PROSE] * 3)[:-3]:
                await turn.chunk(each)
            await turn.until_gone()
        except ConnectionError:
            # It was cut while there was more to be written.
            gone.set()
            raise
        gone.set()

    return script


async def hear(
    client: httpx.AsyncClient,
    surface: str,
    *,
    is_stream: bool = True,
    gate: threading.Event | None = None,
    **fields: Any,
) -> tuple[Any, bytes]:
    """The response and the bytes of its body, as far as they came; ``gate`` opens with the first of them."""
    body = chat(**{"model": "openai", "stream": is_stream, **fields})
    path = "/v1/chat/completions"
    if surface == "anthropic":
        path, body["max_tokens"] = "/v1/messages", 50
    got = bytearray()
    headers = ANTHROPIC if surface == "anthropic" else {}
    if surface == "anthropic":
        client.headers.pop("authorization", None)
    async with client.stream("POST", path, json=body, headers=headers) as response:
        try:
            async for data in response.aiter_raw():
                got += data
                if gate is not None:
                    gate.set()
        except httpx.RemoteProtocolError:
            pass
    return response, bytes(got)


SPOKEN = {"content", "refusal", "reasoning_content", "arguments", "text", "thinking", "token", "partial_json"}


def said(data: bytes) -> str:
    """All that a stream says in its order, as a client that joins everything would have it."""
    lines = [line.removeprefix("data: ") for line in data.decode().splitlines() if line.startswith("data: {")]
    return "".join(text for line in lines for text in spoken(json.loads(line)))


def spoken(value: Any) -> Iterator[str]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        if isinstance(each, str) and name in SPOKEN:
            yield each
        else:
            yield from spoken(each)


def delivery(rig: Rig, response: httpx.Response) -> dict[str, Any]:
    """The record of an exchange's delivery; waits for it."""
    named = response.headers.get("x-request-id") or response.headers["request-id"]
    found: list[dict[str, Any]] = []

    def is_there() -> bool:
        found[:] = [each for each in rig.journal("delivery") if each["context"]["id"] == named]
        return bool(found)

    wait_until(is_there, f"the delivery of {named}")
    return found[-1]


LANES = ["content", "reasoning_content", "refusal", "arguments", "logprobs"]


@pytest.mark.parametrize("surface", ["openai", "anthropic"])
@pytest.mark.parametrize("lane", LANES)
async def test_a_canary_split_over_events_at_any_offset_is_never_delivered_whole(
    watched: Rig, lane: str, surface: str
) -> None:
    lead, tail = ('{"note": "' + PROSE * 2, '"}') if lane == "arguments" else (PROSE * 2, PROSE)
    async with watched.client() as client:
        for at in range(1, len(CANARY)):
            plays(watched, *events(lane, lead[:60], lead[60:], CANARY[:at], CANARY[at:], tail))
            response, data = await hear(client, surface)
            assert CANARY[:8] not in said(data)
            assert CANARY not in data.decode()
            if lane == "logprobs" and surface == "anthropic":
                # Such a client has no place for them, and is refused what nobody would have shown it.
                continue
            if response.status_code == 200:
                assert b"completion_blocked" in data
                assert b"[DONE]" not in data
                assert b"message_stop" not in data
            else:
                assert (response.status_code, b"completion_blocked" in data) == (400, True)


@pytest.mark.parametrize("surface", ["openai", "anthropic"])
async def test_a_canary_split_over_writes_at_any_byte_is_never_delivered_whole(watched: Rig, surface: str) -> None:
    escaped = "".join(f"\\u{ord(each):04x}" for each in CANARY)
    whole = json.dumps(delta("content", "@")).replace("@", "sch\\u00f6n " + escaped + " 你").encode()
    event = b"data: " + whole + b"\n\n"
    before, after = events("content", PROSE * 4)[:1], events("content", PROSE)
    async with watched.client() as client:
        for at in range(len(event)):
            plays(watched, *before, event[:at], event[at:], *after)
            _, data = await hear(client, surface)
            assert CANARY[:8] not in said(data)
            assert b"completion_blocked" in data


async def test_a_canary_in_one_of_several_choices_is_never_delivered_whole(watched: Rig) -> None:
    async with watched.client() as client:
        for at in range(1, len(CANARY), 3):
            pieces: list[bytes] = []
            for piece in (PROSE * 3, CANARY[:at], CANARY[at:], PROSE * 3):
                for choice in range(3):
                    value = word(piece if choice == 2 else PROSE)
                    value["choices"][0]["index"] = choice
                    pieces.append(b"data: " + json.dumps(value).encode() + b"\n\n")
            plays(watched, *pieces, b"data: [DONE]\n\n")
            _, data = await hear(client, "openai", n=3)
            assert CANARY[:8] not in said(data)
            assert b"completion_blocked" in data


@pytest.mark.parametrize("surface", ["openai", "anthropic"])
@pytest.mark.parametrize("is_stream", [True, False])
async def test_the_bytes_at_the_clients_socket_are_those_that_were_judged(
    watched: Rig, surface: str, *, is_stream: bool
) -> None:
    watched.provider.scripts["answer"] = speak
    async with watched.client() as client:
        for _ in range(3):
            response, data = await hear(client, surface, is_stream=is_stream)
            assert response.status_code == 200
            record = delivery(watched, response)
            assert (record["judged_bytes"], record["is_complete"]) == (len(data), True)
            assert [verdict["result"] for verdict in record["verdicts"]] == ["clean"] * len(OUTPUT)
        if is_stream:
            gate = threading.Event()
            watched.provider.scripts["answer"] = leaking(gate, threading.Event())
            response, data = await hear(client, surface, gate=gate)
            record = delivery(watched, response)
            assert (record["judged_bytes"], record["failure"]) == (len(data), "completion_blocked")


@pytest.mark.parametrize("surface", ["openai", "anthropic"])
async def test_a_block_in_mid_stream_is_an_event_a_break_and_the_providers_end(watched: Rig, surface: str) -> None:
    gate, gone = threading.Event(), threading.Event()
    watched.provider.scripts["answer"] = leaking(gate, gone)
    async with watched.client() as client:
        response, data = await hear(client, surface, gate=gate)
    assert response.status_code == 200
    assert PROSE in said(data)
    last = data.rstrip(b"\n").rpartition(b"\n\n")[2]
    error = json.loads(last.rpartition(b"data: ")[2])["error"]
    assert (error["code"], last.startswith(b"event: error")) == ("completion_blocked", surface == "anthropic")
    wait_until(gone.is_set, "the provider to see it end")
    record = delivery(watched, response)
    assert not record["is_complete"]
    assert record["answer_bytes"] >= len(PROSE) * 60 + len(CANARY)
    assert {verdict["scanner"]: verdict["result"] for verdict in record["verdicts"]}["topics"] == "blocked"


@pytest.mark.parametrize("surface", ["openai", "anthropic"])
async def test_a_blocked_plain_answer_is_a_reply_and_is_metered(watched: Rig, surface: str) -> None:
    message = {"role": "assistant", "content": PROSE + CANARY}
    usage = {"prompt_tokens": 3, "completion_tokens": 20, "total_tokens": 23}
    answer = {"id": "c1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}

    async def script(turn: Turn) -> None:
        await turn.plain(json.dumps(answer).encode())

    watched.provider.scripts["answer"] = script
    async with watched.client() as client:
        response, data = await hear(client, surface, is_stream=False)
    assert response.status_code == 400
    assert json.loads(data)["error"]["code"] == "completion_blocked"
    record = delivery(watched, response)
    assert (record["usage"]["output_tokens"], record["failure"]) == (20, "completion_blocked")


async def test_a_short_blocked_stream_is_a_reply(watched: Rig) -> None:
    plays(watched, *events("content", CANARY))
    async with watched.client() as client:
        response = await client.post("/v1/chat/completions", json=chat(model="openai", stream=True))
    assert (response.status_code, error_code(response)) == (400, "completion_blocked")


async def test_what_is_held_is_released_when_the_provider_pauses_at_its_end(watched: Rig) -> None:
    plays(watched, *events("content", "Yes."))
    async with watched.client() as client:
        response, data = await hear(client, "openai")
    assert (response.status_code, said(data)) == (200, "Yes.")


MATRIX = [
    (dialect, surface, is_stream)
    for dialect in MODELS
    for surface in ("openai", "anthropic")
    for is_stream in (False, True)
]


def once(verdicts: list[dict[str, Any]], checks: dict[str, Any]) -> None:
    assert sorted(verdict["scanner"] for verdict in verdicts) == sorted(checks)
    assert {verdict["result"] for verdict in verdicts} <= {"clean", "flagged", "redacted"}


@pytest.mark.parametrize(("dialect", "surface", "is_stream"), MATRIX)
async def test_every_enabled_check_runs_exactly_once_in_each_direction(
    watched: Rig, dialect: str, surface: str, *, is_stream: bool
) -> None:
    watched.provider.scripts["answer"] = speak
    async with watched.client() as client:
        response, data = await hear(client, surface, is_stream=is_stream, model=dialect)
    assert response.status_code == 200
    record = delivery(watched, response)
    once(record["verdicts"], OUTPUT)
    once(record["context"]["verdicts"], INPUT)
    assert {verdict["direction"] for verdict in record["verdicts"]} == {"output"}
    assert record["judged_bytes"] == len(data)


async def test_a_count_of_tokens_and_an_embedding_are_judged_too(watched: Rig) -> None:
    async with watched.client() as client:
        counted = await client.post(
            "/v1/messages/count_tokens",
            json={"model": "anthropic", "messages": [{"role": "user", "content": "hi"}]},
            headers={"anthropic-version": "2023-06-01"},
        )
    assert counted.status_code == 200, counted.text
    record = delivery(watched, counted)
    once(record["verdicts"], OUTPUT)
    once(record["context"]["verdicts"], INPUT)


async def test_the_head_of_an_answer_does_not_wait_for_text_that_is_held(watched: Rig) -> None:
    gate = threading.Event()

    async def script(turn: Turn) -> None:
        await turn.open_stream()
        first, *rest = events("content", "Yes", ", indeed.")
        await turn.chunk(first)
        await turn.until(gate)
        for each in rest:
            await turn.chunk(each)
        await turn.end()

    watched.provider.scripts["answer"] = script
    async with watched.client() as client:
        body = chat(model="openai", stream=True)
        async with client.stream("POST", "/v1/chat/completions", json=body) as response:
            # The provider waits for this: the head is here, and no text is.
            assert response.status_code == 200
            gate.set()
            assert said(await response.aread()) == "Yes, indeed."
