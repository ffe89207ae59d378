"""Bedrock behind the real Envoy: the openai SDK against a scripted Bedrock that checks signatures as AWS does."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI, BadRequestError

from tests.aws_messages import event, exception
from tests.aws_signatures import signature_scope
from tests.e2e.provider import ANSWER, Request, Script, Turn
from tests.e2e.provider import answer as openai_answer
from tests.e2e.raw import files_with
from tests.e2e.rig import Rig, chat, error_code, make_rig
from tests.e2e.rig_values import AWS_KEY_ID, AWS_SECRET, PROVIDER_KEY, TOKEN
from tests.unit.dialects.bedrock_cases import CASES, stream_bytes

MODEL = "eu.anthropic.claude-x-v1:0"
ARN = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.x-v1:0"
START = event("messageStart", {"role": "assistant"})
TEXT = event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hi"}})
SIGNED = {"accept", "content-type", "host", "x-amz-content-sha256", "x-amz-date"}
PATIENT = {"connect_s": 20.0, "first_token_s": 60.0, "total_s": 60.0, "idle_s": 60.0}


def changes(aws_port: int, openai_port: int) -> dict[str, Any]:
    def bedrock(name: str, port: int, model: str) -> dict[str, Any]:
        return {
            "name": name,
            "dialect": "bedrock",
            "base_url": f"http://127.0.0.1:{port}",
            "options": {"region": "eu-west-1"},
            "upstream_model": model,
            "credential": {"path": "providers/aws"},
            "timeouts": dict(PATIENT),
        }

    other = {
        "name": "other",
        "base_url": f"http://127.0.0.1:{openai_port}/v1",
        "upstream_model": "upstream-other",
        "credential": {"path": "providers/main", "field": "api_key"},
        "timeouts": dict(PATIENT),
    }
    return {
        "deployments": [bedrock("claude", aws_port, MODEL), bedrock("profile", aws_port, ARN), other],
        "models": [
            {"name": "chat", "deployments": ["claude"]},
            {"name": "profile", "deployments": ["profile"]},
            {"name": "twice", "deployments": ["claude", "profile"]},
            {"name": "bedrock-first", "deployments": ["claude", "other"]},
            {"name": "bedrock-last", "deployments": ["other", "claude"]},
        ],
    }


@pytest.fixture(scope="module")
def aws(request: pytest.FixtureRequest) -> Iterator[Rig]:
    for rig in make_rig(changes):
        yield rig
        assert files_with(rig, AWS_SECRET) == []
        assert files_with(rig, "Signature=") == []


@pytest.fixture(autouse=True)
def _both_answer(aws: Rig) -> None:
    for provider in (aws.provider, aws.other):
        provider.requests.clear()
    aws.provider.scripts["answer"] = golden
    aws.other.scripts["answer"] = openai_answer


async def golden(turn: Turn) -> None:
    """Answers as a golden file does: the one that the request's metadata names, or the usual ones."""
    is_stream = turn.request.line.split(" ")[1].endswith("/converse-stream")
    usual = "stream_text" if is_stream else "text"
    case = CASES[turn.request.json.get("requestMetadata", {}).get("case", usual)]
    if is_stream:
        await stream(turn, stream_bytes(case))
        await turn.end()
    else:
        await turn.plain(json.dumps(case["answer"]).encode(), 200, "x-amzn-requestid: theirs")


async def stream(turn: Turn, *messages: bytes) -> None:
    await turn.head(200, "application/vnd.amazon.eventstream", "transfer-encoding: chunked")
    for message in messages:
        await turn.chunk(message)


def failing(status: int, kind: str = "ThrottlingException", message: str = "Too many requests") -> Script:
    async def fail(turn: Turn) -> None:
        body = json.dumps({"message": message}).encode()
        await turn.plain(body, status, f"x-amzn-errortype: {kind}:http://internal.amazon.com/coral/")

    return fail


def check_signed(request: Request) -> None:
    assert signature_scope(request, AWS_KEY_ID, AWS_SECRET) == ("eu-west-1", "bedrock", SIGNED)


def sdk(rig: Rig) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{rig.url}/v1", api_key=TOKEN, max_retries=0)


async def test_the_openai_sdk_talks_to_bedrock(aws: Rig) -> None:
    async with sdk(aws) as client:
        answer = await client.chat.completions.create(**CASES["text"]["request"])
    assert answer.choices[0].message.content == "Paris. Madrid."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (1124, 1131)
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.prompt_tokens_details.cached_tokens == 1000
    (request,) = aws.provider.requests
    assert request.json == CASES["text"]["sent"]


