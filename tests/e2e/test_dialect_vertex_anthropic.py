"""Claude on Vertex AI behind the real Envoy, with the openai SDK, and failover between it and Gemini."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import AsyncOpenAI

from tests.e2e.provider import Script, Turn
from tests.e2e.rig import TIMEOUTS, Rig, chat, error_code, make_rig
from tests.e2e.rig_values import PROVIDER_KEY, TOKEN
from tests.unit.dialects.anthropic_goldens import PLAIN, STREAMED, stream_of
from tests.vertex_goldens import GOLDENS as GEMINI

MODEL = "claude-x@20260801"
PLACE = "/v1/projects/acme-prod/locations/europe-west4/publishers"
CONVERSATION, TOOLS = PLAIN["conversation"], STREAMED["streamed_tools"]


def changes(vertex_port: int, other_port: int) -> dict[str, Any]:
    def deployment(name: str, dialect: str, port: int, model: str, key: str) -> dict[str, Any]:
        return {
            "name": name,
            "dialect": dialect,
            "base_url": f"http://127.0.0.1:{port}/v1",
            "options": {"project": "acme-prod", "location": "europe-west4"},
            "upstream_model": model,
            "credential": {"path": f"providers/{key}", "field": "api_key"},
            "timeouts": dict(TIMEOUTS),
        }

    return {
        "deployments": [
            deployment("claude", "vertex-anthropic", vertex_port, MODEL, "main"),
            deployment("gemini", "vertex", other_port, "gemini-2.5-flash", "other"),
        ],
        "models": [
            {"name": "chat", "deployments": ["claude"]},
            {"name": "claude-first", "deployments": ["claude", "gemini"]},
            {"name": "gemini-first", "deployments": ["gemini", "claude"]},
        ],
    }


@pytest.fixture(scope="module")
def vertex() -> Iterator[Rig]:
    yield from make_rig(changes)


@pytest.fixture(autouse=True)
def _both_answer(vertex: Rig) -> None:
    vertex.provider.requests.clear()
    vertex.other.requests.clear()
    vertex.provider.scripts["answer"] = plain(CONVERSATION["answer"])
    vertex.other.scripts["answer"] = plain(GEMINI["text"]["response"])


def plain(answer: object, status: int = 200) -> Script:
    async def play(turn: Turn) -> None:
        await turn.plain(json.dumps(answer).encode(), status)

    return play


def streamed(events: list[dict[str, Any]]) -> Script:
    async def play(turn: Turn) -> None:
        await turn.open_stream()
        await turn.chunk(stream_of(events))
        await turn.end()

    return play


async def test_vertex_gets_anthropics_body_with_our_token_and_nothing_of_the_client(vertex: Rig) -> None:
    headers = {"cookie": "a=b", "anthropic-version": "theirs", "anthropic-beta": "theirs"}
    async with vertex.client(headers=headers) as client:
        response = await client.post("/v1/chat/completions", json=CONVERSATION["request"])
    answer = response.json()
    assert answer == {**CONVERSATION["canonical"], "created": answer["created"]}
    assert answer["created"] > 0
    (request,) = vertex.provider.requests
    assert request.line == f"POST {PLACE}/anthropic/models/{MODEL}:rawPredict HTTP/1.1"
    sent = {name: value for name, value in CONVERSATION["sent"].items() if name != "model"}
    assert request.json == {"anthropic_version": "vertex-2023-10-16", **sent}
    assert dict(request.headers) == {
        "host": f"127.0.0.1:{vertex.provider.port}",
        "authorization": f"Bearer {PROVIDER_KEY}",
        "content-type": "application/json",
        "content-length": str(len(request.body)),
        "user-agent": "extproc",
        "x-request-id": response.headers["x-request-id"],
    }


async def test_tools_stream_to_the_openai_sdk(vertex: Rig) -> None:
    vertex.provider.scripts["answer"] = streamed(TOOLS["events"])
    names: list[str] = []
    finish: list[str] = []
    async with AsyncOpenAI(base_url=f"{vertex.url}/v1", api_key=TOKEN, max_retries=0) as client:
        async for chunk in await client.chat.completions.create(**{**TOOLS["request"], "stream": True}):
            for choice in chunk.choices:
                names += [call.function.name for call in choice.delta.tool_calls or [] if call.function.name]
                finish += [choice.finish_reason] if choice.finish_reason else []
    blocks = [event["content_block"] for event in TOOLS["events"] if event["type"] == "content_block_start"]
    assert names == [block["name"] for block in blocks if block["type"] == "tool_use"]
    assert finish == ["tool_calls"]
    assert vertex.provider.requests[0].line == f"POST {PLACE}/anthropic/models/{MODEL}:streamRawPredict HTTP/1.1"


async def test_a_mistake_is_told_in_openais_form(vertex: Rig) -> None:
    error = {"type": "invalid_request_error", "message": "messages.0: is too long"}
    vertex.provider.scripts["answer"] = plain({"type": "error", "error": error}, 400)
    async with vertex.client() as client:
        response = await client.post("/v1/chat/completions", json=chat())
    assert (response.status_code, error_code(response)) == (400, "invalid_request")
    assert response.json()["error"]["message"] == "messages.0: is too long"


async def test_gemini_answers_where_claude_fails_with_its_own_body_and_token(vertex: Rig) -> None:
    vertex.provider.scripts["answer"] = plain({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}, 429)
    async with vertex.client() as client:
        response = await client.post("/v1/chat/completions", json=chat(model="claude-first"))
    assert response.json() == GEMINI["text"]["answer"]
    (request,) = vertex.other.requests
    assert request.line == f"POST {PLACE}/google/models/gemini-2.5-flash:generateContent HTTP/1.1"
    assert request.json == {"contents": [{"role": "user", "parts": [{"text": "Say hello"}]}]}
    assert request.header("authorization") == "Bearer sk-other-provider"


async def test_claude_answers_where_gemini_fails_before_its_first_word(vertex: Rig) -> None:
    async def fail(turn: Turn) -> None:
        await turn.open_stream()
        await turn.event({"error": {"code": 503, "status": "UNAVAILABLE"}})
        await turn.end()

    vertex.other.scripts["answer"] = fail
    vertex.provider.scripts["answer"] = streamed(TOOLS["events"])
    async with vertex.client() as client:
        response = await client.post("/v1/chat/completions", json=chat(model="gemini-first", stream=True))
    assert response.status_code == 200, response.text
    assert response.text.endswith("data: [DONE]\n\n")
    (request,) = vertex.provider.requests
    assert request.header("authorization") == f"Bearer {PROVIDER_KEY}"
    assert request.json["messages"]
    assert request.header("content-length") == str(len(request.body))
