"""Characters written by their codes: percent-encoding, JSON's and programs' escapes, HTML's entities.

    find_escapes(text)   each stretch and what it means; and which kinds there were

All kinds are read at once, for a text that mixes them is read by something that knows both.
Sources: RFC 3986, RFC 8259, HTML 5 (the names of entities are those of Python's ``html``).
"""

import html
import re
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache

from extproc.guard.weaving import Swap

# Each alternative begins with a character of its own and is bounded or possessive: one pass, whatever it is given.
_ESCAPES = re.compile(
    r"%[0-9A-Fa-f]{2}(?:%[0-9A-Fa-f]{2})*+"
    r"|\\u[0-9A-Fa-f]{4}(?:\\u[0-9A-Fa-f]{4})*+"
    r"|\\x[0-9A-Fa-f]{2}(?:\\x[0-9A-Fa-f]{2})*+"
    r"|\\U[0-9A-Fa-f]{8}|\\u\{[0-9A-Fa-f]{1,6}\}"
    r"|\\[nrtbf\"'/\\]"
    r"|&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});?"
)
_SHORT = {"n": "\n", "r": "\n", "t": "\t", "b": " ", "f": "\n"}
_ONE_BYTE = 3
"""Characters of one byte after a percent sign."""
_KINDS = {"%": "url", "\\": "json", "&": "entity"}


def find_escapes(text: str) -> tuple[list[Swap], tuple[str, ...]]:
    """The stretches in their order, and the kinds as they first occur: ``url``, ``json``, ``entity``."""
    swaps: list[Swap] = []
    kinds: dict[str, None] = {}
    for match in _ESCAPES.finditer(text):
        escape = match[0]
        if escape[0] == "%" and len(escape) == _ONE_BYTE:
            # The most frequent, and the simplest.
            swaps.append(Swap(*match.span(), chr(int(escape[1:], 16)), _ONE_BYTE))
            kinds["url"] = None
            continue
        before = len(swaps)
        swaps += _read(escape, match.start(), match.end())
        if len(swaps) > before:
            kinds[_KINDS[escape[0]]] = None
    return swaps, tuple(kinds)


def _read(escape: str, start: int, end: int) -> Iterable[Swap]:  # noqa: PLR0911 - one for each notation
    if escape[0] == "&":
        meaning = _meaning(escape)
        return () if meaning == escape else (Swap(start, end, meaning),)
    if escape[0] == "%":
        return _of_bytes(bytes.fromhex(escape.replace("%", "")), start, 3)
    match escape[1]:
        case "x":
            return _of_bytes(bytes.fromhex(escape.replace("\\x", "")), start, 4)
        case "U":
            return _of_code(escape[2:], start, end)
        case "u" if escape[2] == "{":
            return _of_code(escape[3:-1], start, end)
        case "u":
            units = bytes.fromhex(escape.replace("\\u", ""))
            written = units.decode("utf-16-be", "replace")
            return (Swap(start, end, written, 6 if 2 * len(written) == len(units) else 0),)
        case short:
            return (Swap(start, end, _SHORT.get(short, short)),)


@lru_cache(maxsize=512)
def _meaning(entity: str) -> str:
    return html.unescape(entity)


def _of_code(digits: str, start: int, end: int) -> Iterable[Swap]:
    code = int(digits, 16)
    if code <= sys.maxunicode and not 0xD800 <= code < 0xE000:  # noqa: PLR2004 - surrogates are no characters
        yield Swap(start, end, chr(code))


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