@pytest.mark.parametrize("wants_usage", [True, False])
async def test_the_openai_sdk_streams_from_bedrock(aws: Rig, wants_usage: bool) -> None:
    options = {"stream_options": {"include_usage": True}} if wants_usage else {}
    async with sdk(aws) as client:
        stream = await client.chat.completions.create(**chat(), stream=True, **options)
        pieces = [chunk async for chunk in stream]
    assert "".join(each.choices[0].delta.content or "" for each in pieces if each.choices) == "Hello ü."
    assert [each.usage.total_tokens for each in pieces if each.usage] == ([17] if wants_usage else [])
    (request,) = aws.provider.requests
    assert request.line == "POST /model/eu.anthropic.claude-x-v1%3A0/converse-stream HTTP/1.1"
    assert request.header("accept") == "application/vnd.amazon.eventstream"
    check_signed(request)


async def test_tools_go_to_bedrock_and_their_calls_come_back_plain_and_streamed(aws: Rig) -> None:
    async with sdk(aws) as client:
        plain = await client.chat.completions.create(**CASES["tools"]["request"], metadata={"case": "tools"})
        calls = plain.choices[0].message.tool_calls
        assert calls is not None
        assert [each.function.arguments for each in calls if each.type == "function"] == [
            '{"city":"Rome"}',
            '{"city":"Ørsta"}',
        ]
        request = CASES["stream_tools"]["request"] | {"metadata": {"case": "stream_tools"}}
        made: dict[int, str] = {}
        async for chunk in await client.chat.completions.create(**request):
            for choice in chunk.choices:
                for call in choice.delta.tool_calls or []:
                    assert call.function is not None
                    made[call.index] = made.get(call.index, "") + (call.function.arguments or "")
    assert made == {0: '{"city": "Paris"}', 1: "{}"}
    for each in aws.provider.requests:
        check_signed(each)
    case = aws.provider.requests[0].json
    assert case.pop("requestMetadata") == {"case": "tools"}
    assert case == CASES["tools"]["sent"]


async def test_bedrock_gets_exactly_what_was_signed_and_nothing_of_the_client(aws: Rig) -> None:
    theirs = {"cookie": "session=1", "x-amz-security-token": "theirs", "x-amz-date": "theirs", "accept": "text/html"}
    async with aws.client(headers=theirs) as client:
        response = await client.post("/v1/chat/completions", json=chat("Grüße " * 1000))
    assert response.status_code == 200
    (request,) = aws.provider.requests
    check_signed(request)
    assert request.line == "POST /model/eu.anthropic.claude-x-v1%3A0/converse HTTP/1.1"
    headers = dict(request.headers)
    assert AWS_KEY_ID in headers.pop("authorization")
    for name in ("x-amz-date", "x-amz-content-sha256"):
        assert headers.pop(name) not in theirs.values()
    assert headers == {
        "host": f"127.0.0.1:{aws.provider.port}",
        "accept": "application/json",
        "content-type": "application/json",
        "content-length": str(len(request.body)),
        "user-agent": "extproc",
        "x-request-id": response.headers["x-request-id"],
    }


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_model_id_that_is_an_arn_is_signed_as_it_is_sent(aws: Rig, is_stream: bool) -> None:
    async with aws.client() as client:
        response = await client.post("/v1/chat/completions", json=chat(stream=is_stream) | {"model": "profile"})
    assert response.status_code == 200
    (request,) = aws.provider.requests
    assert "%3A123456789012%3Ainference-profile%2Feu.x-v1%3A0/converse" in request.line
    check_signed(request)


@pytest.mark.parametrize("is_stream", [False, True])
async def test_after_an_openai_deployment_failed_bedrock_gets_its_own_headers_only(aws: Rig, is_stream: bool) -> None:
    aws.other.scripts["answer"] = failing(503)
    async with aws.client() as client:
        request = chat(stream=is_stream) | {"model": "bedrock-last"}
        response = await client.post("/v1/chat/completions", json=request)
    assert response.status_code == 200
    assert "Hel" in response.text or "Paris" in response.text
    (first,), (second,) = aws.other.requests, aws.provider.requests
    assert first.header("authorization") == f"Bearer {PROVIDER_KEY}"
    assert not [name for name, _ in first.headers if name.startswith("x-amz")]
    check_signed(second)
    assert PROVIDER_KEY not in str(second)


