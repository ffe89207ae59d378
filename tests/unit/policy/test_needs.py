import json

import pytest

from extproc.model.catalog import Operation
from extproc.model.chat import ModelRequest
from extproc.model.routing import Feature, Modality, Needs
from extproc.policy.needs import read_needs

TEXT = frozenset({Modality.TEXT})


def needs_of(operation: Operation = Operation.CHAT, **payload: object) -> Needs:
    return read_needs(ModelRequest(operation, "m", is_stream=False, wants_usage=False, payload=payload))


def said(content: object, **message: object) -> list[object]:
    return [{"role": "user", "content": content, **message}]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("word", 1),
        ("words", 2),
        ("a" * 4000, 1000),
        ("ä" * 4000, 2000),
        ("語" * 4000, 3000),
        ("😀" * 1000, 1000),
        ("\ud800" * 4, 3),
    ],
)
def test_text_is_a_token_for_each_four_bytes(text: str, tokens: int) -> None:
    overhead = needs_of(messages=said("")).input_tokens
    assert needs_of(messages=said(text)).input_tokens == overhead + tokens
    assert needs_of(messages=said([{"type": "text", "text": text}])).input_tokens >= overhead + tokens


def test_tools_schemas_and_arguments_are_text_too() -> None:
    plain = needs_of(messages=said("hi"))
    schema = {"type": "object", "properties": {"place": {"description": "x" * 400}}}
    for more in (
        {"tools": [{"function": {"parameters": schema}}]},
        {"functions": [{"parameters": schema}]},
        {"response_format": {"type": "json_schema", "json_schema": schema}},
    ):
        assert needs_of(messages=said("hi"), **more).input_tokens > plain.input_tokens + 100
    named = needs_of(messages=said("hi"), tools=[{"x" * 400: {}}])
    assert named.input_tokens == plain.input_tokens + 100
    called = said(None, tool_calls=[{"function": {"name": "f", "arguments": "x" * 400}}])
    assert needs_of(messages=called).input_tokens > 100


def test_a_picture_counts_the_same_however_large_it_is() -> None:
    small, large = (
        needs_of(messages=said([{"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * size}}]))
        for size in (10, 5_000_000)
    )
    assert small == large
    assert small.modalities == TEXT | {Modality.IMAGE}
    assert 700 < small.input_tokens < 1000


@pytest.mark.parametrize(
    ("part", "modality", "tokens"),
    [
        ({"type": "input_audio", "input_audio": {"data": "A" * 200_000, "format": "mp3"}}, Modality.AUDIO, 100),
        ({"type": "input_audio", "input_audio": {"id": "kept"}}, Modality.AUDIO, 1000),
        ({"type": "file", "file": {"file_data": "A" * 200_000}}, Modality.FILE, 2000),
        ({"type": "file", "file": {"file_id": "file-1"}}, Modality.FILE, 1000),
        ({"type": "input_audio"}, Modality.AUDIO, 1000),
        ({"type": "file", "file": "odd"}, Modality.FILE, 1000),
    ],
)
def test_sound_and_files_count_by_their_size(part: object, modality: Modality, tokens: int) -> None:
    empty = needs_of(messages=said([]))
    needs = needs_of(messages=said([part]))
    assert needs.modalities == TEXT | {modality}
    assert needs.input_tokens == empty.input_tokens + tokens


def test_an_answer_that_is_spoken_needs_audio() -> None:
    assert needs_of(messages=said("hi"), modalities=["text", "audio"]).modalities == TEXT | {Modality.AUDIO}
    assert needs_of(messages=said("hi"), modalities=["text"]).modalities == TEXT


@pytest.mark.parametrize(
    ("fields", "features"),
    [
        ({}, set()),
        ({"tools": []}, set()),
        ({"tools": [{"type": "function"}]}, {Feature.TOOLS}),
        ({"functions": [{"name": "f"}]}, {Feature.TOOLS}),
        ({"response_format": {"type": "json_object"}}, set()),
        ({"response_format": {"type": "json_schema"}}, {Feature.JSON_SCHEMA}),
        ({"messages": [{"role": "tool", "content": "42", "tool_call_id": "c"}]}, {Feature.TOOLS}),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]}, {Feature.TOOLS}),
    ],
)
def test_features_are_what_the_request_uses(fields: dict[str, object], features: set[Feature]) -> None:
    assert needs_of(**{"messages": said("hi"), **fields}).features == features


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({}, None),
        ({"max_tokens": 10}, 10),
        ({"max_completion_tokens": 20, "max_tokens": 10}, 20),
        ({"max_tokens": 10, "n": 3}, 30),
        ({"n": 3}, None),
        ({"max_tokens": None, "n": None}, None),
        ({"max_tokens": True}, None),
    ],
)
def test_the_output_is_the_limit_for_every_choice_together(fields: dict[str, object], tokens: int | None) -> None:
    assert needs_of(messages=said("hi"), **fields).output_tokens == tokens


@pytest.mark.parametrize(
    ("given", "tokens"), [("x" * 400, 100), (["x" * 400, "y" * 400], 200), ([1, 2, 3], 3), ([[1, 2], [3]], 3), ([], 0)]
)
def test_what_is_to_be_embedded_is_all_input(given: object, tokens: int) -> None:
    assert needs_of(Operation.EMBEDDINGS, input=given) == Needs(tokens, 0, TEXT, frozenset())


@pytest.mark.parametrize(
    "payload",
    [
        {"messages": [1, None, "x", {"content": 5}, {"content": [1, None, {"type": 3}, {"type": []}]}]},
        {"messages": "x", "tools": "x", "response_format": "x", "modalities": 3, "max_tokens": "x"},
        {},
    ],
)
def test_what_no_api_has_is_no_reason_to_fail(payload: dict[str, object]) -> None:
    assert needs_of(**payload).input_tokens >= 0


def test_reading_does_not_change_the_request() -> None:
    payload = {"messages": said([{"type": "text", "text": "x"}]), "tools": [{"a": {"b": "c"}}]}
    before = json.dumps(payload)
    needs_of(**payload)
    assert json.dumps(payload) == before
