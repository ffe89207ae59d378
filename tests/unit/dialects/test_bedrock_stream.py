"""How ConverseStream's events are read: whole, byte by byte and in random splits."""

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.bedrock import Bedrock
from extproc.dialects.bedrock_stream import ConverseStream
from extproc.dialects.dialect import Chunk, Done, Ping, ProviderFailed, StreamItem, Unreadable
from extproc.exchange.plain_body import FailedAttempt
from extproc.exchange.stream_body import StreamBody
from extproc.model.exchange import Usage
from tests.aws_messages import encode, event, exception
from tests.unit.dialects.bedrock_cases import CASES, STREAMED, stream_bytes
from tests.unit.exchange.worlds import voice

START = event("messageStart", {"role": "assistant"})
TEXT = event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hi"}})
STOP = event("messageStop", {"stopReason": "end_turn"})
META = event("metadata", {"usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}, "metrics": {}})


def chunks(items: list[StreamItem]) -> list[dict[str, Any]]:
    return [item.value for item in items if isinstance(item, Chunk)]


def expected(case: dict[str, Any]) -> list[dict[str, Any]]:
    head = {"id": "", "object": "chat.completion.chunk", "created": 0, "model": ""}
    return [
        {**head, "choices": [], "usage": each["usage"]}
        if "usage" in each
        else {**head, "choices": [{"index": 0, **each, "logprobs": None}]}
        for each in case["chunks"]
    ]


def read(data: bytes, cuts: list[int]) -> list[StreamItem]:
    reader = ConverseStream()
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    items = [item for piece in pieces for item in reader.feed(piece)]
    assert not reader.has_rest
    return items


@pytest.mark.parametrize("name", STREAMED)
def test_a_stream_becomes_the_chunks_of_the_golden_file_in_any_split(name: str) -> None:
    data = stream_bytes(CASES[name])
    whole = read(data, [])
    assert chunks(whole) == expected(CASES[name])
    assert whole[-1] == Done()
    assert whole.count(Done()) == 1
    assert read(data, list(range(1, len(data)))) == whole
    draw = random.Random(5)  # noqa: S311
    for _ in range(20):
        assert read(data, sorted(draw.sample(range(len(data)), 6))) == whole


@pytest.mark.parametrize("name", STREAMED)
def test_a_chunks_raw_json_is_its_value(name: str) -> None:
    for item in read(stream_bytes(CASES[name]), []):
        if isinstance(item, Chunk):
            assert item.raw is not None
            assert json.loads(item.raw) == item.value


@given(st.integers(0, len(START + TEXT + STOP + META) - 1))
async def test_a_stream_that_is_cut_anywhere_is_not_whole(end: int) -> None:
    body = StreamBody(Bedrock(), voice(wants_usage=True).open_writer(), max_held_bytes=10_000)
    with pytest.raises(FailedAttempt):
        await body.feed((START + TEXT + STOP + META)[:end], is_last=True)


async def test_a_whole_stream_is_an_answer_with_its_usage() -> None:
    body = StreamBody(Bedrock(), voice(wants_usage=True).open_writer(), max_held_bytes=10_000)
    said = await body.feed(START + TEXT + STOP + META, is_last=True)
    assert said.endswith(b"data: [DONE]\n\n")
    assert body.is_answer
    assert body.usage == Usage(1, 1)


@pytest.mark.parametrize(
    "events",
    [
        [META],
        [STOP],
        [TEXT],
        [START, META],
        [START, START],
        [START, TEXT, STOP, TEXT],
        [START, STOP, STOP],
        [START, STOP, META, META],
        [START, STOP, META, TEXT],
    ],
)
def test_events_out_of_order_are_unreadable(events: list[bytes]) -> None:
    with pytest.raises(Unreadable):
        ConverseStream().feed(b"".join(events))


@pytest.mark.parametrize(
    "kind",
    [
        *("throttlingException", "modelStreamErrorException", "internalServerException"),
        *("validationException", "serviceUnavailableException"),
    ],
)
@pytest.mark.parametrize("before", [[], [START], [START, TEXT], [START, TEXT, STOP], [START, TEXT, STOP, META]])
def test_an_exception_in_the_stream_is_the_providers_failure(kind: str, before: list[bytes]) -> None:
    reader = ConverseStream()
    reader.feed(b"".join(before))
    with pytest.raises(ProviderFailed):
        reader.feed(exception(kind, "Too many requests"))


def test_an_error_message_is_the_providers_failure() -> None:
    headers = {":message-type": "error", ":error-code": "InternalFailure", ":error-message": "x"}
    with pytest.raises(ProviderFailed):
        ConverseStream().feed(encode([(name, (7, text)) for name, text in headers.items()], b""))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {":event-type": (7, "messageStart")},
        {":event-type": (7, "messageStart"), ":message-type": (7, "other")},
        {":message-type": (7, "event")},
        {":message-type": (7, "event"), ":event-type": (6, b"messageStart")},
    ],
)
def test_a_message_that_does_not_say_what_it_is_is_unreadable(headers: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        ConverseStream().feed(encode(headers.items(), b'{"role":"assistant"}'))


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b"\xff"])
def test_an_event_that_is_no_json_object_is_unreadable(payload: bytes) -> None:
    headers = {":event-type": (7, "messageStart"), ":message-type": (7, "event")}
    with pytest.raises(Unreadable):
        ConverseStream().feed(encode(headers.items(), payload))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"image": {}}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": 1}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "\ud800"}}),
        ("contentBlockDelta", {"contentBlockIndex": 0}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": "{}"}}}),
        ("contentBlockDelta", {"delta": {"toolUse": {"input": "{}"}}}),
        ("contentBlockStart", {"contentBlockIndex": 0, "start": {"image": {"format": "png"}}}),
        ("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolResult": {"toolUseId": "a"}}}),
        (
            "contentBlockStart",
            {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "a", "name": "b", "type": "server_tool_use"}}},
        ),
        ("contentBlockStop", {}),
        ("messageStop", {"stopReason": "because"}),
    ],
)
def test_what_a_chunk_cannot_hold_is_unreadable_and_never_dropped(kind: str, value: dict[str, Any]) -> None:
    reader = ConverseStream()
    reader.feed(START)
    with pytest.raises(Unreadable):
        reader.feed(event(kind, value))


