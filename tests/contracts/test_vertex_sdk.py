"""The Vertex goldens are Google's dialect: its own SDK sends what we send, and reads what we read.

The client of google-genai is pointed at a scripted server. For each golden it is given, through its own types, what the
golden's sent body says; the server must get that very body at that very path. It then answers with the golden's
response or stream, which the SDK must parse, and in which it must find what our canonical answer says.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from google.genai import Client, errors, types
from google.oauth2.credentials import Credentials

from tests.e2e.provider import Provider, Turn
from tests.vertex_goldens import GOLDENS, PLAIN, STREAMED

TOKEN = "ya29.access-token"
CALLERS_OWN = {"parametersJsonSchema", "responseJsonSchema", "args", "response"}
"""What is the caller's JSON inside of Google's."""


@pytest.fixture(scope="module")
def server() -> Iterator[Provider]:
    provider = Provider().start()
    yield provider
    provider.stop()


@pytest.fixture
async def sdk(server: Provider) -> AsyncIterator[Client]:
    server.requests.clear()
    client = Client(
        vertexai=True,
        project="acme-prod",
        location="europe-west4",
        credentials=Credentials(token=TOKEN),
        http_options=types.HttpOptions(base_url=f"http://127.0.0.1:{server.port}", api_version="v1", timeout=10_000),
    )
    yield client
    await client.aio.aclose()
    client.close()


def arguments(golden: dict[str, Any]) -> dict[str, Any]:
    """The SDK's arguments for a sent body. Its types refuse a field that they do not know."""
    body = dict(golden["sent"]["body"])
    contents = [types.Content.model_validate(each) for each in body.pop("contents")]
    config = types.GenerateContentConfig.model_validate({**body.pop("generationConfig", {}), **body})
    return {"model": golden["model"], "contents": contents, "config": config}


def as_received(body: dict[str, Any]) -> Any:
    """The SDK's body in one spelling: it mixes parameters_json_schema and parametersJsonSchema, which mean the same.

    It also sends an empty configuration.
    """
    found = _camel_case(body)
    if found.get("generationConfig") == {}:
        del found["generationConfig"]
    return found


def _camel_case(value: Any) -> Any:
    if isinstance(value, list):
        return [_camel_case(each) for each in value]
    if not isinstance(value, dict):
        return value
    names = {name: re.sub("_([a-z])", lambda found: found[1].upper(), name) for name in value}
    return {new: value[old] if new in CALLERS_OWN else _camel_case(value[old]) for old, new in names.items()}


def parts_of(candidate: types.Candidate) -> list[types.Part]:
    return (candidate.content.parts if candidate.content else None) or []


def said(responses: list[types.GenerateContentResponse], index: int) -> tuple[str, str, list[Any]]:
    """Text, thoughts and calls of one candidate, as the SDK sees them."""
    found = [each for response in responses for each in response.candidates or [] if (each.index or 0) == index]
    parts = [part for candidate in found for part in parts_of(candidate)]
    text = "".join(part.text for part in parts if part.text and not part.thought)
    thoughts = "".join(part.text for part in parts if part.text and part.thought)
    calls = [(part.function_call.name, part.function_call.args or {}) for part in parts if part.function_call]
    return text, thoughts, calls


def call_of(call: dict[str, Any]) -> tuple[str, Any]:
    return call["function"]["name"], json.loads(call["function"]["arguments"])


@pytest.mark.parametrize("name", PLAIN)
async def test_the_sdk_sends_and_reads_what_we_do(name: str, server: Provider, sdk: Client) -> None:
    golden = GOLDENS[name]

    async def reply(turn: Turn) -> None:
        await turn.plain(json.dumps(golden["response"]).encode())

    server.scripts["answer"] = reply
    response = await sdk.aio.models.generate_content(**arguments(golden))
    (request,) = server.requests
    assert request.line == f"POST {golden['sent']['path']} HTTP/1.1"
    assert as_received(request.json) == golden["sent"]["body"]
    assert request.header("authorization") == f"Bearer {TOKEN}"
    for choice in golden["answer"]["choices"]:
        message = choice["message"]
        calls = [call_of(call) for call in message.get("tool_calls", [])]
        assert said([response], choice["index"]) == (
            message["content"] or "",
            message.get("reasoning_content", ""),
            calls,
        )


@pytest.mark.parametrize("name", STREAMED)
async def test_the_sdk_streams_what_we_do(name: str, server: Provider, sdk: Client) -> None:
    golden = GOLDENS[name]

    async def reply(turn: Turn) -> None:
        await turn.open_stream()
        for event in golden["stream"]:
            await turn.event(event)
        await turn.end()

    server.scripts["answer"] = reply
    stream = await sdk.aio.models.generate_content_stream(**arguments(golden))
    responses = [response async for response in stream]
    (request,) = server.requests
    assert request.line == f"POST {golden['sent']['path']} HTTP/1.1"
    assert as_received(request.json) == golden["sent"]["body"]
    chunks = [item for item in golden["items"] if isinstance(item, dict)]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    for index in {choice["index"] for choice in choices}:
        deltas = [choice["delta"] for choice in choices if choice["index"] == index]
        text = "".join(delta.get("content", "") for delta in deltas)
        thoughts = "".join(delta.get("reasoning_content", "") for delta in deltas)
        calls = [call_of(call) for delta in deltas for call in delta.get("tool_calls", [])]
        assert said(responses, index) == (text, thoughts, calls)
    usage = responses[-1].usage_metadata
    assert usage is not None
    assert usage.total_token_count == chunks[-1]["usage"]["total_tokens"]


@pytest.mark.parametrize("name", PLAIN)
def test_a_response_is_one_by_the_sdks_types(name: str) -> None:
    response = GOLDENS[name]["response"]
    parsed = types.GenerateContentResponse.model_validate(response)
    assert parsed.response_id == response["responseId"]


async def test_the_sdk_reads_googles_error_where_we_do(server: Provider, sdk: Client) -> None:
    async def reply(turn: Turn) -> None:
        error = {"code": 400, "message": "Invalid value at 'temperature'.", "status": "INVALID_ARGUMENT"}
        await turn.plain(json.dumps({"error": error}).encode(), 400)

    server.scripts["answer"] = reply
    with pytest.raises(errors.ClientError) as caught:
        await sdk.aio.models.generate_content(model="gemini-2.5-flash", contents="Hi")
    assert (caught.value.message, caught.value.status) == ("Invalid value at 'temperature'.", "INVALID_ARGUMENT")
