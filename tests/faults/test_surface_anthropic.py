"""What goes wrong reaches Anthropic's client as an exception of its SDK: never as a clean, short message."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anthropic
import httpx
import httpx2
import pytest
from anthropic import AsyncAnthropic

from tests.e2e.every_dialect import MODELS, deployments, speak
from tests.e2e.provider import Turn, word
from tests.e2e.raw import ask as ask_raw
from tests.e2e.raw import http1
from tests.e2e.rig import TIMEOUTS, Rig, error_code, make_rig
from tests.e2e.rig_values import FAULTS, TOKEN
from tests.unit.dialects.anthropic_goldens import stream_of

ASK: Any = [{"role": "user", "content": "hi"}]
MIB = 1024 * 1024


def _changes(port: int, other: int) -> dict[str, Any]:
    usual = deployments(port, other)

    def dead(name: str, dialect: str) -> dict[str, Any]:
        credential = {"path": "providers/main", "field": "api_key"}
        named = {"name": name, "dialect": dialect, "upstream_model": "m", "credential": credential}
        return {**named, "base_url": "http://127.0.0.1:1/v1", "timeouts": dict(TIMEOUTS)}

    gone = [dead("dead-gpt", "openai"), dead("dead-claude", "anthropic")]
    names = [{"name": each["name"], "deployments": [each["name"]]} for each in gone]
    both = {"name": "dead-both", "deployments": ["dead-claude", "dead-gpt"]}
    faults = [{"name": f"fault-{fault}", "deployments": ["openai"]} for fault in ("return-late", "raise-late")]
    return {
        "deployments": [*usual["deployments"], *gone],
        "models": [*usual["models"], *names, both, *faults],
    }


@pytest.fixture(scope="module")
def every() -> Iterator[Rig]:
    yield from make_rig(changes=_changes)


@pytest.fixture(autouse=True)
def _all_answer(every: Rig) -> None:
    every.provider.scripts["answer"] = speak


@pytest.fixture
async def claude(every: Rig) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(base_url=every.url, api_key=TOKEN, max_retries=0) as client:
        yield client


def told(response: httpx.Response) -> tuple[int, str, str]:
    """Status, Anthropic's type and our code of an error; fails on any other shape."""
    assert response.headers["content-type"].startswith("application/json"), response.text
    body = response.json()
    assert (body["type"], set(body)) == ("error", {"type", "error", "request_id"})
    return response.status_code, body["error"]["type"], body["error"]["code"]


async def post(rig: Rig, path: str = "/v1/messages", **options: Any) -> httpx.Response:
    async with rig.client() as client:
        return await client.request(options.pop("method", "POST"), path, **options)


def asking(model: str, **fields: Any) -> dict[str, Any]:
    return {"model": model, "max_tokens": 9, "messages": ASK, **fields}


async def begun(claude: AsyncAnthropic, model: str, seen: threading.Event | None = None) -> str:
    """The text that a stream gave before it failed; fails if it ended as a whole message does."""
    text = ""
    async with claude.messages.stream(model=model, max_tokens=9, messages=ASK) as stream:
        async for event in stream:
            assert event.type != "message_stop"
            if event.type == "text":
                text += event.text
                if seen is not None:
                    seen.set()
    raise AssertionError(f"a broken stream ended as if it were whole: {text!r}")


def failing_late(dialect: str, how: str, seen: threading.Event) -> Any:
    """A provider that says a word and, once the client has it, fails."""
    start = [
        {"type": "message_start", "message": {"id": "msg_1", "model": "c", "usage": {"input_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Once"}},
    ]
    error: dict[str, Any] = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}

    async def play(turn: Turn) -> None:
        await turn.open_stream()
        await turn.chunk(stream_of(start)) if dialect == "anthropic" else await turn.event(word("Once"))
        await turn.until(seen)
        match how:
            case "error":
                await turn.chunk(stream_of([error])) if dialect == "anthropic" else await turn.event(error)
                await turn.end()
            case "garbage":
                await turn.event(b"{")
                await turn.end()
            case "end":
                await turn.end()
            case _:
                turn.reset()

    return play


@pytest.mark.parametrize("how", ["error", "garbage", "end", "reset"])
@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
async def test_a_stream_that_fails_after_its_first_byte_raises_and_is_never_a_short_message(
    every: Rig, claude: AsyncAnthropic, dialect: str, how: str
) -> None:
    seen = threading.Event()
    every.provider.scripts["answer"] = failing_late(dialect, how, seen)
    with pytest.raises(anthropic.APIStatusError if how != "reset" else httpx2.RemoteProtocolError) as caught:
        await asyncio.wait_for(begun(claude, dialect, seen), 20)
    assert seen.is_set()
    if how != "reset":
        assert isinstance(caught.value, anthropic.APIStatusError)
        body: Any = caught.value.body
        assert (body["type"], body["error"]["type"]) == ("error", "api_error")
        assert body["request_id"]
        assert "Overloaded" not in str(body)


