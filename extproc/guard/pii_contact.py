"""Ways to reach somebody: e-mail addresses, phone numbers, IP addresses. None has a check; all are told by form.

Phone numbers are E.164 with its plus sign, the North American form, a leading zero with groups, or any row of digits
beside a word such as "phone". libphonenumber's tables would tell more of them apart, at a hundred times the cost and
six megabytes; a number that nobody calls a phone number stays unnoticed instead.
"""

import ipaddress
import re
from collections.abc import Iterator

import re2

from extproc.guard.pii_context import has_word

_EMAIL = re2.compile(
    rb"[A-Za-z0-9._%+'-]{1,64}@(?:[A-Za-z0-9?](?:[A-Za-z0-9?-]{0,61}[A-Za-z0-9?])?\.){1,8}(?:[A-Za-z]{2,24}|xn--[a-z0-9-]{2,40})\b"
)
_NOT_DIGITS = bytes(byte for byte in range(256) if not 48 <= byte <= 57)  # noqa: PLR2004 - "0" to "9"
_MAX_NAME = 64  # characters before the "@"; RFC 5321
_PHONE = re2.compile(
    rb"(?:\+|\b00)[1-9][0-9]{0,2}(?:[ .\-/]{0,2}\(?[0-9]{1,5}\)?){2,6}"
    rb"|(?:\b1[ .-])?\(?\b[2-9][0-9]{2}\)?[ .-]{1,2}[2-9][0-9]{2}[ .-][0-9]{4}(?:\s?(?:x|ext\.?)\s?[0-9]{1,5})?\b"
    rb"|\(?\b0[1-9][0-9]{0,4}\)?(?:[ ./-]{1,2}[0-9]{2,8}){1,5}\b"
)
_LOOSE = re2.compile(rb"\(?\b[0-9](?:[ ./()-]{0,2}[0-9]){6,13}\b")
_WORDS = (
    *(b"phone", b"mobile", b"cell", b"call ", b"tel", b"fax", b"whatsapp", b"sms", b"dial", b"text me", b"contact"),
    *(b"handy", b"portable", b"m?vil", b"numero", b"reach me", b"reach us", b"ring me"),
)
_JOINS = frozenset({b".", b"-", b"/", b":", b","})
_ANY_WORD = re2.compile(b"|".join(re2.escape(word) for word in _WORDS))
_IPV4 = re2.compile(rb"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b")
_IPV6 = re2.compile(rb"(?i)(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}")
# Asked at one place each, and bounded: the automaton would take ten times as long to be called.
_DATE = re.compile(
    rb"(?:19|20)[0-9]{2}[ ./-][01]?[0-9][ ./-][0-3]?[0-9]\b|[0-3]?[0-9][ ./-][0-3]?[0-9][ ./-](?:19|20)?[0-9]{2}\b"
)
# An American's number, and a place's: no phone's, whatever is said around them.
_NEVER = re.compile(rb"[0-9]{3}-[0-9]{2}-[0-9]{4}\b|[0-9]{5}-[0-9]{4}\b")


def emails(text: bytes, original: str) -> Iterator[tuple[int, int]]:
    """Each address. ``original`` is the text of the shadow: letters beyond ASCII belong to an address too."""
    if b"@" not in text:
        return
    for found in _EMAIL.finditer(text):
        start, end = found.start(), found.end()
        while text[start : start + 1] in {b"'", b".", b"-"}:
            start += 1
        # Letters that the shadow does not have, and what of the name stands before them.
        if start and not original[start - 1].isascii():
            first = max(0, start - _MAX_NAME)
            while start > first and (original[start - 1].isalnum() or original[start - 1] in "._%+-"):
                start -= 1
        if text[start : start + 1] != b"@":
            yield start, end


def phones(text: bytes, lowered: bytes) -> Iterator[tuple[int, int, float]]:
    """Where one is and how sure, in bytes of the shadow."""
    taken = 0
    for found in _PHONE.finditer(text):
        start, end = found.start(), found.end()
        digits = len(text[start:end].translate(None, _NOT_DIGITS))
        international = text[start : start + 1] == b"+"
        if not 8 <= digits <= (15 if international else 13) or _goes_on(text, start, end):  # noqa: PLR2004
            continue
        if not international and _is_other(text, start, end):
            continue
        taken = end
        yield start, end, 0.9 if international else 0.7
    if not _ANY_WORD.search(lowered):
        return
    taken = 0
    for found in _LOOSE.finditer(text):
        start, end = found.start(), found.end()
        if start < taken or _goes_on(text, start, end) or _is_other(text, start, end):
            continue
        if has_word(lowered, start, end, _WORDS):
            taken = end
            yield start, end, 0.6


def addresses(text: bytes) -> Iterator[tuple[int, int]]:
    """IP addresses, of both versions."""
    for pattern in (_IPV4, _IPV6):
        for found in pattern.finditer(text):
            start, end = found.start(), found.end()
            if _goes_on(text, start, end) or not _is_address(text[start:end].decode()):
                continue
            yield start, end


def _is_other(text: bytes, start: int, end: int) -> bool:
    return _DATE.match(text, start, end) is not None or _NEVER.match(text, start, end) is not None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return text != "::"


def _goes_on(text: bytes, start: int, end: int) -> bool:
    """Whether it is a stretch out of something longer: a serial number, a decimal, an identifier."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    has_plus = text[start : start + 1] == b"+"
    return (
        before[-1:].isalnum()
        or before[-1:] in {b"_", b"#", b"$"}
        or (not has_plus and len(before) == 2 and before[:1].isalnum() and before[-1:] in _JOINS)  # noqa: PLR2004
        or (not has_plus and before[-1:] == b" " and before[:1].isdigit())
        or after[:1].isalnum()
        or after[:1] == b"_"
        or (after[:1] in _JOINS and after[1:].isdigit())
    )
