"""An Anthropic deployment behind the real Envoy: an OpenAI application that does not know it talks to Claude."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI

from tests.e2e import provider as openai_provider
from tests.e2e.provider import Request, Turn
from tests.e2e.rig import TIMEOUTS, Rig, chat, error_code, make_rig
from tests.e2e.rig_values import PROVIDER_KEY, TOKEN
from tests.unit.dialects.anthropic_goldens import CASES, stream_of

TOOLS: list[Any] = CASES["streamed_tools"]["request"]["tools"]
EVENTS: list[Any] = CASES["streamed_tools"]["events"]
LATE = {"late error": threading.Event(), "cut": threading.Event()}
"""What goes wrong once the client has the first words, and when."""
WORDS: dict[str, Any] = CASES["conversation"]
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_1"}


def _deployments(port: int, other_port: int) -> dict[str, Any]:
    def deployment(name: str, at: int, credential: str, **more: Any) -> dict[str, Any]:
        return {
            "name": name,
            "base_url": f"http://127.0.0.1:{at}/v1",
            "upstream_model": f"upstream-{name}",
            "credential": {"path": f"providers/{credential}"},
            "timeouts": dict(TIMEOUTS),
            **more,
        }

    return {
        "deployments": [
            deployment("claude", port, "main", dialect="anthropic", options={"max_tokens": "77"}),
            deployment("gpt", other_port, "other"),
        ],
        "models": [
            {"name": "chat", "deployments": ["claude"]},
            {"name": "claude-first", "deployments": ["claude", "gpt"]},
            {"name": "gpt-first", "deployments": ["gpt", "claude"]},
        ],
    }


async def claude(turn: Turn) -> None:
    """What Anthropic does: the golden files' answers, by what is asked."""
    asked = turn.request.json
    text = asked["messages"][-1]["content"][-1].get("text", "")
    if text == "overloaded":
        await turn.plain(json.dumps(OVERLOADED).encode(), 529)
    elif text in LATE:
        await turn.open_stream()
        await turn.chunk(stream_of(EVENTS[:5]))
        await turn.until(LATE[text])
        await turn.chunk(stream_of([*EVENTS[5:-1], *([OVERLOADED] if text == "late error" else [])]))
        await turn.end()
    elif text == "early error":
        await turn.open_stream()
        await turn.chunk(stream_of([*EVENTS[:3], OVERLOADED]))
        await turn.end()
    elif text == "too long":
        error = {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8 maximum"}
        await turn.plain(json.dumps({"type": "error", "error": error}).encode(), 400)
    elif asked.get("stream"):
        await turn.open_stream()
        data = stream_of(CASES["streamed_tools" if asked.get("tools") else "streamed_thinking"]["events"])
        for start in range(0, len(data), 100):
            await turn.chunk(data[start : start + 100])
        await turn.end()
    else:
        await turn.plain(
            json.dumps(CASES["parallel_tools" if asked.get("tools") else "conversation"]["answer"]).encode()
        )


async def broken_gpt(turn: Turn) -> None:
    if "fall over" in turn.request.body.decode():
        await turn.plain(b'{"error":{"message":"x"}}', 503)
    else:
        await openai_provider.answer(turn)


@pytest.fixture(scope="module")
def mixed() -> Iterator[Rig]:
    for rig in make_rig(changes=_deployments):
        rig.provider.scripts["answer"] = claude
        rig.other.scripts["answer"] = broken_gpt
        yield rig


def sdk(rig: Rig) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{rig.url}/v1", api_key=TOKEN, max_retries=0)


def asked(text: str) -> list[Any]:
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]


def last(rig: Rig, text: str) -> Request:
    return next(each for each in reversed(rig.provider.requests) if text.encode() in each.body)


async def test_the_openai_sdk_chats_with_claude(mixed: Rig) -> None:
    async with sdk(mixed) as openai:
        answer = await openai.chat.completions.create(model="chat", messages=asked("plain please"))
    assert answer.model_dump(exclude_unset=True) == {**WORDS["canonical"], "created": answer.created}
    assert answer.created > 0
    request = last(mixed, "plain please")
    assert request.line == "POST /v1/messages HTTP/1.1"
    assert request.json == {
        "model": "upstream-claude",
        "max_tokens": 77,
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "plain please"}]}],
    }
    headers = dict(request.headers)
    assert headers.pop("x-request-id")
    assert headers == {
        "host": f"127.0.0.1:{mixed.provider.port}",
        "x-api-key": PROVIDER_KEY,
        "anthropic-version": "2023-06-01",
        "content-type": "application/json",
        "content-length": str(len(request.body)),
        "user-agent": "extproc",
    }


