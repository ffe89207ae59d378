import random
import struct
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.aws_event_stream import MAX_HEADERS_BYTES, EventStreamReader, Message
from extproc.dialects.dialect import Unreadable
from extproc.dialects.sse import MAX_EVENT_BYTES, EventTooLarge
from tests.aws_messages import Typed, encode


def _integer(kind: int, bits: int) -> st.SearchStrategy[Typed]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1).map(lambda number: (kind, number))


VALUES: st.SearchStrategy[Typed] = st.one_of(
    st.just((0, True)),
    st.just((1, False)),
    *(_integer(kind, bits) for kind, bits in ((2, 8), (3, 16), (4, 32), (5, 64), (8, 64))),
    st.binary(max_size=50).map(lambda data: (6, data)),
    st.text(max_size=50).map(lambda text: (7, text)),
    st.binary(min_size=16, max_size=16).map(lambda data: (9, data)),
)
HEADERS = st.dictionaries(st.text(min_size=1, max_size=30), VALUES, max_size=6)
MESSAGES = st.lists(st.tuples(HEADERS, st.binary(max_size=300)), max_size=4)
ONE = encode([(":event-type", (7, "a"))], b"payload")


def botocores(data: bytes) -> list[Message]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [Message(message.headers, message.payload) for message in buffer]


@given(MESSAGES, st.integers(0, 2**32))
def test_messages_of_every_header_type_are_read_in_any_split_as_botocore_reads_them(
    messages: list[tuple[dict[str, Typed], bytes]], seed: int
) -> None:
    data = b"".join(encode(headers.items(), payload) for headers, payload in messages)
    expected = [Message({name: value for name, (_, value) in headers.items()}, p) for headers, p in messages]
    assert botocores(data) == expected
    assert EventStreamReader().feed(data) == expected
    one_by_one = EventStreamReader()
    assert [m for byte in data for m in one_by_one.feed(bytes([byte]))] == expected
    draw = random.Random(seed)  # noqa: S311
    cuts = sorted(draw.randint(0, len(data)) for _ in range(5))
    reader = EventStreamReader()
    assert [m for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) for m in reader.feed(data[a:b])] == expected
    assert not reader.has_rest


@pytest.mark.parametrize("at", range(len(ONE)))
def test_no_changed_byte_passes(at: int) -> None:
    damaged = bytearray(ONE)
    damaged[at] ^= 0x10
    with pytest.raises(Unreadable):
        EventStreamReader().feed(bytes(damaged))


def test_an_unfinished_message_is_a_rest_and_not_a_message() -> None:
    for end in range(1, len(ONE)):
        reader = EventStreamReader()
        assert reader.feed(ONE[:end]) == []
        assert reader.has_rest


def _prelude(total: int, headers: int) -> bytes:
    lengths = struct.pack(">II", total, headers)
    return lengths + struct.pack(">I", crc32(lengths))


def test_a_message_that_is_too_large_is_refused_by_what_it_says_of_itself() -> None:
    with pytest.raises(EventTooLarge):
        EventStreamReader().feed(_prelude(MAX_EVENT_BYTES + 1, 0))
    assert EventStreamReader().feed(_prelude(MAX_EVENT_BYTES, 0)) == []


@pytest.mark.parametrize(
    ("total", "headers"), [(0, 0), (15, 0), (16, 1), (20, 5), (2**20, MAX_HEADERS_BYTES + 1), (16, 2**32 - 1)]
)
def test_lengths_that_cannot_be_are_refused_at_once(total: int, headers: int) -> None:
    with pytest.raises(Unreadable):
        EventStreamReader().feed(_prelude(total, headers))


def _framed(block: bytes) -> bytes:
    data = _prelude(16 + len(block), len(block)) + block
    return data + struct.pack(">I", crc32(data))


@pytest.mark.parametrize(
    "block",
    [
        b"\x01a",  # no type
        b"\x05a",  # a name that is cut
        b"\x01a\x0a",  # a type that does not exist
        b"\x01a\x07\x00",  # a length that is cut
        b"\x01a\x07\x00\x05abc",  # a text that is cut
        b"\x01a\x04\x00\x00",  # a number that is cut
        b"\x01a\x09\x00",  # a UUID that is cut
        b"\x01a\x07\x00\x01\xff",  # not UTF-8
        b"\x01\xff\x00",  # a name that is not UTF-8
        b"\x01a\x00\x01a\x01",  # a name twice
    ],
)
def test_headers_that_are_not_the_formats_are_unreadable(block: bytes) -> None:
    with pytest.raises(Unreadable):
        EventStreamReader().feed(_framed(block))


def test_whole_messages_before_an_unfinished_one_come_out() -> None:
    reader = EventStreamReader()
    assert len(reader.feed(ONE + ONE + ONE[:5])) == 2
    assert len(reader.feed(ONE[5:])) == 1
