"""Nothing a model reads or writes is beyond the firewall: a canary is put wherever a string or a key can stand.

The walk here knows nothing of the code it holds to account: it goes over the JSON as it is. THREATS D02, D03, D07.
"""

import base64
import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from openai.types.embedding_create_params import EmbeddingCreateParams

from extproc.dialects.dialect import Answer
from extproc.dialects.surface_anthropic_request import read_messages
from extproc.exchange.output_guard import Stopped
from extproc.guard.leaves import request_leaves, with_edits
from extproc.guard.read import read
from extproc.model.catalog import Operation
from extproc.model.guard import Edit, Leaf
from extproc.model.guard_policy import Action
from extproc.model.refusals import Refusal
from tests.guard_world import guard, words
from tests.sdk_shapes import samples

CANARY = "zq-canary-7731"
_GOLDEN = Path(__file__).parents[1] / "golden"
_REQUESTS = ("request", "canonical", "plain")
_ANSWERS = ("answer",)

# Fields that the SDK's types leave open or do not know, and what other servers add.
_MORE_REQUESTS = [
    {
        "model": "m",
        "messages": [
            {"role": "system", "content": "be brief", "x_unknown": {"deep": ["words", {"k": "v"}]}},
            {"role": "user", "content": [{"type": "text", "text": "hi"}, "bare", {"type": "image_url", "image_url": {
                "url": "https://example.com/i.png"}}, {"type": "file", "file": {"file_data": "x", "filename": "f"}},
                {"type": "input_audio", "input_audio": {"data": "abcd", "format": "wav"}}]},
            {"role": "assistant", "content": None, "reasoning_content": "thought", "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": {"b": ["c", 1]}}'}}]},
            {"role": "tool", "tool_call_id": "c", "content": '{"found": ["x", {"y": "z"}]}'},
            {"role": "function", "name": "g", "content": "result"},
            {"role": "assistant", "function_call": {"name": "h", "arguments": "not json"}},
        ],
        "x_context": ["a document", {"text": "another", "source": "s", "title": "t", "more": {"deep": "x"}}],
        "logit_bias": {"50256": -100},
    },
    {"model": "m", "messages": "no array", "x_context": {"text": "no array"}, "input": {"odd": "x"}},
    {"model": "m", "messages": [["nested"], "bare", {"role": 3, "content": {"odd": "x"}}]},
    {"model": "m", "input": [["nested"], [1, 2], "bare"]},
]  # fmt: skip
_MORE_ANSWERS = [
    {"choices": [{"message": {"content": ["odd", {"text": "t"}], "audio": {"transcript": "t", "data": "AAAA"}},
                  "logprobs": {"content": [{"token": "a", "bytes": [97], "top_logprobs": [{"token": "b"}]}]}},
                 {"message": {"content": "two", "reasoning": "r"}}, "odd", {"text": "legacy", "logprobs": {
                     "tokens": ["a", "b"], "top_logprobs": [{"a": -1.0}]}}],
     "citations": ["https://example.com"], "x_unknown": {"deep": [["words"]]}},
]  # fmt: skip


def _goldens(names: tuple[str, ...], folders: str = "*") -> Iterator[dict[str, Any]]:
    for path in sorted(_GOLDEN.glob(f"{folders}/*.json")):
        golden = json.loads(path.read_text())
        if isinstance(golden, dict):
            yield from (golden[name] for name in names if isinstance(golden.get(name), dict))


REQUESTS = [
    *samples(CompletionCreateParamsNonStreaming),
    *samples(EmbeddingCreateParams),
    *(each for each in _goldens(_REQUESTS) if "messages" in each),
    *_MORE_REQUESTS,
]
ANSWERS = [
    *samples(ChatCompletion),
    *samples(CreateEmbeddingResponse),
    *samples(Completion),
    *(each for each in _goldens(_ANSWERS) if "choices" in each),
    *_MORE_ANSWERS,
]
ANTHROPIC = [each for each in _goldens(("request", "sent"), "surface-anthropic") if "messages" in each]


