"""Anthropic's events as chunks: against goldens in every split, and what a broken stream is."""

import contextlib
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.anthropic_stream import AnthropicStream
from extproc.dialects.dialect import Done, Ping, ProviderFailed, StreamItem, Unreadable
from tests.unit.dialects.anthropic_goldens import STREAMED, chunks_of, said, stream_of

EVENTS: list[dict[str, Any]] = STREAMED["streamed_tools"]["events"]
START, TEXT = EVENTS[0], EVENTS[1]


def read(*pieces: bytes) -> list[StreamItem]:
    reader = AnthropicStream()
    items = [item for piece in pieces for item in reader.feed(piece)]
    assert not reader.has_rest
    return items


@pytest.mark.parametrize("case", STREAMED.values(), ids=STREAMED)
def test_a_stream_is_read_as_its_golden_file_says(case: dict[str, Any]) -> None:
    items = read(stream_of(case["events"]))
    assert said(items) == chunks_of(case)
    assert items[-1] == Done()
    assert items.count(Done()) == 1


@pytest.mark.parametrize("case", STREAMED.values(), ids=STREAMED)
def test_byte_by_byte_is_the_same_as_whole(case: dict[str, Any]) -> None:
    data = stream_of(case["events"])
    assert read(*(data[i : i + 1] for i in range(len(data)))) == read(data)


@given(st.integers(), st.sampled_from(list(STREAMED)))
def test_any_split_is_the_same_as_whole(seed: int, name: str) -> None:
    data = stream_of(STREAMED[name]["events"])
    source = random.Random(seed)  # noqa: S311 - cuts a stream, guards nothing
    cuts = sorted(source.sample(range(1, len(data)), 12))
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert read(*pieces) == read(data)


def test_a_ping_is_a_ping() -> None:
    assert Ping() in read(stream_of(EVENTS))
    assert read(b'event: ping\ndata: {"type": "ping"}\n\n', b": comment\n\n") == [Ping(), Ping()]


def test_what_later_versions_may_add_is_ignored() -> None:
    more = [
        {"type": "something_new", "a": 1},
        {"type": "content_block_start", "index": 7, "content_block": {"type": "server_tool_use", "id": "s"}},
        {"type": "content_block_delta", "index": 7, "delta": {"type": "input_json_delta", "partial_json": "{"}},
        {"type": "content_block_delta", "index": 7, "delta": {"type": "new_delta"}},
        {"type": "content_block_stop", "index": 7},
        {"type": "message_delta", "delta": {"stop_reason": None}, "usage": {"output_tokens": None}},
    ]
    assert read(stream_of([START, *more, *EVENTS[1:]])) == read(stream_of(EVENTS))


def test_a_tool_that_begins_with_its_input_has_it() -> None:
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": [1]}}
    events = [START, {"type": "content_block_start", "index": 0, "content_block": block}]
    items = read(stream_of([*events, {"type": "content_block_stop", "index": 0}]))
    assert said(items)[-1]["choices"][0]["delta"]["tool_calls"] == [
        {"index": 0, "function": {"arguments": '{"a":[1]}'}}
    ]


def test_a_reason_that_is_told_twice_is_told_once() -> None:
    again = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 89}}
    assert read(stream_of([*EVENTS[:-1], again, EVENTS[-1]])) == read(stream_of(EVENTS))


_WORDS = ("type", "index", "message", "delta", "content_block", "usage", "stop_reason", "text", "id", "name", "input")
_JSON = st.recursive(
    st.none() | st.integers(0, 1) | st.sampled_from(sorted({event["type"] for event in EVENTS} | {"text", "tool_use"})),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(_WORDS), inner, max_size=5),
    max_leaves=10,
)


@given(st.lists(_JSON, max_size=4))
def test_whatever_comes_is_read_or_unreadable(events: list[Any]) -> None:
    reader = AnthropicStream()
    reader.feed(stream_of([START]))
    with contextlib.suppress(Unreadable, ProviderFailed):
        for event in events:
            reader.feed(f"data: {json.dumps(event)}\n\n".encode())


def test_without_usage_there_is_no_usage_chunk() -> None:
    bare = {"type": "message_start", "message": {"id": "m", "model": "x"}}
    end = [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"}]
    items = read(stream_of([bare, *end]))
    assert items[-1] == Done()
    assert all(chunk["choices"] for chunk in said(items))


@pytest.mark.parametrize("cut", range(len(EVENTS)))
def test_nothing_but_the_end_is_done(cut: int) -> None:
    assert Done() not in read(stream_of(EVENTS[:cut]))


@pytest.mark.parametrize(
    "events",
    [
        [{"no": "type"}],
        [TEXT],
        [{"type": "message_stop"}],
        [{"type": "message_start"}],
        [START, START],
        [START, TEXT, TEXT],
        [START, {"type": "content_block_start", "index": True, "content_block": {"type": "text", "text": ""}}],
        [START, {"type": "content_block_start", "index": 0, "content_block": "text"}],
        [START, {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "t"}}],
        [START, {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}}],
        [START, TEXT, {"type": "content_block_delta", "index": [], "delta": {"type": "text_delta", "text": "x"}}],
        [START, TEXT, {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta"}}],
        [START, TEXT, {"type": "content_block_delta", "index": 0}],
        [START, {"type": "content_block_stop", "index": 0}],
        [START, {"type": "message_delta"}],
        [START, {"type": "message_delta", "delta": {"stop_reason": "something_new"}}],
        [START, {"type": "message_stop"}],
        [START, TEXT, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"}],
    ],
)
def test_events_out_of_form_or_order_are_unreadable(events: list[dict[str, Any]]) -> None:
    *good, bad = events
    reader = AnthropicStream()
    reader.feed(stream_of(good))
    with pytest.raises(Unreadable):
        reader.feed(f"data: {json.dumps(bad)}\n\n".encode())


@pytest.mark.parametrize("event", [b"data: {\n\n", b"data: 7\n\n", b"data: [DONE]\n\n"])
def test_what_is_no_event_is_unreadable(event: bytes) -> None:
    with pytest.raises(Unreadable):
        read(stream_of([START]), event)


def test_an_error_event_is_the_providers_failure() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with pytest.raises(ProviderFailed):
        read(stream_of([*EVENTS[:5], error]))


def test_half_an_event_is_held() -> None:
    reader = AnthropicStream()
    assert reader.feed(b"data: {") == []
    assert reader.has_rest
