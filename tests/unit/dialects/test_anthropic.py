"""The Anthropic dialect against the real SDK: what it would send, and what it makes of our golden answers."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from anthropic import AsyncAnthropic

from extproc.dialects.anthropic import Anthropic
from extproc.dialects.mistakes import Mistake
from extproc.model.catalog import Operation
from extproc.model.secret import Secret
from tests.e2e.provider import Provider, Turn
from tests.unit.dialects.anthropic_goldens import CASES, DEPLOYMENT, PLAIN, STREAMED, asking, judged, stream_of


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider().start()
    yield provider
    provider.stop()


def test_a_request_goes_to_the_messages_with_key_and_version() -> None:
    outgoing = Anthropic().write(asking(), DEPLOYMENT, (Secret("sk-ant"),), 0.0)
    assert outgoing.path == "/v1/messages"
    assert dict(outgoing.headers) == {
        "content-type": "application/json",
        "user-agent": "extproc",
        "anthropic-version": "2023-06-01",
    }
    (key,) = outgoing.credentials
    assert (key.name, key.value.reveal()) == ("x-api-key", "sk-ant")
    assert json.loads(outgoing.body)["model"] == "claude-x"


def test_an_open_endpoint_gets_no_key() -> None:
    assert Anthropic().write(asking(), DEPLOYMENT, (), 0.0).credentials == ()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_the_sdk_sends_the_same_as_we_do(provider: Provider, case: dict[str, Any]) -> None:
    async def play(turn: Turn) -> None:
        await turn.plain(json.dumps(PLAIN["conversation"]["answer"]).encode())

    provider.scripts["answer"] = play
    sampling = {name: case["sent"][name] for name in ("temperature", "top_p", "top_k") if name in case["sent"]}
    known = {name: value for name, value in case["sent"].items() if name not in {*sampling, "stream"}}
    async with AsyncAnthropic(base_url=f"http://127.0.0.1:{provider.port}", api_key="k", max_retries=0) as client:
        await client.messages.create(**known, extra_body=sampling)
    (theirs,) = provider.requests
    # The SDK's types have no sampling parameters: its API version took them away, and an extra body may send them.
    to = replace(DEPLOYMENT, options={**DEPLOYMENT.options, "auth": "bearer"})
    ours = Anthropic().write(judged(case["request"]), to, (Secret("k"),), 0.0)
    assert theirs.line == f"POST {ours.path} HTTP/1.1"
    (key,) = ours.credentials
    assert theirs.header(key.name) == key.value.reveal() == "Bearer k"
    assert {"anthropic-version", "content-type"} <= {name for name, _ in theirs.headers}
    assert (theirs.header("anthropic-version") or "") >= dict(ours.headers)["anthropic-version"]
    body = json.loads(ours.body)
    body.pop("stream", None)
    assert theirs.json == body


@pytest.mark.parametrize("case", PLAIN.values(), ids=PLAIN)
async def test_the_sdk_reads_our_golden_answers(provider: Provider, case: dict[str, Any]) -> None:
    async def play(turn: Turn) -> None:
        await turn.plain(json.dumps(case["answer"]).encode())

    provider.scripts["answer"] = play
    async with AsyncAnthropic(base_url=f"http://127.0.0.1:{provider.port}", api_key="k", max_retries=0) as client:
        message = await client.messages.create(
            model="claude-x", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
        )
    text = "".join(block.text for block in message.content if block.type == "text")
    (choice,) = json.loads(Anthropic().read_answer(json.dumps(case["answer"]).encode()).body)["choices"]
    assert text == (choice["message"]["content"] or "")
    assert type(message).model_validate(case["answer"], strict=True).stop_reason == case["answer"]["stop_reason"]


@pytest.mark.parametrize("case", STREAMED.values(), ids=STREAMED)
async def test_the_sdk_reads_our_golden_streams_to_the_same_words(provider: Provider, case: dict[str, Any]) -> None:
    async def play(turn: Turn) -> None:
        await turn.open_stream()
        await turn.chunk(stream_of(case["events"]))
        await turn.end()

    provider.scripts["answer"] = play
    async with (
        AsyncAnthropic(base_url=f"http://127.0.0.1:{provider.port}", api_key="k", max_retries=0) as client,
        client.messages.stream(model="claude-x", max_tokens=9, messages=[{"role": "user", "content": "hi"}]) as stream,
    ):
        message = await stream.get_final_message()
    deltas = [chunk["delta"] for chunk in case["chunks"] if "delta" in chunk]
    calls = [call for delta in deltas for call in delta.get("tool_calls", [])]
    text = "".join(block.text for block in message.content if block.type == "text")
    assert text == "".join(delta.get("content") or "" for delta in deltas)
    inputs = [block.input for block in message.content if block.type == "tool_use"]
    pieces = [[call["function"]["arguments"] for call in calls if call["index"] == n] for n in range(len(inputs))]
    assert inputs == [json.loads("".join(each)) for each in pieces]
    assert message.usage.output_tokens == case["chunks"][-1]["usage"]["completion_tokens"]


def test_the_dialect_reads_what_its_parts_read() -> None:
    case = STREAMED["streamed_tools"]
    assert Anthropic().open_stream().feed(stream_of(case["events"][:1]))
    mistake = {"type": "error", "error": {"type": "invalid_request_error", "message": "max_tokens: too large"}}
    assert Anthropic().read_mistake(json.dumps(mistake).encode()) == Mistake("max_tokens: too large")


def test_a_request_for_a_count_has_what_is_counted_and_nothing_else() -> None:
    request = asking(stop="END", user="u", tools=CASES["streamed_tools"]["request"]["tools"])
    sent = Anthropic().write(replace(request, operation=Operation.COUNT_TOKENS), DEPLOYMENT, (), 0)
    assert sent.path == "/v1/messages/count_tokens"
    assert set(json.loads(sent.body)) == {"model", "messages", "tools"}