def _spots(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every string, and with None at its end to every key."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield (*path, key, None)
            yield from _spots(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _spots(each, (*path, index))


def _planted(value: Any, spot: tuple[Any, ...], text: str = CANARY) -> Any:
    planted = copy.deepcopy(value)
    is_key = spot[-1] is None
    way = spot[:-1] if is_key else spot
    parent = planted
    for step in way[:-1]:
        parent = parent[step]
    if is_key:
        items = [(text if key == way[-1] else key, each) for key, each in parent.items()]
        parent.clear()
        parent.update(items)
    else:
        parent[way[-1]] = text
    return planted


def _missed(shape: Any, leaves_of: Any) -> list[tuple[Any, ...]]:
    return [
        spot
        for spot in _spots(shape)
        if not any(CANARY in leaf.text for leaf in leaves_of(_planted(shape, spot)))
    ]  # fmt: skip


def test_there_are_shapes_of_every_kind() -> None:
    roles = {message.get("role") for each in REQUESTS for message in each.get("messages", []) if type(message) is dict}
    assert {"developer", "system", "user", "assistant", "tool", "function"} <= roles
    text = json.dumps(REQUESTS) + json.dumps(ANSWERS)
    fields = {"input_audio", "file_data", "image_url", "json_schema", "prediction", "web_search_options", "metadata"}
    fields |= {"logit_bias", "grammar", "annotations", "logprobs", "transcript", "reasoning_content", "refusal"}
    assert {each for each in fields if f'"{each}"' not in text} == set()
    assert len(ANTHROPIC) > 10


@pytest.mark.parametrize("shape", REQUESTS, ids=range(len(REQUESTS)))
def test_a_canary_in_any_string_or_key_of_a_request_is_in_a_leaf(shape: dict[str, Any]) -> None:
    assert _missed(shape, request_leaves) == []


@pytest.mark.parametrize("shape", ANSWERS, ids=range(len(ANSWERS)))
async def test_a_canary_in_any_string_or_key_of_an_answer_is_stopped(shape: dict[str, Any]) -> None:
    for spot in _spots(shape):
        answer = Answer(b"", None, value=_planted(shape, spot))
        with pytest.raises(Stopped):
            await guard(words(Action.BLOCK, CANARY)).answer(answer)


@pytest.mark.parametrize("body", ANTHROPIC, ids=range(len(ANTHROPIC)))
@pytest.mark.parametrize("operation", [Operation.CHAT, Operation.COUNT_TOKENS])
def test_whatever_of_an_anthropic_request_goes_on_is_in_a_leaf(body: dict[str, Any], operation: Operation) -> None:
    found = 0
    for spot in _spots(body):
        try:
            payload = read_messages(operation, json.dumps(_planted(body, spot)).encode()).payload
        except Refusal:
            continue
        if CANARY in json.dumps(payload):
            assert any(CANARY in leaf.text for leaf in request_leaves(payload)), spot
            found += 1
    assert found or operation is Operation.COUNT_TOKENS


@pytest.mark.parametrize("shape", _MORE_REQUESTS[:1])
def test_a_canary_within_the_arguments_of_a_call_is_read_with_and_without_escapes(shape: dict[str, Any]) -> None:
    arguments = {"a": {"b": ["c", {"d": "e"}]}, "f": "g"}
    escaped = "".join(f"\\u{ord(each):04x}" for each in CANARY)
    way = ("messages", 2, "tool_calls", 0, "function", "arguments")
    for spot in _spots(arguments):
        for written in (CANARY, escaped):
            text = json.dumps(_planted(arguments, spot, "HERE")).replace("HERE", written)
            leaves = request_leaves(_planted(shape, way, text))
            assert any(CANARY in leaf.text for leaf in leaves), (spot, written)


def test_a_canary_split_over_strings_that_follow_each_other_is_whole_somewhere() -> None:
    for at in range(1, len(CANARY)):
        head, tail = CANARY[:at], CANARY[at:]
        for messages in (
            [{"role": "user", "content": [{"type": "text", "text": head}, {"type": "text", "text": tail}]}],
            [{"role": "user", "content": head}, {"role": "user", "content": tail}],
            [{"role": "tool", "content": f"x {head}"}, {"role": "tool", "content": f"{tail} y"}],
            [_called({"a": head, "b": tail})],
            [_called({"a": [head], "b": {"c": tail}})],
            [_called({f"{head} ": 1, "x": 1}), _called({"a": head, "n": 3, "b": tail})],
        ):
            assert any(CANARY in leaf.text for leaf in request_leaves({"messages": messages})), messages


def _called(arguments: dict[str, Any]) -> dict[str, Any]:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": json.dumps(arguments)}}
    return {"role": "assistant", "tool_calls": [call]}


_EDITED = [*REQUESTS[::4], *_MORE_REQUESTS]


@pytest.mark.parametrize("shape", _EDITED, ids=range(len(_EDITED)))
def test_every_stretch_of_every_leaf_can_be_replaced_and_nothing_else_changes(shape: dict[str, Any]) -> None:
    before = copy.deepcopy(shape)
    for spot in _spots(shape):
        planted = _planted(shape, spot, f"a {CANARY} b")
        for leaf in request_leaves(planted):
            at = leaf.text.find(CANARY)
            if at < 0:
                continue
            done = with_edits(planted, {leaf.place: [Edit(at, at + len(CANARY), "[X]")]})
            assert json.dumps(done) == json.dumps(planted).replace(CANARY, "[X]")
    assert shape == before


_JSON = st.recursive(
    st.text(st.sampled_from('ab"\\\u00e9\n \U0001f600/'), max_size=6) | st.integers(-9, 9) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab"\\', max_size=3), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(arguments=st.dictionaries(st.text('ab"\\', max_size=3), _JSON, max_size=4), data=st.data())
def test_arguments_are_json_whatever_is_replaced_in_them(arguments: dict[str, Any], data: st.DataObject) -> None:
    payload = {"messages": [_called(arguments)]}
    leaves = [leaf for leaf in request_leaves(payload) if "arguments" in leaf.place]
    edits = {}
    for leaf in data.draw(st.lists(st.sampled_from(leaves), max_size=3, unique_by=lambda each: each.place)):
        edits[leaf.place] = data.draw(_edits(leaf))
    done = with_edits(payload, edits)
    text = done["messages"][0]["tool_calls"][0]["function"]["arguments"]  # type: ignore[index]
    assert isinstance(json.loads(text), dict)


def _edits(leaf: Leaf) -> st.SearchStrategy[list[Edit]]:
    ends = st.integers(0, len(leaf.text))
    spans = st.tuples(ends, ends).map(sorted)
    return st.lists(
        st.builds(lambda span, text: Edit(span[0], span[1], text), spans, st.sampled_from(["[X]", 'a"\\b', ""]))
    )


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(st.text(max_size=30), min_size=1, max_size=5), at=st.integers(0, 60), size=st.integers(1, 40))
def test_an_edit_of_a_joined_leaf_is_made_in_each_of_its_strings(texts: list[str], at: int, size: int) -> None:
    payload = {"messages": [{"role": "user", "content": text} for text in texts]}
    for leaf in request_leaves(payload):
        if leaf.place[-1] == "#joined":
            start, end = min(at, len(leaf.text)), min(at + size, len(leaf.text))
            done = with_edits(payload, {leaf.place: [Edit(start, end, "[X]")]})
            written = "".join(each["content"] for each in done["messages"])  # type: ignore[attr-defined, index]
            expected = leaf.text[:start] + ("[X]" if end > start else "") + leaf.text[end:]
            assert written == expected


def test_leaves_grow_with_the_request_and_not_with_its_square() -> None:
    def size(messages: int) -> int:
        turn = [{"type": "text", "text": "word " * 20}, {"type": "text", "text": "word " * 20}]
        payload = {"messages": [{"role": "user", "content": turn}, _called({"a": "b" * 99, "c": '"' * 9})] * messages}
        return sum(len(leaf.text) for leaf in request_leaves(payload))

    assert size(400) < 4.2 * size(100)
    several = [{"role": "user", "content": "word " * 2_000}] * 60
    assert sum(len(leaf.text) for leaf in request_leaves({"messages": several})) < 2 * 60 * 10_000


def test_a_leaf_of_a_file_is_read_decoded() -> None:
    url = "data:text/plain;base64," + "emVicmEgY2FuYXJ5IHdpdGggc29tZSBtb3JlIHdvcmRz"
    payload = {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": url}}]}]}
    readings = [read(leaf) for leaf in request_leaves(payload)]
    assert any("zebra canary" in view.text for reading in readings for view in reading.views)


@pytest.mark.parametrize("size", [21, 32, 44])
def test_encoded_text_split_over_parts_messages_and_arguments_is_read_whole(size: int) -> None:
    said = "zebra canary, and some more words to encode"
    text = base64.b64encode(said.encode()).decode()
    head, tail = text[:size], text[size:]
    for messages in (
        [{"role": "user", "content": [{"type": "text", "text": head}, {"type": "text", "text": tail}]}],
        [{"role": "tool", "content": head}, {"role": "tool", "content": tail}],
        [_called({"first": head, "second": [tail]})],
        [_called({head: 1, tail.rstrip("="): 2})],
    ):
        readings = [read(leaf) for leaf in request_leaves({"messages": messages})]
        assert any(said in view.text for reading in readings for view in reading.views), messages
