"""How a conversation becomes turns of blocks. The whole forms are in tests/golden/anthropic."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.anthropic_turns import data_url, write_turns
from extproc.dialects.extension import EXTENSION
from extproc.model.refusals import Refusal

USER = {"role": "user", "content": "hi"}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def part(part: object) -> dict[str, Any]:
    return {"role": "user", "content": [part]}


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([{"role": "system", "content": "s"}], "messages"),
        ([USER, {"role": "assistant", "content": "so"}], "messages[1]"),
        ([{"role": "function", "content": "x"}], "messages[0].role"),
        ([{"role": "user", "content": ""}], "messages[0].content"),
        ([{"role": "user", "content": []}], "messages[0].content"),
        ([{"role": "user", "content": None}], "messages[0].content"),
        ([{"role": "user", "content": "x", "name": "ann"}], "messages[0].name"),
        ([USER, {"role": "assistant", "audio": {"id": "a"}}, USER], "messages[1].audio"),
        ([USER, {"role": "assistant", "function_call": {"name": "f"}}, USER], "messages[1].function_call"),
        ([part({"type": "text", "text": 7})], "messages[0].content[0]"),
        ([part("text")], "messages[0].content[0]"),
        ([part({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}})], "messages[0].content[0]"),
        ([part({"type": "file", "file": {"file_id": "f-1"}})], "messages[0].content[0]"),
        (
            [part({"type": "file", "file": {"file_data": "data:text/csv;base64,YQ=="}})],
            "messages[0].content[0].file.file_data",
        ),
        (
            [part({"type": "image_url", "image_url": {"url": "ftp://a.example/x.png"}})],
            "messages[0].content[0].image_url.url",
        ),
        (
            [part({"type": "image_url", "image_url": {"url": "data:image/bmp;base64,YQ=="}})],
            "messages[0].content[0].image_url.url",
        ),
        (
            [
                {
                    "role": "system",
                    "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,YQ=="}}],
                }
            ],
            "messages[0].content",
        ),
        ([USER, {"role": "assistant", "tool_calls": {"id": "c"}}, USER], "messages[1].tool_calls"),
        ([USER, {"role": "assistant", "tool_calls": [{**CALL, "type": "custom"}]}], "messages[1].tool_calls[0]"),
        ([USER, {"role": "assistant", "tool_calls": [{**CALL, "id": None}]}], "messages[1].tool_calls[0].id"),
        ([USER, {"role": "tool", "content": "x"}], "messages[1].tool_call_id"),
        *(
            (
                [USER, {"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "f", "arguments": text}}]}],
                "messages[1].tool_calls[0].function.arguments",
            )
            for text in ("{", "[]", '"x"', 7, "[" * 100_000, '{"a":NaN}', r'{"a":"\ud800"}', '{"a":1e999}')
        ),
    ],
)
def test_what_has_no_form_here_is_refused_with_its_place(messages: list[dict[str, Any]], param: str) -> None:
    with pytest.raises(Refusal) as caught:
        write_turns(messages)
    assert (caught.value.kind.code, caught.value.param) == ("invalid_request", param)


_WORDS = ("role", "content", "type", "text", "image_url", "url", "tool_calls", "function", "arguments", "id", "refusal")
_JSON = st.recursive(
    st.none() | st.integers() | st.sampled_from(["user", "assistant", "tool", "text", "image_url", "function", "{}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_WORDS), inner, max_size=4),
    max_leaves=10,
)


@given(st.lists(st.dictionaries(st.sampled_from(_WORDS), _JSON, max_size=4), max_size=3))
def test_whatever_is_said_is_written_or_refused(messages: list[dict[str, Any]]) -> None:
    with contextlib.suppress(Refusal):
        json.dumps(write_turns([*messages, USER]))


def test_an_empty_assistants_turn_is_none() -> None:
    _, turns = write_turns([USER, {"role": "assistant", "content": ""}, USER])
    assert turns == [{"role": "user", "content": [{"type": "text", "text": "hi"}] * 2}]


def test_the_request_itself_is_left_as_it_was() -> None:
    messages = [USER, {"role": "user", "content": [{"type": "text", "text": "a"}]}]
    write_turns(messages)
    assert messages == [USER, {"role": "user", "content": [{"type": "text", "text": "a"}]}]


def test_ids_that_differ_stay_different_and_good_ones_stay() -> None:
    def id_of(id_: str) -> str:
        _, turns = write_turns([{"role": "tool", "tool_call_id": id_, "content": "x"}])
        found: str = turns[0]["content"][0]["tool_use_id"]
        return found

    assert id_of("toolu_01-A") == "toolu_01-A"
    assert id_of("a.b") != id_of("a:b")
    assert set(id_of("é:1")) <= set("hex_0123456789abcdef")


@pytest.mark.parametrize(
    "url", ["data:image/png,abc", "data:image/png;base64,", "data:;base64,YQ==", "data:image/png;base64,Y Q=", "x"]
)
def test_only_base64_is_data(url: str) -> None:
    assert data_url(url) is None


def test_the_provider_is_given_an_images_address() -> None:
    _, turns = write_turns([part({"type": "image_url", "image_url": {"url": "https://a.example/x.png"}})])
    source = {"type": "url", "url": "https://a.example/x.png"}
    assert turns[0]["content"] == [{"type": "image", "source": source}]


def test_a_layout_puts_each_block_in_its_place_and_loses_none() -> None:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    said = {"role": "assistant", "content": [{"type": "text", "text": each} for each in "ab"], "tool_calls": [CALL]}
    cases: list[tuple[list[Any], list[str]]] = [
        ([thought, "call", "text"], ["thinking", "tool_use", "text", "text"]),
        (["call", "call", "call"], ["tool_use", "text", "text"]),
        ([], ["text", "text", "tool_use"]),
    ]
    for layout, expected in cases:
        _, turns = write_turns([USER, {**said, EXTENSION: {"layout": layout}}, USER])
        assert [block["type"] for block in turns[1]["content"]] == expected
