"""The anthropic SDK, unmodified, against a deployment of every dialect behind the real Envoy."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anthropic
import httpx
import pytest
from anthropic import AsyncAnthropic
from anthropic.types import Message
from openai import AsyncOpenAI

from tests.e2e.every_dialect import CALLS, MODELS, USAGE, deployments, speak
from tests.e2e.provider import Request, Turn
from tests.e2e.rig import Rig, make_rig
from tests.e2e.rig_values import PROVIDER_KEY, TOKEN

TOOL: Any = {
    "name": "weather",
    "description": "The weather.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
ASK: Any = [{"role": "user", "content": "How is it in Oslo and Ulm?"}]


@pytest.fixture(scope="module")
def every() -> Iterator[Rig]:
    yield from make_rig(changes=deployments)


@pytest.fixture(autouse=True)
def _all_answer(every: Rig) -> None:
    every.provider.requests.clear()
    every.provider.scripts["answer"] = speak


@pytest.fixture
async def claude(every: Rig) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(base_url=every.url, api_key=TOKEN, max_retries=0) as client:
        yield client


async def ask(client: AsyncAnthropic, *, is_stream: bool, **fields: Any) -> Message:
    if not is_stream:
        return await client.messages.create(max_tokens=500, **fields)
    async with client.messages.stream(max_tokens=500, **fields) as stream:
        return await stream.get_final_message()


def text_of(message: Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def calls_of(message: Message) -> list[tuple[str, object]]:
    return [(block.name, block.input) for block in message.content if block.type == "tool_use"]


def last(rig: Rig) -> Request:
    return rig.provider.requests[-1]


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
async def test_a_message_is_answered_by_every_dialect(
    every: Rig, claude: AsyncAnthropic, model: str, is_stream: bool
) -> None:
    message = await ask(claude, is_stream=is_stream, model=model, system="Be brief.", messages=ASK)
    assert text_of(message) == "Hello, you."
    assert (message.model, message.role, message.type, message.stop_reason) == (
        model,
        "assistant",
        "message",
        "end_turn",
    )
    assert message.id.startswith("msg_")
    assert (message.usage.input_tokens, message.usage.output_tokens) == USAGE
    assert "Be brief." in last(every).body.decode()
    assert TOKEN not in str(last(every).headers)
    assert last(every).header("anthropic-beta") is None


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
async def test_a_conversation_with_parallel_tools_is_held_with_every_dialect(
    every: Rig, claude: AsyncAnthropic, model: str, is_stream: bool
) -> None:
    first = await ask(claude, is_stream=is_stream, model=model, messages=ASK, tools=[TOOL])
    assert first.stop_reason == "tool_use"
    assert text_of(first) == "I look."
    assert calls_of(first) == [(name, given) for _, name, given in CALLS]
    ids = [block.id for block in first.content if block.type == "tool_use"]
    assert len(set(ids)) == 2
    results = [
        {"type": "tool_result", "tool_use_id": ids[0], "content": [{"type": "text", "text": "21 degrees"}]},
        {"type": "tool_result", "tool_use_id": ids[1], "content": "no such place", "is_error": True},
    ]
    history = [*ASK, first.to_param(), {"role": "user", "content": results}]
    second = await ask(claude, is_stream=is_stream, model=model, messages=history, tools=[TOOL])
    assert (text_of(second), second.stop_reason) == ("Mild.", "end_turn")
    sent = last(every).body.decode()
    assert "no such place" in sent
    if "anthropic" in model:
        turns = last(every).json["messages"]
        assert turns[1]["content"][0] == {"type": "thinking", "thinking": "Well.", "signature": "c2ln"}
        assert [block["type"] for block in turns[1]["content"]] == ["thinking", "text", "tool_use", "tool_use"]
        assert [block["is_error"] for block in turns[2]["content"]] == [False, True]
    else:
        assert "c2ln" not in sent.replace("c2lnbmVk", "")
        assert "\\u0000" not in sent
        assert ("c2lnbmVk" in sent) is (model == "vertex")


@pytest.mark.parametrize("model", MODELS)
async def test_the_openai_sdk_holds_the_same_conversation(every: Rig, model: str) -> None:
    tool: Any = {"type": "function", "function": {"name": "weather", "parameters": TOOL["input_schema"]}}
    async with AsyncOpenAI(base_url=f"{every.url}/v1", api_key=TOKEN, max_retries=0) as client:
        first = await client.chat.completions.create(model=model, messages=ASK, tools=[tool])
        made = first.choices[0].message.tool_calls or []
        assert [json.loads(call.function.arguments) for call in made if call.type == "function"] == [
            given for _, _, given in CALLS
        ]
        results: Any = [{"role": "tool", "tool_call_id": call.id, "content": "21 degrees"} for call in made]
        message: Any = first.choices[0].message.model_dump(exclude_none=True)
        history = [*ASK, message, *results]
        second = await client.chat.completions.create(model=model, messages=history, tools=[tool])
    assert second.choices[0].message.content == "Mild."


async def test_thinking_comes_with_its_signature_plain_and_streamed(claude: AsyncAnthropic) -> None:
    for is_stream in (False, True):
        message = await ask(claude, is_stream=is_stream, model="anthropic", messages=ASK)
        assert message.content[0].model_dump() == {"type": "thinking", "thinking": "Well.", "signature": "c2ln"}


@pytest.mark.parametrize("model", MODELS)
async def test_images_reach_every_dialect(every: Rig, claude: AsyncAnthropic, model: str) -> None:
    image: Any = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    content: Any = [{"type": "text", "text": "What is this?"}, image]
    message = await ask(claude, is_stream=False, model=model, messages=[{"role": "user", "content": content}])
    assert text_of(message) == "Hello, you."
    assert PNG in last(every).body.decode()


async def test_what_only_claude_knows_reaches_claude_word_for_word(every: Rig, claude: AsyncAnthropic) -> None:
    cached: Any = {"type": "ephemeral", "ttl": "1h"}
    await claude.messages.create(
        model="anthropic",
        max_tokens=3000,
        thinking={"type": "enabled", "budget_tokens": 2048},
        system=[{"type": "text", "text": "Be brief.", "cache_control": cached}],
        messages=[{"role": "user", "content": [{"type": "text", "text": "Hi.", "cache_control": cached}]}],
        tools=[{**TOOL, "cache_control": cached}],
        metadata={"user_id": "u-1"},
        stop_sequences=["END"],
        extra_headers={"anthropic-beta": "context-1m-2025-08-07"},
        extra_body={"top_k": 5},
    )
    assert last(every).json == {
        "model": "m-1",
        "max_tokens": 3000,
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "system": [{"type": "text", "text": "Be brief.", "cache_control": cached}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi.", "cache_control": cached}]}],
        "tools": [{**TOOL, "cache_control": cached}],
        "metadata": {"user_id": "u-1"},
        "stop_sequences": ["END"],
        "top_k": 5,
    }
    assert last(every).header("anthropic-version") == "2023-06-01"
    assert last(every).header("anthropic-beta") is None
    assert last(every).header("x-api-key") == PROVIDER_KEY


async def test_what_others_do_not_know_is_refused_before_anything_is_sent(every: Rig, claude: AsyncAnthropic) -> None:
    search: Any = {"type": "web_search_20250305", "name": "web_search"}
    for fields in ({"extra_body": {"top_k": 5}}, {"tools": [search]}):
        with pytest.raises(anthropic.BadRequestError) as caught:
            await ask(claude, is_stream=False, model="openai", messages=ASK, **fields)
        body: Any = caught.value.body
        assert (body["type"], body["error"]["code"]) == ("error", "invalid_request")
    assert every.provider.requests == []


async def test_tokens_are_counted_by_claude_or_estimated(every: Rig, claude: AsyncAnthropic) -> None:
    counted = await claude.messages.with_raw_response.count_tokens(
        model="anthropic", messages=ASK, system="Be brief.", tools=[TOOL]
    )
    assert (await counted.parse()).input_tokens == 2095
    assert "x-gateway-estimate" not in counted.headers
    assert last(every).line == "POST /v1/messages/count_tokens HTTP/1.1"
    assert set(last(every).json) == {"model", "messages", "system", "tools"}
    every.provider.requests.clear()
    for model in MODELS:
        if model != "anthropic":
            estimate = await claude.messages.with_raw_response.count_tokens(model=model, messages=ASK)
            assert 5 <= (await estimate.parse()).input_tokens <= 25
            assert estimate.headers["x-gateway-estimate"] == "true"
    assert every.provider.requests == []


async def test_models_are_listed_and_shown(claude: AsyncAnthropic) -> None:
    names = [model.id async for model in claude.models.list()]
    assert set(MODELS) <= set(names)
    assert (await claude.models.retrieve("bedrock")).display_name == "bedrock"


async def test_every_answer_has_the_request_id_that_the_sdk_shows(claude: AsyncAnthropic) -> None:
    message = await ask(claude, is_stream=False, model="openai", messages=ASK)
    assert message._request_id
    with pytest.raises(anthropic.NotFoundError) as caught:
        await ask(claude, is_stream=False, model="nosuch", messages=ASK)
    assert caught.value.request_id
    body: Any = caught.value.body
    assert body["request_id"] == caught.value.request_id


@pytest.mark.parametrize(
    ("status", "expected", "kind"),
    [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (401, anthropic.InternalServerError, "api_error"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (529, anthropic.InternalServerError, "api_error"),
    ],
)
@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_providers_error_is_the_sdks_own_exception(
    every: Rig, claude: AsyncAnthropic, status: int, expected: type[Exception], kind: str, is_stream: bool
) -> None:
    async def fail(turn: Turn) -> None:
        await turn.plain(b'{"error":{"message":"Unknown field of account 7.","type":"x"}}', status, "retry-after: 7")

    every.provider.scripts["answer"] = fail
    with pytest.raises(expected) as caught:
        await ask(claude, is_stream=is_stream, model="openai", messages=ASK)
    assert isinstance(caught.value, anthropic.APIStatusError)
    body: Any = caught.value.body
    assert (body["type"], body["error"]["type"]) == ("error", kind)


async def test_a_wrong_key_is_an_authentication_error_in_either_header(every: Rig) -> None:
    for headers in ({"authorization": "Bearer gk_no"}, {"x-api-key": "gk_no"}):
        async with httpx.AsyncClient(base_url=every.url, trust_env=False) as client:
            response = await client.post("/v1/messages", json={}, headers=headers)
        assert response.status_code == 401
        assert response.json()["error"]["type"] == "authentication_error"
    async with AsyncAnthropic(base_url=every.url, api_key="gk_no", max_retries=0) as claude:
        with pytest.raises(anthropic.AuthenticationError):
            await ask(claude, is_stream=False, model="openai", messages=ASK)


async def test_the_older_clients_header_is_taken(every: Rig) -> None:
    body = {"model": "openai", "max_tokens": 9, "messages": ASK}
    headers = {"x-api-key": TOKEN, "anthropic-version": "2023-06-01"}
    async with httpx.AsyncClient(base_url=every.url, trust_env=False) as client:
        response = await client.post("/v1/messages", json=body, headers=headers)
    assert response.json()["content"] == [{"type": "text", "text": "Hello, you."}]


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("model", ["claude-then-gpt", "gpt-then-claude"])
async def test_a_message_fails_over_between_dialects(
    every: Rig, claude: AsyncAnthropic, model: str, is_stream: bool
) -> None:
    first = "/v1/messages" if model.startswith("claude") else "/v1/chat/completions"

    async def broken(turn: Turn) -> None:
        if turn.request.line.split(" ")[1] == first:
            await turn.plain(b"{}", 503)
        else:
            await speak(turn)

    every.provider.scripts["answer"] = broken
    message = await ask(claude, is_stream=is_stream, model=model, messages=ASK)
    assert (text_of(message), message.model) == ("Hello, you.", model)
    assert every.provider.requests[0].line.split(" ")[1] == first
    assert len(every.provider.requests) == 2
