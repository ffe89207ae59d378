"""Gemini behind the real Envoy: the openai SDK against a scripted Vertex AI, and failover between it and OpenAI."""

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI, BadRequestError

from tests.e2e.provider import ANSWER, Script, Turn
from tests.e2e.provider import answer as openai_answer
from tests.e2e.rig import TIMEOUTS, Rig, chat, error_code, make_rig
from tests.e2e.rig_values import PROVIDER_KEY, TOKEN
from tests.vertex_goldens import GOLDENS

MODEL = "gemini-2.5-flash"
PLACE = f"/v1/projects/acme-prod/locations/europe-west4/publishers/google/models/{MODEL}"


def changes(vertex_port: int, openai_port: int) -> dict[str, Any]:
    gemini = {
        "name": "gemini",
        "dialect": "vertex",
        "base_url": f"http://127.0.0.1:{vertex_port}/v1",
        "options": {"project": "acme-prod", "location": "europe-west4"},
        "upstream_model": MODEL,
        "credential": {"path": "providers/main", "field": "api_key"},
    }
    other = {
        "name": "other",
        "base_url": f"http://127.0.0.1:{openai_port}/v1",
        "upstream_model": "upstream-other",
        "credential": {"path": "providers/other", "field": "api_key"},
    }
    return {
        # A copy each: YAML would make the second an alias.
        "deployments": [{**each, "timeouts": dict(TIMEOUTS)} for each in (gemini, other)],
        "models": [
            {"name": "chat", "deployments": ["gemini"]},
            {"name": "gemini-first", "deployments": ["gemini", "other"]},
            {"name": "gemini-last", "deployments": ["other", "gemini"]},
        ],
    }


@pytest.fixture(scope="module")
def vertex() -> Iterator[Rig]:
    yield from make_rig(changes)


@pytest.fixture(autouse=True)
def _both_answer(vertex: Rig) -> None:
    vertex.provider.requests.clear()
    vertex.other.requests.clear()
    vertex.provider.scripts["answer"] = golden("text")
    vertex.other.scripts["answer"] = openai_answer


def golden(name: str) -> Script:
    """Answers as the golden file does, whole or event by event."""

    async def play(turn: Turn) -> None:
        case = GOLDENS[name]
        if "response" in case:
            await turn.plain(json.dumps(case["response"]).encode())
            return
        await turn.open_stream()
        for event in case["stream"]:
            await turn.event(event)
        await turn.end()

    return play


def failing(status: int) -> Script:
    async def fail(turn: Turn) -> None:
        error = {"code": status, "message": "Quota of projects/acme-prod.", "status": "RESOURCE_EXHAUSTED"}
        await turn.plain(json.dumps({"error": error}).encode(), status)

    return fail


def events(*values: object, is_whole: bool = True) -> Script:
    async def play(turn: Turn) -> None:
        await turn.open_stream()
        for value in values:
            await turn.event(value)
        if is_whole:
            await turn.end()
        else:
            turn.reset()

    return play


def sdk(rig: Rig) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{rig.url}/v1", api_key=TOKEN, max_retries=0)


async def test_the_openai_sdk_talks_to_gemini(vertex: Rig) -> None:
    async with sdk(vertex) as client:
        request = {name: value for name, value in GOLDENS["text"]["request"].items() if name != "x_null"}
        answer = await client.chat.completions.create(**request)
    assert answer.choices[0].message.content == "Hello."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 13


async def test_vertex_gets_the_golden_request_with_our_token_and_nothing_of_the_client(vertex: Rig) -> None:
    headers = {"cookie": "session=1", "x-goog-user-project": "theirs", "x-goog-api-key": "theirs"}
    async with vertex.client(headers=headers) as client:
        response = await client.post("/v1/chat/completions", json=GOLDENS["text"]["request"])
    assert response.json() == GOLDENS["text"]["answer"]
    (request,) = vertex.provider.requests
    assert request.line == f"POST {PLACE}:generateContent HTTP/1.1"
    assert request.json == GOLDENS["text"]["sent"]["body"]
    assert dict(request.headers) == {
        "host": f"127.0.0.1:{vertex.provider.port}",
        "authorization": f"Bearer {PROVIDER_KEY}",
        "content-type": "application/json",
        "content-length": str(len(request.body)),
        "user-agent": "extproc",
        "x-request-id": response.headers["x-request-id"],
    }


