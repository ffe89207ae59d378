"""Text that was encoded as other text: base64 and hexadecimal, compressed or not.

    find_encoded(text, room)   what could be decoded, where, and by which steps; and whether something could not

A run of the alphabet is taken for encoded where decoding its beginning gives text, or data known to be compressed. A
run may have something before it that belongs to the alphabet, so each of the places where a group may begin is tried.
What decodes to a picture, a sound or a document is not text and not opaque either. All scanning is google-re2's, on
the text as ASCII bytes of the same length.
"""

import binascii
import codecs
import unicodedata
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import re2

from extproc.guard.disguises import TURN
from extproc.guard.weaving import Swap

LEAST_OPAQUE = 200
"""Characters of a run that nothing here can read, from which on it is called opaque: longer than hashes, signatures
and ids."""

_LEAST_VARIED, _LEAST_VARIED_HEX = 24, 10
"""Different characters of what is called opaque."""
_HEAD = 96
"""Bytes by which a run is judged."""
_LEAST_TRUSTED = 48
"""Bytes from which on one in twelve may be unfit: of fewer every one must fit, or every random name would be text."""
_LEAST_WIDE = 16
_MOST_LAYERS = 3
_MAGIC = (
    *(b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM", b"II*\x00", b"MM\x00*", b"\x00\x00\x01\x00", b"%PDF-"),
    *(b"PK\x03\x04", b"ID3", b"OggS", b"fLaC", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"\x1aE\xdf\xa3"),
)
_GZIP = b"\x1f\x8b\x08"
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_UNFIT = frozenset(("Cc", "Cn", "Co", "Cs"))
_PRINTED = bytes([9, 10, 13, *range(0x20, 0x7F)])
_LEAST_TURNED = 20
_LEAST_LINE = 16
_TURN = bytes(ord(chr(code).translate(TURN)) for code in range(256))
_URL_SAFE = bytes.maketrans(b"-_", b"+/")

_RUN = re2.compile(
    rb"((?:0[xX][0-9A-Fa-f]{2}[ ,;]{0,2}){6,}|(?:[0-9A-Fa-f]{2}[ :-]){7,}[0-9A-Fa-f]{2})"
    rb"|[A-Za-z0-9+/_-]{16,}(?:[ \t]*\r?\n[ \t]*[A-Za-z0-9+/_-]{16,})*"
    # The last line of several is shorter, and then nothing else is on it.
    rb"(?:\r?\n[ \t]*[A-Za-z0-9+/_-]{2,15}={0,2}[ \t]*(?m:$))?={0,2}"
)
_HEX_RUN = re2.compile(rb"[0-9A-Fa-f \t\r\n:,;xX-]+")
_HEX_WITHIN = re2.compile(rb"[0-9A-Fa-f]{16,}")

_Decode = Callable[[bytes, int, int | None], bytes]


@dataclass(slots=True)
class Encoded:
    """What was found in one text."""

    by_steps: dict[tuple[str, ...], list[Swap]] = field(default_factory=dict)
    is_opaque: bool = False


def find_encoded(text: str, room: int) -> Encoded:
    """Decode what can be decoded into ``room`` characters; what needs more is opaque.

    Args:
        text: a view's.
        room: how much may come of it, compressed data included.
    """
    found = Encoded()
    data = text.encode("ascii", "replace")
    for match in _RUN.finditer(data):
        start, end = match.span()
        for swap, steps in _read_run(data[start:end], start, max(room, 0), found):
            room -= len(swap.text)
            found.by_steps.setdefault(steps, []).append(swap)
    return found


def _read_run(run: bytes, start: int, room: int, found: Encoded) -> Iterator[tuple[Swap, tuple[str, ...]]]:
    lines = run.split(b"\n") if b"\n" in run else []
    is_read = False
    for part in _read_one(run, start, room, found):
        is_read = True
        room -= len(part[0].text)
        yield part
    # Lines of one encoded text are as long as each other, but these may be several texts.
    if lines and not (is_read and all(len(line.strip()) % 4 == 0 for line in lines[:-1])):
        for line in lines:
            if len(line) >= _LEAST_LINE:
                yield from _read_one(line, start, max(room, 0), found)
            start += len(line) + 1


def _read_one(run: bytes, start: int, room: int, found: Encoded) -> Iterator[tuple[Swap, tuple[str, ...]]]:
    is_hex = _HEX_RUN.fullmatch(run) is not None
    for steps, given, decode, shift in _ways(run, is_hex=is_hex):
        head = decode(given, shift, _HEAD)
        if _is_packed(head) or is_text(head):
            opened = _open(decode(given, shift, None), room)
            if opened is None:
                found.is_opaque = True
            elif opened[0]:
                yield Swap(start + shift, start + len(run), opened[0]), steps + opened[1]
            return
        if is_media(head):
            return
    inner = None if is_hex else _HEX_WITHIN.search(run)
    if inner is not None:
        yield from _read_one(inner[0], start + inner.start(), room, found)
    elif len(run) >= LEAST_OPAQUE and _is_varied(run, least=_LEAST_VARIED_HEX if is_hex else _LEAST_VARIED):
        found.is_opaque = True


def _ways(run: bytes, *, is_hex: bool) -> Iterator[tuple[tuple[str, ...], bytes, _Decode, int]]:
    """How a run may be decoded, the likeliest first: by which steps, from what, by what, beginning where."""
    if is_hex:
        yield from ((("hex",), run, _hex_at, shift) for shift in range(2))
    could_be_base64 = _could_be_base64(run)
    if could_be_base64:
        yield from ((("base64",), run, _base64_at, shift) for shift in range(4))
    if len(run) < _LEAST_TURNED:
        return
    turned = run.translate(_TURN)
    if _HEX_WITHIN.fullmatch(turned):
        yield ("rot13", "hex"), turned, _hex_at, 0
    elif could_be_base64:
        yield from ((("rot13", "base64"), turned, _base64_at, shift) for shift in range(4))


def _could_be_base64(run: bytes) -> bool:
    """Whether it is worth trying: encoded text has both cases, and names in code, paths and dashes have not."""
    return not run.islower() and not run.isupper() and not run.isdigit()


def _is_varied(run: bytes, least: int) -> bool:
    # A line of dashes, an address or a long name in code is long, but it is not encoded.
    marks = run.count(b"-") + run.count(b"_") + run.count(b"/")
    return len(set(run)) >= least and marks * 8 <= len(run)


def _hex_at(run: bytes, shift: int, size: int | None) -> bytes:
    digits = run.replace(b"0x", b"").replace(b"0X", b"").translate(None, b" :,;-")[shift:]
    digits = digits if size is None else digits[:size]
    try:
        return binascii.unhexlify(digits[: len(digits) - len(digits) % 2])
    except binascii.Error:
        return b""


def _base64_at(run: bytes, shift: int, size: int | None) -> bytes:
    letters = run[shift:] if size is None else run[shift : shift + 2 * size]
    letters = letters.translate(_URL_SAFE, b" \t\r\n=")
    letters = letters if size is None else letters[:size]
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def _open(data: bytes, room: int) -> tuple[str, tuple[str, ...]] | None:
    """The text, and what it was packed in; None where there is not room enough, "" where it is no text after all."""
    steps: tuple[str, ...] = ()
    while _is_packed(data) and len(steps) < _MOST_LAYERS:
        steps += ("gzip" if data.startswith(_GZIP) else "zlib",)
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        try:
            # One more than there is room for tells whether there was room. It is never unpacked any further.
            data = unpacker.decompress(data, room + 1)
        except zlib.error:
            return "", steps
        if len(data) > room:
            return None
    text = _text_of(data)
    return (text, steps) if len(text) <= room else None


def _is_packed(data: bytes) -> bool:
    return data.startswith(_GZIP) or data.startswith(_ZLIB)


def is_media(data: bytes) -> bool:
    """Whether these are the first bytes of a picture, a sound, a document or an archive."""
    return data.startswith(_MAGIC) or data[4:8] == b"ftyp"


def is_text(head: bytes) -> bool:
    """Whether these are the first bytes of a text."""
    if not head:
        return False
    if not head.translate(None, _PRINTED):
        return True
    if _is_utf16(head):
        return True
    shown = codecs.utf_8_decode(head, "replace", False)[0]  # noqa: FBT003
    unfit = sum(each == "\ufffd" or unicodedata.category(each) in _UNFIT for each in shown if each not in "\t\r\n")
    return unfit * 12 <= len(shown) and (not unfit or len(head) >= _LEAST_TRUSTED)


def _is_utf16(data: bytes) -> bool:
    return len(data) >= _LEAST_WIDE and not any(data[1::2]) and not data[::2].translate(None, _PRINTED)


def _text_of(data: bytes) -> str:
    if _is_utf16(data[:_HEAD]):
        return data.decode("utf-16-le", "replace")
    return data.decode("utf-8", "replace")
