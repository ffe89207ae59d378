"""How a conversation becomes Converse's turns. The goldens in test_bedrock have whole conversations."""

import json
from typing import Any

import pytest

from extproc.dialects.bedrock_messages import has_tool_blocks, write_messages
from extproc.model.refusals import Refusal

CALL = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
USER = {"role": "user", "content": "Hi"}


def turns(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    return write_messages(messages)[1]


def refused(*messages: dict[str, Any]) -> str | None:
    with pytest.raises(Refusal) as caught:
        write_messages(messages)
    assert caught.value.message.startswith(str(caught.value.param))
    return caught.value.param


def user_part(part: object) -> dict[str, Any]:
    return {"role": "user", "content": [part]}


def image(url: object, **more: object) -> dict[str, Any]:
    return user_part({"type": "image_url", "image_url": {"url": url, **more}})


def call(**changes: object) -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": [{**CALL, **changes}]}


def result(content: object, call_id: object = "c1") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def test_system_messages_are_lifted_out_in_their_order_wherever_they_stand() -> None:
    late = {"role": "developer", "content": "B"}
    system, conversation = write_messages([{"role": "system", "content": "A"}, USER, late, USER])
    assert system == [{"text": "A"}, {"text": "B"}]
    assert conversation == [{"role": "user", "content": [{"text": "Hi"}, {"text": "Hi"}]}]


def test_an_empty_system_message_is_none() -> None:
    assert write_messages([{"role": "system", "content": ""}, USER])[0] == []


def test_turns_of_one_role_are_merged_and_others_are_not() -> None:
    answer = {"role": "assistant", "content": "A"}
    assert [turn["role"] for turn in turns(USER, USER, answer, answer, USER)] == ["user", "assistant", "user"]


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"content": "x"}, "messages[1].role"),
        ({"role": "function", "name": "f", "content": "x"}, "messages[1].role"),
        ({"role": ["user"], "content": "x"}, "messages[1].role"),
        ({**USER, "name": "Ann"}, "messages[1].name"),
        ({**USER, "tool_calls": [CALL]}, "messages[1].tool_calls"),
        ({"role": "assistant", "function_call": {}}, "messages[1].function_call"),
        ({"role": "assistant", "audio": {"id": "a"}}, "messages[1].audio"),
        ({"role": "user"}, "messages[1].content"),
        ({"role": "user", "content": ""}, "messages[1].content"),
        ({"role": "user", "content": []}, "messages[1].content"),
        ({"role": "user", "content": 1}, "messages[1].content"),
        ({"role": "assistant", "content": None}, "messages[1].content"),
        ({"role": "assistant", "refusal": 1}, "messages[1].refusal"),
        ({"role": "assistant", "tool_calls": {}}, "messages[1].tool_calls"),
        ({"role": "assistant", "content": [{"type": "image_url"}]}, "messages[1].content[0].type"),
        (user_part("x"), "messages[1].content[0].type"),
        (user_part({"type": "text", "text": None}), "messages[1].content[0].text"),
        (user_part({"type": "refusal", "refusal": "x"}), "messages[1].content[0].type"),
        (user_part({"type": "input_audio", "input_audio": {}}), "messages[1].content[0].type"),
        (user_part({"type": "file", "file": {"file_id": "f"}}), "messages[1].content[0].type"),
        ({"role": "system", "content": image("data:image/png;base64,AA==")["content"]}, "messages[1].content[0].type"),
        (result([{"type": "image_url", "image_url": {"url": "x"}}]), "messages[1].content[0].type"),
        (result(None), "messages[1].content"),
        (result("x", None), "messages[1].tool_call_id"),
        (result("x", "a/b"), "messages[1].tool_call_id"),
        (result("x", "a" * 65), "messages[1].tool_call_id"),
        (call(id=""), "messages[1].tool_calls[0].id"),
        (call(id=3), "messages[1].tool_calls[0].id"),
        (call(type="custom"), "messages[1].tool_calls[0]"),
        (call(function={"name": "now"}), "messages[1].tool_calls[0]"),
        (call(function={"name": "a b", "arguments": "{}"}), "messages[1].tool_calls[0].function.name"),
        (call(function={"name": "now", "arguments": "[]"}), "messages[1].tool_calls[0].function.arguments"),
        (call(function={"name": "now", "arguments": "{"}), "messages[1].tool_calls[0].function.arguments"),
        (call(function={"name": "n", "arguments": '{"a":1,"a":2}'}), "messages[1].tool_calls[0].function.arguments"),
    ],
)
def test_what_converse_cannot_hold_is_refused_by_its_place(message: dict[str, Any], param: str) -> None:
    assert refused(USER, message) == param


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/a.png",
        "data:image/tiff;base64,AA==",
        "data:image/png,AA==",
        "data:image/png;base64,",
        "data:image/png;base64,A",
        "data:image/png;base64,A-_=",
        "data:image/png;base64,AA==\n",
        "data:image/png;base64,é",
    ],
)
def test_an_image_is_a_data_url_of_a_kind_that_converse_takes(url: str) -> None:
    assert refused(image(url)) == "messages[0].content[0].image_url.url"


