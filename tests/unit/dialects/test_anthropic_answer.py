"""What a whole message of Anthropic's means in OpenAI's words."""

import json
from typing import Any

import pytest

from extproc.dialects.anthropic_answer import (
    FINISH_REASONS,
    read_count,
    read_message,
    read_message_mistake,
    write_usage,
)
from extproc.dialects.dialect import ProviderFailed, Unreadable
from extproc.dialects.mistakes import Mistake
from extproc.dialects.openai import read_usage
from tests.unit.dialects.anthropic_goldens import PLAIN

MESSAGE: dict[str, Any] = PLAIN["conversation"]["answer"]


def read(**fields: object) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(read_message(json.dumps({**MESSAGE, **fields}).encode()).body)
    return answer


@pytest.mark.parametrize("case", PLAIN.values(), ids=PLAIN)
def test_an_answer_is_read_as_its_golden_file_says(case: dict[str, Any]) -> None:
    answer = read_message(json.dumps(case["answer"]).encode())
    assert json.loads(answer.body) == case["canonical"]
    usage = case["canonical"]["usage"]
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (
        usage["prompt_tokens"],
        usage["completion_tokens"],
    )
    assert answer.usage.cached_tokens == usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)


@pytest.mark.parametrize("reason", FINISH_REASONS)
def test_every_reason_to_stop_has_its_word(reason: str) -> None:
    (choice,) = read(stop_reason=reason)["choices"]
    assert choice["finish_reason"] == FINISH_REASONS[reason]
    assert (choice["message"]["refusal"] is not None) is (reason == "refusal")


@pytest.mark.parametrize(
    "fields",
    [
        {"stop_reason": None},
        {"stop_reason": "something_new"},
        {"stop_reason": ["end_turn"]},
        {"type": "completion"},
        {"content": "text"},
        {"content": ["text"]},
        {"content": [{"type": "text", "text": 7}]},
        {"content": [{"type": "tool_use", "id": "a", "name": "f", "input": "{}"}]},
    ],
)
def test_what_might_not_be_the_whole_answer_is_unreadable(fields: dict[str, object]) -> None:
    with pytest.raises(Unreadable):
        read(**fields)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null"])
def test_what_is_no_object_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_message(body)


def test_an_error_in_an_answers_place_is_the_providers_failure() -> None:
    with pytest.raises(ProviderFailed):
        read_message(b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}')


def test_blocks_that_only_anthropic_can_read_are_left_out() -> None:
    blocks = [{"type": "server_tool_use", "id": "s"}, {"type": "text", "text": "a"}, {"type": "new_block"}]
    assert read(content=blocks)["choices"][0]["message"]["content"] == "a"


@pytest.mark.parametrize(
    "usage", [None, [], {"input_tokens": -1}, {"input_tokens": "7"}, {"input_tokens": 1, "output_tokens": True}]
)
def test_counts_that_cannot_be_believed_are_none(usage: object) -> None:
    assert write_usage(usage) is None
    assert "usage" not in read(usage=usage)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("prompt is too long: 210000 tokens > 200000 maximum", True),
        ("messages.1.content.0.text: Field required", True),
        ("Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.", False),
        ("You have reached your specified API usage limits.", False),
        ("This organization has been disabled.", False),
    ],
)
def test_a_mistake_is_told_unless_it_is_about_the_account(message: str, expected: bool) -> None:
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": message}, "request_id": "req_1"}
    assert read_message_mistake(json.dumps(body).encode()).message == (message if expected else None)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"error":"x"}', b'{"error":{"message":7}}'])
def test_a_mistake_without_words_has_none(body: bytes) -> None:
    assert read_message_mistake(body) == Mistake()


def test_where_each_block_stood_goes_beside_the_answer() -> None:
    content = [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "text", "text": "a"},
        {"type": "redacted_thinking", "data": "cmVk"},
        {"type": "text", "text": "bc"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {}},
    ]
    stop = {"stop_reason": "stop_sequence", "stop_sequence": "END"}
    answer = read_message(json.dumps({"type": "message", "content": content, **stop}).encode())
    assert answer.extension == {
        "layout": [
            {"type": "thinking", "chars": 3, "signature": "c2ln"},
            {"type": "text", "chars": 1},
            {"type": "redacted_thinking", "data": "cmVk"},
            {"type": "text", "chars": 2},
            "call",
        ],
        "stop": {**stop, "stop_details": None},
    }
    # None of it is in what clients of OpenAI get.
    assert b"c2ln" not in answer.body
    assert b"cmVk" not in answer.body


def test_a_count_is_read_without_what_we_do_not_know() -> None:
    assert read_count(b'{"input_tokens":14,"context_management":{}}').body == b'{"input_tokens":14}'
    for body in (b"[]", b"{}", b'{"input_tokens":true}', b'{"input_tokens":-1}', b'{"input_tokens":"1"}'):
        with pytest.raises(Unreadable):
            read_count(body)


@pytest.mark.parametrize(("hours", "is_told"), [(7, True), (0, False), (None, False), ("7", False)])
def test_writes_to_a_cache_that_lasts_an_hour_are_told_apart(hours: object, *, is_told: bool) -> None:
    usage = {
        "input_tokens": 3,
        "cache_creation_input_tokens": 10,
        "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": hours},
        "output_tokens": 2,
    }
    written = write_usage(usage)
    assert written is not None
    assert written["prompt_tokens_details"].get("cache_write_1h_tokens") == (7 if is_told else None)
    found = read_usage({"usage": written})
    assert found is not None
    assert (found.cache_write_tokens, found.has_unknown_kinds) == (10, is_told)
