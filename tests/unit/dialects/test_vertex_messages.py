"""What of a conversation Gemini has no form for. How the rest is said is in tests/golden/vertex."""

from typing import Any

import pytest

from extproc.dialects.vertex_messages import read_conversation
from extproc.model.refusals import INVALID_REQUEST, Refusal

USER = {"role": "user", "content": "Hi"}
PNG = "data:image/png;base64,iVBORw0KGgo="


def call(name: str = "c1", arguments: object = "{}", **fields: Any) -> dict[str, Any]:
    return {"id": name, "type": "function", "function": {"name": "f", "arguments": arguments}, **fields}


def calling(*calls: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls), **fields}


def result(name: str = "c1", content: object = "done", **fields: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": name, "content": content, **fields}


def user(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def image(url: str = PNG, **fields: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **fields}}


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([USER, {"role": "system", "content": "late"}], "messages[1].role"),
        ([{"role": "system", "content": "alone"}], "messages"),
        ([{"role": "function", "name": "f", "content": "x"}], "messages[0].role"),
        ([{"content": "x"}], "messages[0].role"),
        ([{**USER, "name": "Ann"}], "messages[0].name"),
        ([{**USER, "cache_control": {}}], "messages[0].cache_control"),
        ([{"role": "user", "content": None}], "messages[0].content"),
        ([{"role": "user", "content": []}], "messages[0].content"),
        ([{"role": "user", "content": ["x"]}], "messages[0].content"),
        ([user({"type": "input_audio", "input_audio": {}})], "messages[0].content[0].type"),
        ([user({"type": "file", "file": {}})], "messages[0].content[0].type"),
        ([user({"type": "text", "text": 7})], "messages[0].content[0].type"),
        ([user({"type": "text", "text": "x", "cache_control": {}})], "messages[0].content[0].cache_control"),
        ([user(image("https://example.com/a.png"))], "messages[0].content[0].image_url.url"),
        ([user(image("data:text/html;base64,aGk="))], "messages[0].content[0].image_url.url"),
        ([user(image("data:image/png,raw"))], "messages[0].content[0].image_url.url"),
        ([user(image(PNG + "\n"))], "messages[0].content[0].image_url.url"),
        ([user({"type": "image_url", "image_url": PNG})], "messages[0].content[0].image_url"),
        ([user(image(detail="original"))], "messages[0].content[0].image_url.detail"),
        ([user(image(detail="low"), image(detail="high"))], "messages"),
        ([{"role": "assistant", "content": None}], "messages[0].content"),
        ([{"role": "assistant", "content": ""}], "messages[0].content"),
        ([{"role": "assistant", "content": "x", "audio": {"id": "a"}}], "messages[0].audio"),
        ([{"role": "assistant", "content": "x", "function_call": {}}], "messages[0].function_call"),
        ([calling(call(), call())], "messages[0].tool_calls[1].id"),
        ([calling(call(type="custom"))], "messages[0].tool_calls[0].type"),
        ([calling(call(arguments="[1]"))], "messages[0].tool_calls[0].function.arguments"),
        ([calling(call(arguments='{"a":1,"a":2}'))], "messages[0].tool_calls[0].function.arguments"),
        ([calling(call(arguments={}))], "messages[0].tool_calls[0].function"),
        ([calling(call()), result("c2")], "messages[1].tool_call_id"),
        ([calling(call()), result(), result()], "messages[2].tool_call_id"),
        ([result()], "messages[0].tool_call_id"),
        ([calling(call()), result(), USER, result()], "messages[3].tool_call_id"),
        ([calling(call(), call("c2")), result(), USER], "messages[2]"),
        ([calling(call())], "messages"),
        ([calling(call()), result(content=[image()])], "messages[1].content[0].type"),
    ],
)
def test_what_gemini_has_no_form_for_is_refused_by_its_name(messages: list[dict[str, Any]], param: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_conversation(messages)
    assert (caught.value.kind, caught.value.param) == (INVALID_REQUEST, param)


def test_null_is_as_good_as_absent() -> None:
    message = {**USER, "name": None, "audio": None}
    assert read_conversation([message]).contents == [{"role": "user", "parts": [{"text": "Hi"}]}]


def test_an_image_without_a_wish_leaves_the_resolution_to_the_model() -> None:
    assert read_conversation([user(image(), image(detail="auto"))]).resolution is None
    assert read_conversation([user(image(detail="high"))]).resolution == "MEDIA_RESOLUTION_HIGH"


def test_what_an_assistant_refused_is_what_it_said() -> None:
    refusals = [
        {"role": "assistant", "content": None, "refusal": "No."},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}], "reasoning_content": "Hm."},
    ]
    contents = read_conversation([USER, *refusals]).contents
    assert contents[1:] == [{"role": "model", "parts": [{"text": "No."}]}] * 2


def test_the_same_id_may_name_a_call_of_each_turn() -> None:
    contents = read_conversation([USER, calling(call()), result(), calling(call()), result(content="again")]).contents
    answers = [
        part["functionResponse"]["response"]["output"]
        for each in contents
        for part in each["parts"]
        if "functionResponse" in part
    ]
    assert answers == ["done", "again"]


@pytest.mark.parametrize("extra", [None, "x", {}, {"google": 7}, {"google": {"thought_signature": 7}}, {"other": {}}])
def test_only_a_signature_is_sent_as_one(extra: object) -> None:
    part = read_conversation([USER, calling(call(extra_content=extra)), result()]).contents[1]["parts"][0]
    assert part == {"functionCall": {"name": "f", "args": {}}}
