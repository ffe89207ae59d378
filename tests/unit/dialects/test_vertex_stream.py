import json
import random
from collections.abc import Iterable
from typing import Any

import pytest

from extproc.dialects.dialect import Chunk, Done, Ping, ProviderFailed, StreamItem, Unreadable
from extproc.dialects.vertex_stream import VertexStream
from tests.vertex_goldens import GOLDENS, STREAMED, as_sse


def event(*parts: dict[str, Any], finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts)}, "finishReason": finish}], "responseId": "r", **fields}


def read(pieces: Iterable[bytes]) -> list[StreamItem]:
    reader = VertexStream()
    items = [item for piece in pieces for item in reader.feed(piece)]
    assert not reader.has_rest
    return items + reader.finish()


def plain(items: list[StreamItem]) -> list[Any]:
    return [item.value if isinstance(item, Chunk) else type(item).__name__ for item in items]


@pytest.mark.parametrize("name", STREAMED)
def test_a_stream_is_read_as_its_golden_says_in_any_split(name: str) -> None:
    golden = GOLDENS[name]
    data = as_sse(golden["stream"])
    assert plain(read([data])) == golden["items"]
    assert plain(read(data[at : at + 1] for at in range(len(data)))) == golden["items"]
    for seed in range(20):
        cuts = sorted(random.Random(seed).sample(range(1, len(data)), 8))  # noqa: S311 - reproducible cuts
        pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        assert plain(read(pieces)) == golden["items"]


@pytest.mark.parametrize("name", STREAMED)
def test_what_moves_on_as_bytes_is_what_was_read(name: str) -> None:
    for item in read([as_sse(GOLDENS[name]["stream"])]):
        if isinstance(item, Chunk):
            assert item.raw is not None
            assert json.loads(item.raw) == item.value


@pytest.mark.parametrize("name", STREAMED)
def test_a_stream_cut_before_its_last_finish_reason_is_not_whole(name: str) -> None:
    events = GOLDENS[name]["stream"]
    last = max(n for n, each in enumerate(events) if "finishReason" in str(each) or "blockReason" in str(each))
    assert Done() in read([as_sse(events[: last + 1])])
    assert Done() not in read([as_sse(events[:last])])


def test_one_unfinished_candidate_makes_the_answer_unfinished() -> None:
    both = [{"content": {"parts": [{"text": "a"}]}}, {"index": 1, "content": {"parts": [{"text": "b"}]}}]
    assert Done() not in read([as_sse([{"candidates": both}, event(finish="STOP")])])


def test_a_stream_that_says_nothing_is_not_whole() -> None:
    usage = {"usageMetadata": {"promptTokenCount": 1}}
    assert read([b""]) == []
    assert read([as_sse([usage])]) == [Ping()]
    assert read([b": alive\n\n"]) == [Ping()]


def test_half_an_event_is_held() -> None:
    reader = VertexStream()
    reader.feed(b"data: {")
    assert reader.has_rest


def test_an_error_event_is_a_failure_wherever_it_comes() -> None:
    with pytest.raises(ProviderFailed):
        read([as_sse([event({"text": "a"}), {"error": {"code": 503, "status": "UNAVAILABLE"}}])])


def test_nothing_of_an_event_that_fails_is_passed_on() -> None:
    reader = VertexStream()
    with pytest.raises(ProviderFailed):
        reader.feed(as_sse([event({"text": "half a call"}, finish="MALFORMED_FUNCTION_CALL")]))


@pytest.mark.parametrize("data", [b"data: x\n\n", b"data: [1]\n\n", b"data: [DONE]\n\n", b'data: {"candidates":7}\n\n'])
def test_an_event_of_another_dialect_is_unreadable(data: bytes) -> None:
    with pytest.raises(Unreadable):
        read([data])


def test_the_last_usage_is_the_usage() -> None:
    first, last = {"promptTokenCount": 5}, {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7}
    items = read([as_sse([event(finish="STOP", usageMetadata=first), {"usageMetadata": last}])])
    assert [chunk["usage"]["total_tokens"] for chunk in plain(items) if "usage" in chunk] == [7]


def test_calls_of_several_events_have_places_and_ids_of_their_own() -> None:
    call = {"functionCall": {"name": "f", "args": {}}}
    items = plain(read([as_sse([event(call), event(call, call), event(finish="STOP")])]))
    calls = [c for item in items if isinstance(item, dict) for c in item["choices"][0]["delta"].get("tool_calls", [])]
    assert [each["index"] for each in calls] == [0, 1, 2]
    assert len({each["id"] for each in calls}) == 3
