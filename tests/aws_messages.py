"""Writes AWS event stream messages, for tests: what a scripted Bedrock sends."""

import json
import struct
from collections.abc import Iterable, Mapping
from zlib import crc32

Typed = tuple[int, bool | int | bytes | str]
"""A header's type number and value."""

_FORMATS = {2: ">b", 3: ">h", 4: ">i", 5: ">q", 8: ">q"}


def encode(headers: Iterable[tuple[str, Typed]], payload: bytes) -> bytes:
    """One message. Headers may repeat: only a reader may object."""
    block = b"".join(_header(name, kind, value) for name, (kind, value) in headers)
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    data = prelude + struct.pack(">I", crc32(prelude)) + block + payload
    return data + struct.pack(">I", crc32(data))


def _header(name: str, kind: int, value: bool | int | bytes | str) -> bytes:
    start = bytes([len(name.encode())]) + name.encode() + bytes([kind])
    if kind in _FORMATS:
        return start + struct.pack(_FORMATS[kind], value)
    if kind in {0, 1}:
        return start
    data = value.encode() if isinstance(value, str) else value
    assert isinstance(data, bytes)
    return start + (data if kind == 9 else struct.pack(">H", len(data)) + data)


def event(kind: str, value: Mapping[str, object]) -> bytes:
    """One event as Bedrock frames it."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return encode([(name, (7, text)) for name, text in headers.items()], json.dumps(value).encode())


def exception(kind: str, message: str) -> bytes:
    """An error inside the stream."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return encode([(name, (7, text)) for name, text in headers.items()], json.dumps({"message": message}).encode())
