"""What is kept comes back whole, or not at all."""

import random
import struct
import zlib

import pytest

from extproc.adapters.cache_codec import EntryCorrupt, _digest, read_entry, write_entry
from extproc.model.cache import Entry, EntryId
from tests.cache_entries import OTHER, PARTITION, make_entry

NOISE = random.Random(1).randbytes(5000)  # noqa: S311 - the same each time
ENTRY = make_entry("naïve \ud800 question", answer=b'{"a":"' + b"long " * 500 + b'"}')


def read(entry: Entry, data: bytes) -> Entry:
    return read_entry(entry.partition, entry.id, data, entry.vector)


@pytest.mark.parametrize("answer", [b"", b"{}", b"x" * 5000, NOISE])
def test_an_entry_comes_back_as_it_was(answer: bytes) -> None:
    entry = make_entry("a", answer=answer)
    assert read(entry, write_entry(entry)) == entry
    assert read(ENTRY, write_entry(ENTRY)) == ENTRY


def test_long_answers_are_kept_small() -> None:
    assert len(write_entry(ENTRY)) < 500


def test_every_bit_counts() -> None:
    data = write_entry(ENTRY)
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1
        with pytest.raises(EntryCorrupt):
            read(ENTRY, bytes(changed))
    for cut in (0, 1, 15, 16, 19, 20, len(data) - 1):
        with pytest.raises(EntryCorrupt):
            read(ENTRY, data[:cut])


def test_an_entry_in_another_ones_place_is_corrupt() -> None:
    data = write_entry(ENTRY)
    with pytest.raises(EntryCorrupt):
        read_entry(OTHER, ENTRY.id, data, ENTRY.vector)
    with pytest.raises(EntryCorrupt):
        read_entry(PARTITION, EntryId("another"), data, ENTRY.vector)
    with pytest.raises(EntryCorrupt):
        read_entry(PARTITION, ENTRY.id, data, ENTRY.vector[:-4] + b"\0\0\0\0")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        struct.pack(">I", 2) + b"{}",
        struct.pack(">I", 2) + b"[]",
        struct.pack(">I", 99) + b"{}",
        struct.pack(">I", 10) + b'{"z":true}' + zlib.compress(b"x" * 20)[:-3],
        struct.pack(">I", 10) + b'{"z":true}' + zlib.compress(b"\0" * (17 * 1024 * 1024)),
        struct.pack(">I", 10) + b'{"z":true}' + b"no",
    ],
)
def test_what_another_version_wrote_is_corrupt(body: bytes) -> None:
    data = _digest(PARTITION, ENTRY.id, body, b"") + body
    with pytest.raises(EntryCorrupt):
        read_entry(PARTITION, ENTRY.id, data, b"")
