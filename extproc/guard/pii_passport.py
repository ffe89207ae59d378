"""Passports: machine-readable lines by their check digits (ICAO 9303), numbers by the words around them."""

from collections.abc import Iterator

import re2

from extproc.guard.pii_context import has_word

_LINE = re2.compile(rb"[A-Z0-9<]{28,44}")
_NUMBER = re2.compile(
    rb"(?i)\b(?:[a-z]{0,3}[0-9]{6,9}[a-z]?|[a-z][0-9]{2}[a-z]{1,2}[0-9]{4,5}|[cfghjk][0-9cfghjklmnprtv-z]{8})\b"
)
_WORDS = (b"passport", b"passeport", b"pasaporte", b"reisepass", b"passaporto", b"passnummer")
_WEIGHTS = (7, 3, 1)


def passports(text: bytes, lowered: bytes) -> Iterator[tuple[int, int, float]]:
    """Where one is and how sure, in bytes of the shadow."""
    if b"<" in text:
        for found in _LINE.finditer(text):
            if _is_machine_readable(found.group().decode()):
                yield found.start(), found.end(), 1.0
    if any(word in lowered for word in _WORDS):
        for found in _NUMBER.finditer(text):
            start, end = found.start(), found.end()
            if 7 <= end - start <= 10 and has_word(lowered, start, end, _WORDS):  # noqa: PLR2004
                yield start, end, 0.8


def _is_machine_readable(line: str) -> bool:
    """Whether it is the line with the number, birth and expiry of a passport (44), a visa or a card (36, 30)."""
    if len(line) in {36, 44}:
        return _checks(line, (0, 9), (13, 19), (21, 27))
    if len(line) == 30:  # noqa: PLR2004
        return line[0] in "ACI" and "<" in line and _checks(line, (5, 14))
    return False


def _checks(line: str, *fields: tuple[int, int]) -> bool:
    """Whether each field is followed by its check digit."""
    return all(line[end].isdigit() and _digit(line[start:end]) == int(line[end]) for start, end in fields)


def _digit(field: str) -> int:
    values = (0 if c == "<" else int(c, 36) for c in field)
    return sum(value * _WEIGHTS[at % 3] for at, value in enumerate(values)) % 10
