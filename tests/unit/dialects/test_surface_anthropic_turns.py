"""What Anthropic's turns may say. The whole forms are in tests/golden/surface-anthropic."""

from typing import Any

import pytest

from extproc.dialects.extension import EXTENSION
from extproc.dialects.keepsake import write_keepsake
from extproc.dialects.surface_anthropic_turns import read_system, read_turns
from extproc.model.refusals import Refusal

USE = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t"}
DOCUMENT = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVA="}}


def user(*blocks: object) -> list[Any]:
    return [{"role": "user", "content": list(blocks)}]


def assistant(*blocks: object) -> list[Any]:
    return [{"role": "assistant", "content": list(blocks)}, {"role": "user", "content": "so?"}]


@pytest.mark.parametrize(
    ("turns", "param"),
    [
        ({}, "messages"),
        ([], "messages"),
        (["hi"], "messages.0.role"),
        ([{"role": "tool", "content": "x"}], "messages.0.role"),
        ([{"role": "user", "content": "x", "name": "ann"}], "messages.0.name"),
        ([{"role": "user", "content": 7}], "messages.0.content"),
        ([{"role": "system", "content": [DOCUMENT]}], "messages.0.content"),
        (user("hi"), "messages.0.content"),
        (user({"type": "text", "text": 7}), "messages.0.content.0.text"),
        (user({"type": "text", "text": "x", "mood": 1}), "messages.0.content.0.mood"),
        (
            user({"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "2h"}}),
            "messages.0.content.0.cache_control",
        ),
        (user({"type": "image", "source": {"type": "file", "file_id": "f"}}), "messages.0.content.0.source"),
        (
            user({"type": "image", "source": {"type": "url", "url": "file:///etc/passwd"}}),
            "messages.0.content.0.source",
        ),
        (user({"type": "document", "source": {"type": "text", "data": "x"}}), "messages.0.content.0.source"),
        (user({**DOCUMENT, "citations": {"enabled": True}}), "messages.0.content.0.citations"),
        (user({**DOCUMENT, "title": 7}), "messages.0.content.0"),
        (user({"type": "search_result"}), "messages.0.content.0.type"),
        (user(USE), "messages.0.content.0.type"),
        (user({**RESULT, "tool_use_id": ""}), "messages.0.content.0.tool_use_id"),
        (user({**RESULT, "is_error": "no"}), "messages.0.content.0.is_error"),
        (user({**RESULT, "content": [{"type": "tool_reference"}]}), "messages.0.content.0.content.0.type"),
        (assistant(RESULT), "messages.0.content.0.type"),
        (assistant({"type": "server_tool_use", "id": "s"}), "messages.0.content.0.type"),
        (assistant({"type": "thinking", "thinking": "x"}), "messages.0.content.0"),
        (assistant({"type": "redacted_thinking"}), "messages.0.content.0.data"),
        (assistant({**USE, "input": "{}"}), "messages.0.content.0.input"),
        (assistant({**USE, "caller": {"type": "code_execution"}}), "messages.0.content.0.caller"),
    ],
)
def test_what_cannot_be_carried_is_refused_by_its_place(turns: Any, param: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_turns(turns)
    assert (caught.value.kind.code, caught.value.param) == ("invalid_request", param)


def test_a_type_that_is_no_word_is_not_repeated() -> None:
    with pytest.raises(Refusal) as caught:
        read_turns(user({"type": "\x1b[2J my secret"}))
    assert "secret" not in str(caught.value)


def test_words_between_results_keep_their_place() -> None:
    read = read_turns(user(RESULT, {"type": "text", "text": "a"}, {**RESULT, "tool_use_id": "u"}))
    assert [message["role"] for message in read] == ["tool", "user", "tool"]


def test_a_system_prompt_may_be_missing_or_empty() -> None:
    assert read_system(None) == read_system("") == read_system([]) == []
    assert read_system("Be brief.") == [{"role": "system", "content": "Be brief."}]


def test_unsigned_thinking_and_empty_texts_are_left_out() -> None:
    (message, _) = read_turns(
        assistant(
            {"type": "thinking", "thinking": "hm", "signature": ""},
            {"type": "text", "text": ""},
            {"type": "text", "text": "x", "citations": [{"type": "char_location"}]},
        )
    )
    assert message == {"role": "assistant", "content": [{"type": "text", "text": "x"}]}


def test_a_keepsake_goes_back_to_its_call_and_to_nobody_else() -> None:
    kept = write_keepsake({"t": {"google": {"thought_signature": "c2ln"}}, "gone": {"google": {}}})
    (message, _) = read_turns(assistant({"type": "redacted_thinking", "data": kept}, USE))
    assert message["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "c2ln"}}
    assert EXTENSION not in message
