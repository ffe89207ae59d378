"""A remembered answer as Redis keeps it: two strings, of which the first begins with a checksum over both.

    data      16 bytes of SHA-256, 4 bytes length, head as JSON, the answer (deflated where that saves something)
    vector    as ``model.cache.Vector`` says

The checksum is over the entry's partition and id too: an entry that lies in another one's place is corrupt.
"""

import hashlib
import json
import struct
import zlib

from extproc.model.cache import Entry, EntryId, Partition, Vector
from extproc.model.exchange import Usage
from extproc.model.money import MicroUsd

_DIGEST_BYTES = 16
_LENGTH = struct.Struct(">I")
_LEAST_DEFLATED = 512
_MOST_ANSWER_BYTES = 16 * 1024 * 1024
"""Nothing that was written here is longer; what claims to be would be a bomb."""


class EntryCorrupt(ValueError):  # noqa: N818 - what it says is a state of the store
    """What was found is not what was kept."""


def write_entry(entry: Entry) -> bytes:
    """The data; the vector is kept as it is."""
    deflated = zlib.compress(entry.answer, 1) if len(entry.answer) >= _LEAST_DEFLATED else entry.answer
    is_deflated = len(deflated) < len(entry.answer)
    usage = entry.usage
    head = json.dumps(
        {
            "z": is_deflated,
            "t": entry.text,
            "m": entry.model,
            "o": entry.owner,
            "x": entry.exchange,
            "u": [
                usage.input_tokens,
                usage.output_tokens,
                usage.cached_tokens,
                usage.cache_write_tokens,
                usage.reasoning_tokens,
                usage.audio_input_tokens,
                usage.audio_output_tokens,
                usage.has_unknown_kinds,
            ],
            "c": entry.micro_usd,
            "s": entry.stored_at_s,
            "e": entry.expires_at_s,
        },
        separators=(",", ":"),
    ).encode()
    body = _LENGTH.pack(len(head)) + head + (deflated if is_deflated else entry.answer)
    return _digest(entry.partition, entry.id, body, entry.vector) + body


def read_entry(partition: Partition, entry: EntryId, data: bytes, vector: Vector) -> Entry:
    """What was kept under this id.

    Raises:
        EntryCorrupt: it was something else.
    """
    digest, body = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    if _digest(partition, entry, body, vector) != digest:
        raise EntryCorrupt("the checksum is another one")
    try:
        (length,) = _LENGTH.unpack_from(body)
        head = json.loads(body[_LENGTH.size : _LENGTH.size + length])
        answer = body[_LENGTH.size + length :]
        if head["z"]:
            answer = _inflate(answer)
        plain, output, cached, written, reasoning, audio_in, audio_out, has_unknown_kinds = head["u"]
        return Entry(
            entry,
            partition,
            head["t"],
            answer,
            vector,
            head["m"],
            head["o"],
            head["x"],
            Usage(plain, output, cached, written, reasoning, audio_in, audio_out, has_unknown_kinds),
            MicroUsd(head["c"]),
            head["s"],
            head["e"],
        )
    except (struct.error, ValueError, TypeError, KeyError, RecursionError, zlib.error) as error:
        # Another version wrote it.
        raise EntryCorrupt(type(error).__name__) from None


def _inflate(deflated: bytes) -> bytes:
    stream = zlib.decompressobj()
    answer = stream.decompress(deflated, _MOST_ANSWER_BYTES)
    if not stream.eof:
        raise EntryCorrupt("the answer has no end")
    return answer


def _digest(partition: Partition, entry: EntryId, body: bytes, vector: Vector) -> bytes:
    digest = hashlib.sha256()
    for part in (partition.encode(), entry.encode(), body, vector):
        digest.update(_LENGTH.pack(len(part)))
        digest.update(part)
    return digest.digest()[:_DIGEST_BYTES]