async def test_tools_are_called_plain_and_streamed(mixed: Rig) -> None:
    async with sdk(mixed) as openai:
        answer = await openai.chat.completions.create(model="chat", messages=asked("tools please"), tools=TOOLS)
        assert answer.choices[0].finish_reason == "tool_calls"
        calls = answer.choices[0].message.tool_calls or []
        assert [json.loads(call.function.arguments)["city"] for call in calls if call.type == "function"] == [
            "Oslo",
            "Ulm",
        ]
        async with openai.chat.completions.stream(
            model="chat", messages=asked("streamed tools"), tools=TOOLS, stream_options={"include_usage": True}
        ) as stream:
            final = await stream.get_final_completion()
    calls = final.choices[0].message.tool_calls or []
    assert [(call.function.name, json.loads(call.function.arguments)) for call in calls if call.type == "function"] == [
        ("get_weather", {"location": "San Francisco, CA"}),
        ("now", {}),
    ]
    assert final.choices[0].message.content == "Okay, let's check:"
    assert final.usage is not None
    assert final.usage.total_tokens == 589
    assert final.usage.prompt_tokens_details is not None
    assert final.usage.prompt_tokens_details.cached_tokens == 28


async def test_a_streams_usage_is_hidden_and_journaled(mixed: Rig) -> None:
    async with mixed.client() as client:
        response = await client.post("/v1/chat/completions", json=chat("think", stream=True))
    assert response.headers["content-type"].startswith("text/event-stream")
    assert "usage" not in response.text
    assert response.text.endswith("data: [DONE]\n\n")
    assert '"reasoning_content":"Euclid' in response.text
    mixed.exchange(response.headers["x-request-id"])
    record = [each for each in mixed.journal("delivery") if each["context"]["id"] == response.headers["x-request-id"]]
    usage = record[-1]["usage"]
    assert (len(record), usage["input_tokens"], usage["output_tokens"]) == (1, 20, 40)


async def test_what_claude_cannot_do_is_refused_before_anything_is_sent(mixed: Rig) -> None:
    before = len(mixed.provider.requests)
    async with mixed.client() as client:
        response = await client.post("/v1/chat/completions", json=chat("hi", n=2))
    assert (response.status_code, error_code(response)) == (400, "invalid_request")
    assert response.json()["error"]["param"] == "n"
    assert len(mixed.provider.requests) == before


async def test_errors_are_openais(mixed: Rig) -> None:
    async with mixed.client() as client:
        long = await client.post("/v1/chat/completions", json=chat("too long"))
        overloaded = await client.post("/v1/chat/completions", json=chat("overloaded"))
    assert (long.status_code, error_code(long)) == (400, "context_length_exceeded")
    assert long.json()["error"]["message"] == "prompt is too long: 9 tokens > 8 maximum"
    assert (overloaded.status_code, error_code(overloaded)) == (502, "upstream_error")
    assert "req_1" not in overloaded.text


@pytest.mark.parametrize("text", LATE)
async def test_a_broken_stream_never_ends_well(mixed: Rig, text: str) -> None:
    received = b""
    with pytest.raises(httpx.RemoteProtocolError):  # noqa: PT012 - the pieces before it count
        async with (
            mixed.client() as client,
            client.stream("POST", "/v1/chat/completions", json=chat(text, stream=True)) as response,
        ):
            async for data in response.aiter_bytes():
                received += data
                if b"Okay" in received:
                    LATE[text].set()
    assert b"Okay" in received
    assert b"[DONE]" not in received
    assert b'"code":"upstream_' in received


@pytest.mark.parametrize("is_stream", [False, True])
async def test_claude_fails_over_to_gpt(mixed: Rig, is_stream: bool) -> None:
    text = "early error" if is_stream else "overloaded"
    async with mixed.client() as client:
        response = await client.post("/v1/chat/completions", json=chat(text, model="claude-first", stream=is_stream))
    assert response.status_code == 200
    assert "Hel" in response.text
    (request,) = [each for each in mixed.other.requests if text.encode() in each.body][-1:]
    assert request.line == "POST /v1/chat/completions HTTP/1.1"
    assert request.json["model"] == "upstream-gpt"
    assert request.header("authorization") == "Bearer sk-other-provider"
    assert request.header("x-api-key") is None
    assert request.header("anthropic-version") is None
    assert PROVIDER_KEY.encode() not in request.body


@pytest.mark.parametrize("is_stream", [False, True])
async def test_gpt_fails_over_to_claude(mixed: Rig, is_stream: bool) -> None:
    text = f"fall over {is_stream}"
    async with mixed.client() as client:
        response = await client.post("/v1/chat/completions", json=chat(text, model="gpt-first", stream=is_stream))
    assert response.status_code == 200
    assert ("It is 21." if is_stream else "Because it is so.") in response.text
    request = last(mixed, text)
    assert request.line == "POST /v1/messages HTTP/1.1"
    assert request.header("x-api-key") == PROVIDER_KEY
    assert request.header("authorization") is None