@pytest.mark.parametrize("how", ["error", "garbage", "end", "reset"])
async def test_a_stream_that_fails_before_its_first_byte_fails_over(
    every: Rig, claude: AsyncAnthropic, how: str
) -> None:
    async def first_fails(turn: Turn) -> None:
        if "/chat/completions" in turn.request.line:
            await speak(turn)
            return
        await turn.open_stream()
        if how == "error":
            await turn.chunk(stream_of([{"type": "error", "error": {"type": "overloaded_error", "message": "x"}}]))
        elif how == "garbage":
            await turn.event(b"{")
        if how == "reset":
            turn.reset()
        else:
            await turn.end()

    every.provider.scripts["answer"] = first_fails
    async with claude.messages.stream(model="claude-then-gpt", max_tokens=9, messages=ASK) as stream:
        message = await stream.get_final_message()
    assert message.content[0].model_dump(exclude_none=True) == {"type": "text", "text": "Hello, you."}


@pytest.mark.parametrize("fault", ["return-late", "raise-late"])
async def test_a_delivery_that_fails_in_a_stream_breaks_it_visibly(
    every: Rig, claude: AsyncAnthropic, fault: str
) -> None:
    async def slow(turn: Turn) -> None:
        await turn.open_stream()
        for _ in range(200):
            await turn.event(word("x" * 100))
        await turn.until_gone()

    every.provider.scripts["answer"] = slow
    with pytest.raises(httpx2.RemoteProtocolError):
        await asyncio.wait_for(begun(claude, f"fault-{fault}"), 20)


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_admission_that_fails_is_told_in_the_clients_dialect(every: Rig, fault: str) -> None:
    response = await post(every, json=asking("openai"), headers={"x-test-fault": fault})
    assert told(response)[1:] == ("overloaded_error", "gateway_unavailable")
    assert response.headers["request-id"] == response.headers["x-request-id"]
    theirs = await post(every, "/v1/chat/completions", json=asking("openai"), headers={"x-test-fault": fault})
    assert error_code(theirs) == "gateway_unavailable"
    asking_for_models = {"x-test-fault": fault, "anthropic-version": "2023-06-01"}
    listed = await post(every, "/v1/models", method="GET", headers=asking_for_models)
    assert told(listed)[2] == "gateway_unavailable"


@pytest.mark.parametrize("model", ["dead-gpt", "dead-claude", "dead-both"])
async def test_when_nobody_can_be_reached_each_client_hears_it_in_its_own_dialect(every: Rig, model: str) -> None:
    """The last attempt has changed the path by then: to one of the other surface, for two of these three."""
    response = await post(every, json=asking(model))
    assert told(response) == (503, "overloaded_error", "upstream_unavailable")
    theirs = await post(every, "/v1/chat/completions", json=asking(model))
    assert (theirs.status_code, error_code(theirs)) == (503, "upstream_unavailable")


@pytest.mark.parametrize("model", MODELS)
async def test_a_provider_that_hangs_is_a_time_out(every: Rig, model: str) -> None:
    async def hang(turn: Turn) -> None:
        await turn.until_gone()

    every.provider.scripts["answer"] = hang
    response = await post(every, json=asking(model, stream=True))
    assert told(response) == (504, "timeout_error", "upstream_timeout")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/v1/messages", (405, "invalid_request_error", "method_not_allowed")),
        ("POST", "/v1/messages/batches", (404, "not_found_error", "unknown_path")),
        ("POST", "/v1/messages/count_tokens/x", (404, "not_found_error", "unknown_path")),
    ],
)
async def test_what_is_not_there_is_told_in_anthropics_shape(
    every: Rig, method: str, path: str, expected: tuple[int, str, str]
) -> None:
    assert told(await post(every, path, method=method)) == expected


MESSAGES = "/v1/messages"
CHUNK = b"10000\r\n" + b" " * 65536 + b"\r\n"
RAW = {
    "too large": (http1("POST", MESSAGES, f"content-length: {2 * MIB}", body=b""), 413, "request_too_large"),
    "too large in chunks": (
        http1("POST", MESSAGES, "transfer-encoding: chunked", body=CHUNK * 20 + b"0\r\n\r\n"),
        413,
        "request_too_large",
    ),
    "too slow": (http1("POST", MESSAGES, "content-length: 100", body=b"{"), 408, "request_timeout"),
}


@pytest.mark.parametrize("name", RAW)
async def test_what_envoy_refuses_by_itself_is_in_anthropics_shape(every: Rig, name: str) -> None:
    data, status, code = RAW[name]
    answer = await ask_raw(every, data)
    body = json.loads(answer.body)
    assert (answer.status, body["type"], body["error"]["code"]) == (status, "error", code)
    assert body["error"]["type"] == {413: "request_too_large", 408: "timeout_error"}[status]


async def test_the_sdk_has_an_exception_for_each(every: Rig, claude: AsyncAnthropic) -> None:
    long: Any = [{"role": "user", "content": "x" * 2 * MIB}]
    with pytest.raises(anthropic.ContentTooLargeError):
        await claude.messages.create(model="openai", max_tokens=9, messages=long)
    with pytest.raises(anthropic.ServiceUnavailableError):
        await claude.messages.create(model="dead-gpt", max_tokens=9, messages=ASK)
    with pytest.raises(anthropic.NotFoundError):
        await claude.messages.create(model="nosuch", max_tokens=9, messages=ASK)
    async with AsyncAnthropic(base_url=every.url, api_key="x", max_retries=0) as stranger:
        with pytest.raises(anthropic.AuthenticationError):
            await stranger.messages.create(model="openai", max_tokens=9, messages=ASK)
