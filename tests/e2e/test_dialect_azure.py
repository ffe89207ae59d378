"""An Azure OpenAI deployment behind the real Envoy: its path, its credential, its extras in answers and chunks."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from openai import AsyncOpenAI

from tests.e2e.provider import Turn
from tests.e2e.rig import TIMEOUTS, Rig, chat, error_code, make_rig
from tests.e2e.rig_values import PROVIDER_KEY, TOKEN
from tests.unit.dialects.test_azure import CASES, MISTAKE, events

PLAIN, STREAMED = CASES["answer_with_filter_results"]["answer"], CASES["stream_with_filter_results"]
TOO_LONG = {
    "message": "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
    "type": "invalid_request_error",
    "param": "messages",
    "code": "context_length_exceeded",
}
QUERY = "?api-version=2024-10-21"


def _deployments(port: int, other_port: int) -> dict[str, Any]:
    def deployment(name: str, at: int, auth: str, credential: str) -> dict[str, Any]:
        return {
            "name": name,
            "dialect": "azure",
            "base_url": f"http://127.0.0.1:{at}",
            "options": {"api_version": "2024-10-21", "auth": auth},
            "upstream_model": f"gpt/{name}",
            "operations": ["chat.completions", "embeddings"],
            "credential": {"path": f"providers/{credential}"},
            "timeouts": dict(TIMEOUTS),
        }

    return {
        "deployments": [
            deployment("europe", port, "api-key", "main"),
            deployment("asia", other_port, "entra", "other"),
        ],
        "models": [
            {"name": "chat", "deployments": ["europe"]},
            {"name": "pair", "deployments": ["europe", "asia"]},
        ],
    }


async def azure(turn: Turn) -> None:
    if "/embeddings" in turn.request.line:
        data = [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}]
        usage = {"prompt_tokens": 2, "total_tokens": 2}
        await turn.plain(json.dumps({"object": "list", "data": data, "model": "e", "usage": usage}).encode())
    elif turn.request.json.get("stream"):
        await turn.open_stream()
        await turn.chunk(events(STREAMED))
        await turn.end()
    else:
        await turn.plain(json.dumps(PLAIN).encode())


async def filtered(turn: Turn) -> None:
    await turn.plain(json.dumps(MISTAKE).encode(), 400)


async def busy(turn: Turn) -> None:
    await turn.plain(b'{"error":{"code":"429","message":"secret-resource is over its limit"}}', 429, "retry-after: 7")


async def too_long(turn: Turn) -> None:
    await turn.plain(json.dumps({"error": TOO_LONG}).encode(), 400)


@pytest.fixture(scope="module")
def mixed() -> Iterator[Rig]:
    for rig in make_rig(changes=_deployments):
        for provider in (rig.provider, rig.other):
            provider.scripts |= {"answer": azure, "filtered": filtered, "busy": busy, "long": too_long}
        rig.other.scripts |= {"busy": azure, "long": azure}
        yield rig


async def test_the_openai_sdk_chats_and_embeds(mixed: Rig) -> None:
    async with AsyncOpenAI(base_url=f"{mixed.url}/v1", api_key=TOKEN, max_retries=0) as openai:
        plain = await openai.chat.completions.create(model="chat", messages=[{"role": "user", "content": "hi"}])
        assert plain.model_dump(exclude_unset=True)["prompt_filter_results"] == PLAIN["prompt_filter_results"]
        stream = await openai.chat.completions.create(
            model="chat", messages=[{"role": "user", "content": "hi"}], stream=True
        )
        pieces = [chunk async for chunk in stream]
        assert "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices) == "Paris."
        assert all(piece.usage is None for piece in pieces)
        vectors = await openai.embeddings.create(model="chat", input="hi", encoding_format="float")
        assert vectors.data[0].embedding == [0.25, -0.5]
    chats, embeddings = mixed.provider.requests[-2:]
    assert chats.line == f"POST /openai/deployments/gpt%2Feurope/chat/completions{QUERY} HTTP/1.1"
    assert embeddings.line == f"POST /openai/deployments/gpt%2Feurope/embeddings{QUERY} HTTP/1.1"


async def test_the_provider_gets_its_key_in_azures_header_and_nothing_else(mixed: Rig) -> None:
    name = uuid.uuid4().hex
    mixed.provider.scripts[name] = azure
    async with mixed.client() as client:
        response = await client.post("/v1/chat/completions", json=chat(x_script=name))
    assert response.json() == PLAIN
    (request,) = mixed.provider.got(name)
    assert dict(request.headers) == {
        "host": f"127.0.0.1:{mixed.provider.port}",
        "api-key": PROVIDER_KEY,
        "content-type": "application/json",
        "content-length": str(len(request.body)),
        "user-agent": "extproc",
        "x-request-id": response.headers["x-request-id"],
    }


async def test_a_filtered_prompt_is_an_openai_error(mixed: Rig) -> None:
    async with mixed.client() as client:
        response = await client.post("/v1/chat/completions", json=chat(x_script="filtered"))
    assert (response.status_code, error_code(response)) == (400, "content_filter")
    assert response.json()["error"]["message"] == MISTAKE["error"]["message"]


@pytest.mark.parametrize("is_stream", [False, True])
async def test_the_next_resource_answers_with_its_own_token(mixed: Rig, is_stream: bool) -> None:
    async with mixed.client() as client:
        response = await client.post("/v1/chat/completions", json=chat(model="pair", stream=is_stream, x_script="busy"))
    assert response.status_code == 200
    assert "Paris." in response.text
    request = mixed.other.got("busy")[-1]
    assert request.line == f"POST /openai/deployments/gpt%2Fasia/chat/completions{QUERY} HTTP/1.1"
    assert request.header("authorization") == "Bearer sk-other-provider"
    assert request.header("api-key") is None


@pytest.mark.parametrize("is_stream", [False, True])
async def test_an_input_that_is_too_long_for_one_model_is_given_to_the_next(mixed: Rig, is_stream: bool) -> None:
    async with mixed.client() as client:
        response = await client.post("/v1/chat/completions", json=chat(model="pair", stream=is_stream, x_script="long"))
        assert response.status_code == 200
        assert "Paris." in response.text
        response = await client.post("/v1/chat/completions", json=chat(stream=is_stream, x_script="long"))
    assert response.status_code == 400
    assert response.json()["error"] == TOO_LONG