async def test_gemini_streams_to_the_openai_sdk(vertex: Rig) -> None:
    vertex.provider.scripts["answer"] = golden("stream_late_usage")
    async with sdk(vertex) as client:
        stream = await client.chat.completions.create(
            model="chat",
            messages=[{"role": "user", "content": "Hi"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Hello."
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 13
    assert vertex.provider.requests[0].line == f"POST {PLACE}:streamGenerateContent?alt=sse HTTP/1.1"


async def test_usage_is_shown_only_to_who_asked(vertex: Rig) -> None:
    vertex.provider.scripts["answer"] = golden("stream_text")
    async with vertex.client() as client:
        response = await client.post("/v1/chat/completions", json=chat(stream=True))
    assert response.headers["content-type"] == "text/event-stream"
    assert response.text.endswith("data: [DONE]\n\n")
    assert "usage" not in response.text


async def test_a_conversation_with_tools_comes_back_whole(vertex: Rig) -> None:
    """Calls come streamed, go back with their results and signatures, and Gemini pairs them."""
    vertex.provider.scripts["answer"] = golden("stream_tools")
    request = {**GOLDENS["stream_tools"]["request"]}
    del request["reasoning_effort"]
    calls: dict[int, Any] = {}
    async with sdk(vertex) as client:
        async for chunk in await client.chat.completions.create(**request):
            for call in chunk.choices[0].delta.tool_calls or []:
                calls[call.index] = call.model_dump(exclude_none=True, exclude={"index"})
        vertex.provider.scripts["answer"] = golden("text")
        results = [{"role": "tool", "tool_call_id": call["id"], "content": "snow"} for call in calls.values()]
        said = {"role": "assistant", "content": None, "tool_calls": list(calls.values())}
        request |= {"messages": [*request["messages"], said, *reversed(results)], "stream": False}
        answer = await client.chat.completions.create(**request)
    assert answer.choices[0].message.content == "Hello."
    model, results = vertex.provider.requests[1].json["contents"][1:]
    assert [part["functionCall"]["args"]["city"] for part in model["parts"]] == ["Oslo", "Rome"]
    assert [part.get("thoughtSignature") for part in model["parts"]] == ["c2ln", None]
    assert [part["functionResponse"]["name"] for part in results["parts"]] == ["get_weather", "get_weather"]


async def test_what_gemini_cannot_express_is_refused_before_anything_is_sent(vertex: Rig) -> None:
    async with sdk(vertex) as client:
        with pytest.raises(BadRequestError) as caught:
            await client.chat.completions.create(
                model="chat", messages=[{"role": "user", "content": "Hi"}], logit_bias={"7": 1}
            )
    assert caught.value.param == "logit_bias"
    assert vertex.provider.requests == []


async def test_a_mistake_is_told_in_openais_form(vertex: Rig) -> None:
    async def refuse(turn: Turn) -> None:
        error = {"code": 400, "message": "The value 9 is too large.", "status": "INVALID_ARGUMENT"}
        await turn.plain(json.dumps({"error": error}).encode(), 400)

    vertex.provider.scripts["answer"] = refuse
    async with vertex.client() as client:
        response = await client.post("/v1/chat/completions", json=chat())
    assert (response.status_code, error_code(response)) == (400, "invalid_request")
    assert response.json()["error"]["message"] == "The value 9 is too large."


@pytest.mark.parametrize(
    ("status", "code"), [(401, "upstream_rejected"), (403, "upstream_rejected"), (429, "upstream_rate_limited")]
)
async def test_an_error_is_told_without_googles_words(vertex: Rig, status: int, code: str) -> None:
    vertex.provider.scripts["answer"] = failing(status)
    async with vertex.client() as client:
        response = await client.post("/v1/chat/completions", json=chat())
    assert error_code(response) == code
    assert "projects" not in response.text


UNFIT = {
    "429": failing(429),
    "503": failing(503),
    "error event": events({"error": {"code": 503, "status": "UNAVAILABLE"}}),
    "a malformed call": events({"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}),
    "no finish reason": events({"usageMetadata": {"promptTokenCount": 3}}),
    "cut": events({"usageMetadata": {"promptTokenCount": 3}}, is_whole=False),
}


@pytest.mark.parametrize("how", UNFIT)
async def test_openai_answers_where_gemini_fails(vertex: Rig, how: str) -> None:
    vertex.provider.scripts["answer"] = UNFIT[how]
    async with vertex.client() as client:
        response = await client.post("/v1/chat/completions", json=chat(model="gemini-first", stream=True))
    assert response.status_code == 200, response.text
    assert response.text.endswith("data: [DONE]\n\n")
    assert '"content":"Hel"' in response.text.replace(": ", ":")
    (first,), (second,) = vertex.provider.requests, vertex.other.requests
    assert first.header("authorization") == f"Bearer {PROVIDER_KEY}"
    assert second.header("authorization") == "Bearer sk-other-provider"
    assert second.line == "POST /v1/chat/completions HTTP/1.1"
    assert second.json == chat(model="upstream-other", stream=True, stream_options={"include_usage": True})
    assert second.header("content-length") == str(len(second.body))


@pytest.mark.parametrize("status", [429, 503])
async def test_gemini_answers_where_openai_fails(vertex: Rig, status: int) -> None:
    vertex.other.scripts["answer"] = failing(status)
    async with vertex.client() as client:
        responses = [
            await client.post("/v1/chat/completions", json={**GOLDENS["text"]["request"], "model": "gemini-last"}),
            await client.post("/v1/chat/completions", json={**GOLDENS["text"]["request"], "model": "gemini-last"}),
        ]
    assert [response.json() for response in responses] == [GOLDENS["text"]["answer"]] * 2
    first, second = vertex.other.requests[0], vertex.provider.requests[0]
    assert first.header("authorization") == "Bearer sk-other-provider"
    assert second.line == f"POST {PLACE}:generateContent HTTP/1.1"
    assert second.json == GOLDENS["text"]["sent"]["body"]
    assert second.header("content-length") == str(len(second.body))
    assert {name for name, _ in second.headers} == {name for name, _ in first.headers}


@pytest.mark.parametrize("is_whole", [True, False])
async def test_a_stream_without_its_last_finish_reason_never_ends_cleanly(vertex: Rig, is_whole: bool) -> None:
    seen = threading.Event()

    async def play(turn: Turn) -> None:
        await turn.open_stream()
        await turn.event({"candidates": [{"content": {"parts": [{"text": "Hel"}]}}], "responseId": "r"})
        await turn.until(seen)
        if is_whole:
            await turn.end()
        else:
            turn.reset()

    vertex.provider.scripts["answer"] = play
    text = b""
    async with vertex.client() as client, asyncio.timeout(60):
        with pytest.raises(httpx.RemoteProtocolError):  # noqa: PT012 - it breaks while it is read
            async with client.stream("POST", "/v1/chat/completions", json=chat(stream=True)) as response:
                async for data in response.aiter_bytes():
                    text += data
                    seen.set()
    assert b"Hel" in text
    assert b"[DONE]" not in text


async def test_a_blocked_prompt_is_an_answer(vertex: Rig) -> None:
    vertex.provider.scripts["answer"] = golden("prompt_blocked")
    async with sdk(vertex) as client:
        answer = await client.chat.completions.create(model="chat", messages=[{"role": "user", "content": "Hi"}])
    assert answer.choices[0].finish_reason == "content_filter"
    assert answer.choices[0].message.refusal == "The provider blocked the prompt: PROHIBITED_CONTENT."


async def test_a_field_for_openai_alone_goes_to_openai_alone(vertex: Rig) -> None:
    async with vertex.client() as client:
        request = chat(model="gemini-first", logit_bias={"7": 1})
        response = await client.post("/v1/chat/completions", json=request)
    assert response.json() == ANSWER
    assert vertex.provider.requests == []