@pytest.mark.parametrize("detail", [None, "auto", "low", "high"])
def test_an_image_is_seen_whole_whatever_detail_is_enough(detail: str | None) -> None:
    url = "data:image/png;base64,AA=="
    assert write_messages([image(url, detail=detail)]) == write_messages([image(url)])
    assert refused(image(url, detail="most")) == "messages[0].content[0].image_url.detail"
    assert refused(image(url, detail={})) == "messages[0].content[0].image_url.detail"


@pytest.mark.parametrize(("kind", "expected"), [("PNG", "png"), ("jpg", "jpeg"), ("gif", "gif"), ("webp", "webp")])
def test_an_images_format_comes_from_its_media_type(kind: str, expected: str) -> None:
    (turn,) = turns(image(f"data:image/{kind};base64,AA=="))
    assert turn["content"] == [{"image": {"format": expected, "source": {"bytes": "AA=="}}}]


@pytest.mark.parametrize(
    ("content", "blocks"),
    [
        ("plain", [{"text": "plain"}]),
        ('{"a": 1.5}', [{"json": {"a": 1.5}}]),
        ("[1]", [{"text": "[1]"}]),
        ("{not json", [{"text": "{not json"}]),
        ('{"a":1,"a":2}', [{"text": '{"a":1,"a":2}'}]),
        ("", []),
        ([{"type": "text", "text": "{}"}, {"type": "text", "text": "x"}], [{"text": "{}"}, {"text": "x"}]),
    ],
)
def test_a_tools_result_is_json_where_it_is_an_object_and_text_otherwise(content: object, blocks: list[Any]) -> None:
    assert turns(result(content)) == [
        {"role": "user", "content": [{"toolResult": {"toolUseId": "c1", "content": blocks}}]}
    ]


def test_an_assistants_refusal_is_what_it_said_and_its_notes_are_dropped() -> None:
    said = {"role": "assistant", "content": "A", "refusal": "B", "annotations": [], "reasoning_content": "C"}
    assert turns(said) == [{"role": "assistant", "content": [{"text": "A"}, {"text": "B"}]}]


def test_a_call_without_arguments_has_an_empty_input() -> None:
    (turn,) = turns(call(function={"name": "now", "arguments": " "}))
    assert turn["content"][0]["toolUse"]["input"] == {}


def test_a_conversation_is_more_than_its_system_message() -> None:
    assert refused({"role": "system", "content": "A"}) == "messages"


def test_tool_blocks_are_seen_on_either_side() -> None:
    assert has_tool_blocks(turns(USER, call()))
    assert has_tool_blocks(turns(result("x")))
    assert not has_tool_blocks(turns(USER))
    assert json.dumps(turns(USER))
