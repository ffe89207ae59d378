"""AWS event stream messages (``application/vnd.amazon.eventstream``), read incrementally.

    total length (4)  headers length (4)  CRC of the two (4)  headers  payload  CRC of all before (4)

Both checksums are checked, the first before its lengths are believed. Source: Smithy specification, "Amazon Event
Stream", read 2026-11; checked against botocore's reader. ``bedrock_stream`` reads its events with it.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from zlib import crc32

from extproc.dialects.dialect import Unreadable
from extproc.dialects.sse import MAX_EVENT_BYTES, EventTooLarge

MAX_HEADERS_BYTES = 128 * 1024
"""AWS's own limit."""

HeaderValue = bool | int | bytes | str
"""Timestamps are milliseconds since 1970, UUIDs their 16 bytes."""

_PRELUDE_BYTES = 12
_CRC_BYTES = 4
_MIN_BYTES = _PRELUDE_BYTES + _CRC_BYTES
_BYTE_ARRAY, _STRING, _UUID = 6, 7, 9
_BOOLEANS = {0: True, 1: False}
_INTEGERS = {2: ">b", 3: ">h", 4: ">i", 5: ">q", 8: ">q"}


@dataclass(frozen=True, slots=True)
class Message:
    """One whole message."""

    headers: Mapping[str, HeaderValue]
    payload: bytes


@dataclass(slots=True)
class EventStreamReader:
    """Feed bytes in any split, get whole messages."""

    _buffer: bytearray = field(default_factory=bytearray)
    _total: int = 0
    """Length of the message at the buffer's start, once its prelude was checked; 0 before."""

    @property
    def has_rest(self) -> bool:
        """Whether bytes of an unfinished message are held."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[Message]:
        """The messages that became whole with these bytes.

        Raises:
            Unreadable: a length, a checksum or a header is not what the format says.
            EventTooLarge: a message says that it is larger than ``MAX_EVENT_BYTES``.
        """
        self._buffer += data
        messages: list[Message] = []
        start = 0
        while len(self._buffer) - start >= _PRELUDE_BYTES:
            if not self._total:
                self._total = _read_prelude(bytes(self._buffer[start : start + _PRELUDE_BYTES]))
            end = start + self._total
            if len(self._buffer) < end:
                break
            messages.append(_read_message(bytes(self._buffer[start:end])))
            start = end
            self._total = 0
        del self._buffer[:start]
        return messages


def _read_prelude(data: bytes) -> int:
    total, headers, crc = struct.unpack(">III", data)
    if crc32(data[:-_CRC_BYTES]) != crc or total < _MIN_BYTES + headers or headers > MAX_HEADERS_BYTES:
        raise Unreadable
    if total > MAX_EVENT_BYTES:
        raise EventTooLarge
    return int(total)


def _read_message(data: bytes) -> Message:
    if crc32(data[:-_CRC_BYTES]) != int.from_bytes(data[-_CRC_BYTES:]):
        raise Unreadable
    headers_end = _PRELUDE_BYTES + int.from_bytes(data[4:8])
    headers: dict[str, HeaderValue] = {}
    try:
        for name, value in _read_headers(data[_PRELUDE_BYTES:headers_end]):
            if name in headers:
                raise Unreadable
            headers[name] = value
    except (struct.error, UnicodeDecodeError, IndexError):
        raise Unreadable from None
    return Message(headers, data[headers_end:-_CRC_BYTES])


def _read_headers(data: bytes) -> Iterator[tuple[str, HeaderValue]]:
    at = 0
    while at < len(data):
        name = _slice(data, at + 1, data[at])
        kind = at + 1 + data[at]
        value, at = _read_value(data, data[kind], kind + 1)
        yield name.decode(), value


def _read_value(data: bytes, kind: int, at: int) -> tuple[HeaderValue, int]:
    """A header's value and where the next header starts."""
    if kind in _BOOLEANS:
        return _BOOLEANS[kind], at
    if kind in _INTEGERS:
        (number,) = struct.unpack_from(_INTEGERS[kind], data, at)
        return int(number), at + struct.calcsize(_INTEGERS[kind])
    if kind == _UUID:
        return _slice(data, at, 16), at + 16
    if kind not in {_BYTE_ARRAY, _STRING}:
        raise Unreadable
    (length,) = struct.unpack_from(">H", data, at)
    value = _slice(data, at + 2, length)
    return value.decode() if kind == _STRING else value, at + 2 + length


def _slice(data: bytes, at: int, length: int) -> bytes:
    value = data[at : at + length]
    if len(value) != length:
        raise Unreadable
    return value
