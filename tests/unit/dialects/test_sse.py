import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.sse import MAX_EVENT_BYTES, EventTooLarge, SseReader

STREAM = b'data: {"a":1}\n\n: ping\n\ndata: two\ndata: lines\n\nevent: x\ndata:tight\nid: 7\n\ndata: [DONE]\n\n'
EVENTS = [b'{"a":1}', b"", b"two\nlines", b"tight", b"[DONE]"]


def read(*pieces: bytes) -> list[bytes]:
    reader = SseReader()
    return [event for piece in pieces for event in reader.feed(piece)]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_of_the_standard_is_read(newline: bytes) -> None:
    stream = STREAM.replace(b"\n", newline)
    assert read(stream) == EVENTS


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_byte_by_byte_is_the_same_as_whole(newline: bytes) -> None:
    stream = STREAM.replace(b"\n", newline)
    pieces = [stream[i : i + 1] for i in range(len(stream))]
    assert [event for event in read(*pieces) if event] == [event for event in EVENTS if event]


@given(st.integers(), st.sampled_from([b"\n", b"\r\n"]))
def test_any_split_is_the_same_as_whole(seed: int, newline: bytes) -> None:
    stream = STREAM.replace(b"\n", newline)
    source = random.Random(seed)  # noqa: S311 - cuts a stream, guards nothing
    pieces, rest = [], stream
    while rest:
        cut = source.randint(1, len(rest))
        pieces.append(rest[:cut])
        rest = rest[cut:]
    assert read(*pieces) == EVENTS


def test_a_byte_order_mark_is_not_data() -> None:
    assert read(b"\xef\xbb\xbfdata: a\n\n") == [b"a"]
    assert read(b"\xef", b"\xbb\xbfdata: a\n\n") == [b"a"]


def test_an_unfinished_event_is_no_event() -> None:
    reader = SseReader()
    assert reader.feed(b"data: half") == []
    assert reader.has_rest
    assert reader.feed(b"\n\n") == [b"half"]
    assert not reader.has_rest


def test_an_endless_event_is_refused() -> None:
    reader = SseReader()
    for _ in range(MAX_EVENT_BYTES // 65536):
        reader.feed(b"x" * 65536)
    with pytest.raises(EventTooLarge):
        reader.feed(b"x")