@pytest.mark.parametrize("status", [429, 500, 503, 424, 403])
async def test_after_bedrock_failed_openai_gets_none_of_its_headers(aws: Rig, status: int) -> None:
    aws.provider.scripts["answer"] = failing(status)
    async with aws.client() as client:
        response = await client.post("/v1/chat/completions", json=chat() | {"model": "bedrock-first"})
    assert response.json() == ANSWER
    # Long before the first attempt would have been given up by itself.
    assert response.elapsed.total_seconds() < PATIENT["total_s"] / 2
    (second,) = aws.other.requests
    check_signed(aws.provider.requests[0])
    assert not [name for name, _ in second.headers if name.startswith("x-amz")]
    assert second.header("authorization") == f"Bearer {PROVIDER_KEY}"
    assert second.json == chat() | {"model": "upstream-other"}
    assert AWS_KEY_ID not in str(second)


async def test_a_retry_at_another_model_of_bedrock_is_signed_for_that_model(aws: Rig) -> None:
    async def fail_once(turn: Turn) -> None:
        await (failing(503) if len(aws.provider.requests) == 1 else golden)(turn)

    aws.provider.scripts["answer"] = fail_once
    async with aws.client() as client:
        response = await client.post("/v1/chat/completions", json=chat() | {"model": "twice"})
    assert response.status_code == 200
    first, second = aws.provider.requests
    check_signed(first)
    check_signed(second)
    assert first.header("authorization") != second.header("authorization")


@pytest.mark.parametrize("kind", ["throttlingException", "modelStreamErrorException", "internalServerException"])
async def test_an_exception_before_the_first_word_is_a_failover(aws: Rig, kind: str) -> None:
    async def fail(turn: Turn) -> None:
        await stream(turn, START, exception(kind, "secret words of theirs"))
        await turn.end()

    aws.provider.scripts["answer"] = fail
    async with aws.client() as client:
        response = await client.post("/v1/chat/completions", json=chat(stream=True) | {"model": "bedrock-first"})
    assert response.text.endswith("data: [DONE]\n\n")
    assert len(aws.other.requests) == 1
    async with aws.client() as client:
        response = await client.post("/v1/chat/completions", json=chat(stream=True))
    assert response.status_code == 502
    assert error_code(response) == "upstream_error"
    assert "secret words" not in response.text


@pytest.mark.parametrize(
    "rest",
    [
        [exception("throttlingException", "x")],
        [],
        [event("messageStop", {"stopReason": "end_turn"})],
        [event("metadata", {"usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}})],
        [TEXT[:-1]],
        [TEXT[:-1] + b"\x00"],
    ],
)
async def test_a_stream_that_is_not_whole_ends_in_an_error_and_a_break(aws: Rig, rest: list[bytes]) -> None:
    gate = threading.Event()

    async def fail(turn: Turn) -> None:
        await stream(turn, START, TEXT)
        await turn.until(gate)
        for message in rest:
            await turn.chunk(message)
        await turn.end()

    aws.provider.scripts["answer"] = fail
    seen = bytearray()

    async def listen(response: httpx.Response) -> None:
        async for data in response.aiter_bytes():
            seen.extend(data)
            if b'"Hi"' in seen:
                gate.set()

    async with (
        aws.client() as client,
        client.stream("POST", "/v1/chat/completions", json=chat(stream=True)) as response,
    ):
        with pytest.raises(httpx.RemoteProtocolError):
            await listen(response)
    assert response.status_code == 200
    assert b'data: {"error":' in seen
    assert b"[DONE]" not in seen


async def test_a_validation_exception_tells_the_caller_what_was_wrong(aws: Rig) -> None:
    message = "The model returned the following errors: messages: roles must alternate"
    aws.provider.scripts["answer"] = failing(400, "ValidationException", message)
    async with sdk(aws) as client:
        with pytest.raises(BadRequestError) as caught:
            await client.chat.completions.create(**chat() | {"model": "bedrock-first"})
    assert message in str(caught.value)
    assert aws.other.requests == []


async def test_what_is_said_about_our_account_stays_here(aws: Rig) -> None:
    aws.provider.scripts["answer"] = failing(400, "ValidationException", f"Invocation of {ARN} is not supported")
    async with aws.client() as client:
        response = await client.post("/v1/chat/completions", json=chat())
    assert (response.status_code, error_code(response)) == (502, "upstream_rejected")
    assert "123456789012" not in response.text


async def test_what_converse_cannot_express_is_refused_before_anything_is_sent(aws: Rig) -> None:
    async with sdk(aws) as client:
        with pytest.raises(BadRequestError) as caught:
            await client.chat.completions.create(**chat(), seed=7)
    assert caught.value.param == "seed"
    assert aws.provider.requests == []
