"""How Converse's answers are read."""

import json
from typing import Any

import pytest

from extproc.dialects.bedrock_answer import finish_reason, read_converse, read_converse_mistake, write_usage
from extproc.dialects.dialect import ProviderFailed, Unreadable
from extproc.dialects.mistakes import Mistake
from tests.unit.dialects.bedrock_cases import CASES, PLAIN

COUNTS = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}


def body(blocks: object, reason: object = "end_turn", role: object = "assistant", **more: object) -> bytes:
    message = {"role": role, "content": blocks}
    return json.dumps({"output": {"message": message}, "stopReason": reason, "usage": COUNTS, **more}).encode()


@pytest.mark.parametrize("name", PLAIN)
def test_an_answer_becomes_the_one_of_the_golden_file(name: str) -> None:
    answer = read_converse(json.dumps(CASES[name]["answer"]).encode())
    expected = CASES[name]["canonical"]
    usage = expected["usage"]
    assert json.loads(answer.body) == {
        "id": "",
        "object": "chat.completion",
        "created": 0,
        "model": "",
        "choices": [
            {
                "index": 0,
                "message": expected["message"],
                "logprobs": None,
                "finish_reason": expected["finish_reason"],
            }
        ],
        "usage": usage,
    }
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (
        usage["prompt_tokens"],
        usage["completion_tokens"],
    )
    assert answer.usage.cached_tokens == usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"message": "error"}',
        body("text"),
        body([{"text": 1}]),
        body([{"image": {"format": "png"}}]),
        body([{"toolUse": {"toolUseId": "a", "name": "b", "input": "{}"}}]),
        body([{"toolUse": {"toolUseId": "a", "name": "b", "input": {}, "type": "server_tool_use"}}]),
        body([{"reasoningContent": {}}]),
        body([{"citationsContent": {}}]),
        body([], reason="because"),
        body([], reason=None),
        body([], reason=["end_turn"]),
        body([], role="user"),
        body([{"toolUse": {"toolUseId": "a", "name": "b", "input": {"a": float("nan")}}}]),
        body([{"text": "\ud800"}]),
    ],
)
def test_what_is_not_a_whole_answer_is_unreadable(data: bytes) -> None:
    with pytest.raises(Unreadable):
        read_converse(data)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
    ],
)
def test_a_stop_reason_has_a_finish_reason(theirs: str, ours: str) -> None:
    assert finish_reason(theirs) == ours


@pytest.mark.parametrize("reason", ["malformed_model_output", "malformed_tool_use"])
def test_a_model_that_broke_its_own_form_failed(reason: str) -> None:
    with pytest.raises(ProviderFailed):
        finish_reason(reason)


def test_an_answer_without_text_has_null_and_not_an_empty_text() -> None:
    answer = json.loads(read_converse(body([])).body)
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": None, "refusal": None}


def test_cached_tokens_are_part_of_the_prompt() -> None:
    inclusive = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 105, "cacheReadInputTokens": 100}
    assert write_usage({"usage": inclusive}) == {
        "prompt_tokens": 103,
        "completion_tokens": 2,
        "total_tokens": 105,
        "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 0},
    }


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        {},
        {**COUNTS, "inputTokens": "3"},
        {**COUNTS, "outputTokens": -1},
        {**COUNTS, "totalTokens": True},
        {**COUNTS, "cacheReadInputTokens": 1.5},
        {**COUNTS, "cacheReadInputTokens": -1},
        {**COUNTS, "cacheWriteInputTokens": None},
    ],
)
def test_counts_that_cannot_be_believed_are_none(usage: object) -> None:
    assert write_usage({"usage": usage}) is None
    answer = read_converse(body([{"text": "x"}], usage=usage))
    assert answer.usage is None
    assert "usage" not in json.loads(answer.body)


def test_an_impossible_total_does_not_hide_the_input() -> None:
    usage = write_usage({"usage": {**COUNTS, "totalTokens": 1}})
    assert usage is not None
    assert usage["prompt_tokens"] == 3


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ({"message": "Input is too long for requested model."}, "Input is too long for requested model."),
        ({"message": "No access to arn:aws:bedrock:eu-west-1::foundation-model/x"}, None),
        ({"message": "Operation not allowed for 123456789012"}, None),
        ({"message": "Authorization header requires 'Credential' parameter."}, None),
        ({"message": "The request signature we calculated does not match"}, None),
        ({"message": "The security token included in the request is invalid."}, None),
        ({"message": "Your account is not authorized to invoke this API operation."}, None),
        ({"message": 5}, None),
        ({}, None),
        ([], None),
    ],
)
def test_a_mistakes_message_travels_unless_it_is_about_our_account(error: Any, message: str | None) -> None:
    assert read_converse_mistake(json.dumps(error).encode()).message == message
    assert read_converse_mistake(b"<html>") == Mistake()
