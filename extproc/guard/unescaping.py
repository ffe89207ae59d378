"""Characters written by their codes: percent-encoding, JSON's and programs' escapes, HTML's entities.

    find_escapes(text)   each stretch and what it means; and which kinds there were

All kinds are read at once, for a text that mixes them is read by something that knows both.
Sources: RFC 3986, RFC 8259, HTML 5 (the names of entities are those of Python's ``html``).
"""

import html
from collections.abc import Iterator

import re2

from extproc.guard.weaving import Swap

_ESCAPES = re2.compile(
    rb"((?:%[0-9A-Fa-f]{2})+)"
    rb"|((?:\\x[0-9A-Fa-f]{2})+)"
    rb"|((?:\\u[0-9A-Fa-f]{4})+)"
    rb"|(\\U[0-9A-Fa-f]{8}|\\u\{[0-9A-Fa-f]{1,6}\})"
    rb"|(\\[nrtbf\"'/\\])"
    rb"|(&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});?)"
)
_SHORT = {b"\\n": "\n", b"\\r": "\n", b"\\t": "\t", b"\\b": " ", b"\\f": "\n"}
_GROUPS = ("url", "bytes", "units", "long", "short", "entity")
_KINDS = {"url": "url", "entity": "entity"}


def find_escapes(text: str) -> tuple[list[Swap], tuple[str, ...]]:
    """The stretches in their order, and the kinds as they first occur: ``url``, ``json``, ``entity``."""
    swaps: list[Swap] = []
    kinds: dict[str, None] = {}
    for match in _ESCAPES.finditer(text.encode("ascii", "replace")):
        name = _GROUPS[match.lastindex - 1]
        found = list(_read(name, match[0], match.start()))
        if found:
            swaps += found
            kinds[_KINDS.get(name, "json")] = None
    return swaps, tuple(kinds)


def _read(name: str, escape: bytes, start: int) -> Iterator[Swap]:
    end = start + len(escape)
    match name:
        case "url":
            yield from _of_bytes(bytes.fromhex(escape.replace(b"%", b"").decode()), start, 3)
        case "bytes":
            yield from _of_bytes(bytes.fromhex(escape.replace(b"\\x", b"").decode()), start, 4)
        case "units":
            units = bytes.fromhex(escape.replace(b"\\u", b"").decode())
            written = units.decode("utf-16-be", "replace")
            yield Swap(start, end, written, 6 if 2 * len(written) == len(units) else 0)
        case "long":
            code = int(escape[2:].strip(b"{}"), 16)
            if code <= 0x10FFFF and not 0xD800 <= code < 0xE000:  # noqa: PLR2004 — Unicode's own bounds
                yield Swap(start, end, chr(code))
        case "short":
            yield Swap(start, end, _SHORT.get(escape, escape[1:].decode()))
        case _:
            entity = escape.decode()
            meaning = html.unescape(entity)
            if meaning != entity:
                yield Swap(start, end, meaning)


def _of_bytes(data: bytes, start: int, width: int) -> Iterator[Swap]:
    """Each byte was written in ``width`` characters."""
    try:
        written = data.decode()
    except UnicodeDecodeError:
        written = data.decode("latin-1")
    if len(written) == len(data):
        yield Swap(start, start + width * len(data), written, width)
        return
    for char in written:
        end = start + width * len(char.encode())
        yield Swap(start, end, char)
        start = end