def test_a_broken_tool_call_of_the_model_is_a_failure() -> None:
    with pytest.raises(ProviderFailed):
        ConverseStream().feed(START + event("messageStop", {"stopReason": "malformed_tool_use"}))


def test_events_of_new_kinds_and_signatures_are_pings() -> None:
    reader = ConverseStream()
    assert reader.feed(event("weather", {})) == [Ping()]
    reader.feed(START)
    signed = {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "c2ln"}}}
    assert reader.feed(event("contentBlockDelta", signed)) == [Ping()]
    assert reader.feed(event("contentBlockStart", {"contentBlockIndex": 0, "start": {}})) == [Ping()]


def test_a_call_that_only_said_nothing_has_empty_arguments_once() -> None:
    reader = ConverseStream()
    use = {"toolUseId": "a", "name": "now"}
    reader.feed(START + event("contentBlockStart", {"contentBlockIndex": 3, "start": {"toolUse": use}}))
    silence = {"contentBlockIndex": 3, "delta": {"toolUse": {"input": ""}}}
    reader.feed(event("contentBlockDelta", silence))
    stop = event("contentBlockStop", {"contentBlockIndex": 3})
    (chunk,) = chunks(reader.feed(stop))
    assert chunk["choices"][0]["delta"] == {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}
    assert reader.feed(stop) == [Ping()]


def test_a_stream_whose_usage_cannot_be_believed_is_whole_without_it() -> None:
    items = ConverseStream().feed(START + TEXT + STOP + event("metadata", {"usage": {}}))
    assert items[-1] == Done()
    assert all("usage" not in chunk for chunk in chunks(items))
