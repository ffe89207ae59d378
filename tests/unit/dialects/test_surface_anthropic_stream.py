"""How a stream is told to Anthropic's clients. The whole forms are in tests/golden/surface-anthropic."""

import json
from typing import Any

import pytest
from anthropic.types import RawMessageStreamEvent
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from extproc.dialects.anthropic_stream import AnthropicStream
from extproc.dialects.dialect import Chunk, Done, StreamItem, Unreadable
from extproc.dialects.surface_anthropic_stream import AnthropicWriter
from tests.unit.dialects.anthropic_goldens import STREAMED, stream_of
from tests.unit.dialects.surface_goldens import ASKED, STREAMS, events_of, items_of

EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)


def written(items: list[StreamItem]) -> list[dict[str, Any]]:
    writer = AnthropicWriter(ASKED)
    return events_of(b"".join(writer.write(item) for item in items))


def calling(*pieces: tuple[int, str | None, str]) -> list[StreamItem]:
    """Items of calls: index, id or None to go on, arguments."""
    calls = [
        {"index": index, **({"id": id_} if id_ else {}), "function": {"name": "f", "arguments": text}}
        for index, id_, text in pieces
    ]
    return [Chunk({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}) for call in calls]


@pytest.mark.parametrize("case", STREAMS.values(), ids=STREAMS)
def test_a_stream_is_told_as_its_golden_file_says(case: dict[str, Any]) -> None:
    events = written(items_of(case))
    assert events == case["events"]
    for event in events:
        if event["type"] != "ping":
            assert EVENT.validate_python(event).type == event["type"]


@pytest.mark.parametrize("case", STREAMS.values(), ids=STREAMS)
def test_blocks_never_overlap_and_the_end_is_said_once(case: dict[str, Any]) -> None:
    opened: list[int] = []
    kinds = [event["type"] for event in written(items_of(case))]
    assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])
    assert kinds.count("message_stop") == kinds.count("message_start") == 1
    for event in written(items_of(case)):
        match event["type"]:
            case "content_block_start":
                assert not opened
                opened.append(event["index"])
            case "content_block_delta":
                assert opened == [event["index"]]
            case "content_block_stop":
                assert opened == [event["index"]]
                opened.clear()
            case _:
                continue
    assert not opened


@given(st.sampled_from(sorted(STREAMED)), st.data())
def test_claudes_own_stream_comes_back_with_its_blocks_in_any_split(name: str, data: st.DataObject) -> None:
    given_events = STREAMED[name]["events"]
    raw = stream_of(given_events)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    reader = AnthropicStream()
    items: list[StreamItem] = []
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        items += reader.feed(raw[start:end])
    assert _blocks(written(items)) == _blocks(given_events)
    told, meant = written(items)[-2], given_events[-2]
    assert told["delta"]["stop_reason"] == meant["delta"]["stop_reason"]
    assert told["usage"]["output_tokens"] == meant["usage"]["output_tokens"]


def _blocks(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The blocks that a client puts together; empty texts are none."""
    blocks: list[dict[str, Any]] = []
    for event in events:
        match event["type"], event.get("content_block"), event.get("delta"):
            case "content_block_start", block, _:
                blocks.append({**block, "json": ""})
            case "content_block_delta", _, {"type": "input_json_delta", "partial_json": text}:
                blocks[-1]["json"] += text
            case "content_block_delta", _, {"type": kind, **rest}:
                ((field, text),) = rest.items()
                assert kind == f"{field}_delta"
                blocks[-1][field] = blocks[-1].get(field, "") + text
            case _:
                continue
    for block in blocks:
        if text := block.pop("json"):
            block["input"] = json.loads(text)
        block.pop("caller", None)
    return [block for block in blocks if block != {"type": "text", "text": ""}]


@pytest.mark.parametrize(
    "items",
    [
        calling((0, None, "{}")),
        calling((0, "a", "{}"), (1, "b", "{}"), (0, None, "{}")),
        [*calling((0, "a", '{"x":')), Done()],
        [*calling((0, "a", "[1]")), Done()],
        calling((0, "a", '{"x"'), (1, "b", "{}")),
        [Chunk({"choices": [{"delta": {"tool_calls": {"index": 0}}}]})],
        [Chunk({"choices": [{"delta": {"tool_calls": [{"index": "x", "function": {}}]}}]})],
    ],
)
def test_half_a_call_is_no_call(items: list[StreamItem]) -> None:
    with pytest.raises(Unreadable):
        written(items)


def test_a_stream_that_is_not_whole_has_no_end() -> None:
    for case in STREAMS.values():
        kinds = [event["type"] for event in written(items_of(case)[:-1])]
        assert "message_stop" not in kinds
        assert "message_delta" not in kinds


def test_an_empty_answer_is_an_answer() -> None:
    assert [event["type"] for event in written([Done()])] == ["message_start", "message_delta", "message_stop"]
    odd: list[StreamItem] = [Chunk({"choices": None}), Chunk({"choices": [{"delta": None}]}), Done()]
    assert len(written(odd)) == 3
