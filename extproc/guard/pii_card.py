"""Payment card numbers: by issuer's range, length, Luhn's check and how the digits are grouped.

    cards(shadow, lowered) → (start, end) of each number

A number of a known issuer, in one piece or in the groups of a printed card, counts by its check alone. In other groups
one in ten of all numbers would pass, so those need a word such as "card" nearby, and so does a number of an issuer
that the table does not have. Ranges: ISO/IEC 7812 issuers as the networks publish
them, November 2026.
"""

import re
from collections.abc import Iterator

import re2
from stdnum import ean

from extproc.guard.pii_context import has_word

_RUN = re2.compile(rb"[0-9](?:[ .\n-]{0,2}[0-9]){11,}")
_DIGITS_ALONE = re.compile(rb"[0-9]+")
_WORDS = (
    *(
        b"card",
        b"visa",
        b"master",
        b"amex",
        b"american express",
        b"maestro",
        b"discover",
        b"diners",
        b"jcb",
        b"unionpay",
    ),
    *(
        b"rupay",
        b"credit",
        b"debit",
        b"pan ",
        b"pan:",
        b"cc ",
        b"cc:",
        b"cc#",
        b"karte",
        b"tarjeta",
        b"carte",
        b"carta",
        b"payment",
    ),
)
_ATTACHED = (b"card", b"pan", b"cc", b"visa", b"number", b"nr", b"num")
"""What may stand before a number without a space."""
_ANY_WORD = re2.compile(b"|".join(re2.escape(word) for word in _WORDS))
_MIN, _MAX = 12, 19
_PREFIX = 4  # digits that tell the issuer
_BARCODE = 13  # digits of an EAN, some of which begin with 4
_LONG_RUN = 40
"""Digits; in a longer run of groups, cards are looked for only where a group of four or more begins."""

# (first prefix, last prefix, lengths)
_RANGES: tuple[tuple[str, str, frozenset[int]], ...] = (
    ("4", "4", frozenset({13, 16, 19})),  # Visa
    ("51", "55", frozenset({16})),  # Mastercard
    ("2221", "2720", frozenset({16})),
    ("34", "34", frozenset({15})),  # American Express
    ("37", "37", frozenset({15})),
    ("6011", "6011", frozenset({16, 17, 18, 19})),  # Discover
    ("644", "659", frozenset({16, 17, 18, 19})),
    ("300", "305", frozenset({14, 16, 19})),  # Diners Club
    ("3095", "3095", frozenset({14, 16, 19})),
    ("36", "36", frozenset({14, 16, 19})),
    ("38", "39", frozenset({14, 16, 19})),
    ("3528", "3589", frozenset({16, 17, 18, 19})),  # JCB
    ("1800", "1800", frozenset({15})),
    ("2131", "2131", frozenset({15})),
    ("62", "62", frozenset({16, 17, 18, 19})),  # UnionPay
    ("81", "82", frozenset({16, 17, 18, 19})),  # UnionPay, RuPay
    ("60", "60", frozenset({16})),  # RuPay
    ("508", "508", frozenset({16})),
    ("2200", "2204", frozenset({16, 17, 18, 19})),  # Mir
    ("9792", "9792", frozenset({16})),  # Troy
    ("5019", "5019", frozenset({16})),  # Dankort
    *((p, p, frozenset(range(12, 20))) for p in ("5018", "5020", "5038", "5612", "5893", "6304")),
    *((p, p, frozenset(range(12, 20))) for p in ("6759", "6761", "6762", "6763", "6767", "6771")),
)
_PRINTED = frozenset(
    {
        *((4, 4, 4, n) for n in (1, 2, 4)),
        *((4, 4, 4, 4, n) for n in (1, 2, 3)),
        *((4, 6, 5), (4, 6, 4), (4, 4, 5), (6, 13), (4, 5, 6), (4, 4, 4, 3)),
        *((5, 5, 5), (8, 8), (6, 10)),
    }
)


def _by_prefix() -> dict[bytes, frozenset[int]]:
    """Lengths by the first four digits."""
    lengths: dict[bytes, frozenset[int]] = {}
    for first, last, allowed in _RANGES:
        width = _PREFIX - len(first)
        for prefix in range(int(first) * 10**width, (int(last) + 1) * 10**width):
            text = str(prefix).encode()
            lengths[text] = lengths.get(text, frozenset()) | allowed
    return lengths


_LENGTHS = _by_prefix()
_ANY_LENGTH = frozenset(range(_MIN, _MAX + 1))


_FIRST = b"12345689"
"""What a card can begin with. Of those that begin with 1 only the table's are believed: so do times and telephones."""

# Every second digit from the right counts twice, less nine past nine; digits are ASCII here.
_DIGITS = b"0123456789"
_SEPARATORS = b" .-\n"
_ONCE = bytes.maketrans(_DIGITS, bytes(range(10)))
_TWICE = bytes.maketrans(_DIGITS, bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
_ONE = ord("1")


def is_card(digits: bytes) -> bool:
    """Whether the digits, nothing else, can be the number of a card of a known issuer."""
    return len(digits) in _LENGTHS.get(digits[:_PREFIX], ()) and _has_check_digit(digits)


def _has_check_digit(digits: bytes) -> bool:
    return (sum(digits[-1::-2].translate(_ONCE)) + sum(digits[-2::-2].translate(_TWICE))) % 10 == 0


def cards(text: bytes, lowered: bytes) -> Iterator[tuple[int, int]]:
    """Each number, in bytes of the shadow."""
    is_named = _ANY_WORD.search(lowered) is not None
    for run in _RUN.finditer(text):
        yield from _in_run(text, lowered if is_named else b"", run.start(), run.end())


def _in_run(text: bytes, lowered: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cards that begin and end with a group of a run of digits; the first that fits, then the next after it."""
    groups = _groups(text, start, end)
    if text[start - 1 : start].isalnum() and start and not lowered[max(0, start - 12) : start].endswith(_ATTACHED):
        groups = groups[1:]
    if text[end : end + 1].isalnum():
        groups = groups[:-1]
    # Digits of the groups: a run has nothing else but separators.
    is_long = bool(groups) and len(text[groups[0][0] : groups[-1][1]].translate(None, _SEPARATORS)) > _LONG_RUN
    at = 0
    while at < len(groups):
        used = 0
        first, last = groups[at]
        size = last - first
        # Without a word such as "card" in all of the text, only a known issuer's number counts.
        if (size >= _PREFIX and (lowered or text[first : first + _PREFIX] in _LENGTHS)) or (
            size < _PREFIX and not is_long
        ):
            used = _card_at(text, lowered, groups, at)
        if used:
            yield first, groups[at + used - 1][1]
        at += used or 1


def _groups(text: bytes, start: int, end: int) -> list[tuple[int, int]]:
    """Where each piece without a separator begins and ends."""
    return [piece.span() for piece in _DIGITS_ALONE.finditer(text, start, end)]


def _card_at(text: bytes, lowered: bytes, groups: list[tuple[int, int]], at: int) -> int:
    """How many groups from this one on are a card; 0: none."""
    start = groups[at][0]
    if text[start] not in _FIRST:
        return 0
    # Without a word such as "card" in all of the text, only what a known issuer gives out is looked at.
    lengths = _ANY_LENGTH if lowered else _LENGTHS.get(text[start : start + _PREFIX], _ANY_LENGTH)
    digits = b""
    sizes: list[int] = []
    best = 0
    for first, last in groups[at : at + _MAX]:
        if len(digits) + last - first > _MAX:
            break
        digits += text[first:last]
        sizes.append(last - first)
        # A number may be wrapped at the end of a line; a column of numbers is no number.
        if len(digits) in lengths and _has_check_digit(digits) and text.count(b"\n", start, last) <= 1:
            alone = is_card(digits) and _stands_as_card(text, start, digits, sizes)
            if alone or (text[start] != _ONE and _is_whole(sizes) and has_word(lowered, start, last, _WORDS)):
                best = len(sizes)
    return best


def _is_whole(sizes: list[int]) -> bool:
    """Whether the groups are alike enough to be one number."""
    return len(sizes) == 1 or tuple(sizes) in _PRINTED or len(set(sizes[:-1])) == 1


def _stands_as_card(text: bytes, start: int, digits: bytes, sizes: list[int]) -> bool:
    """Whether it is written as cards are, and as nothing else is."""
    if len(sizes) == 1:
        fraction = text[start - 1 : start] == b"." and text[start - 2 : start - 1].isdigit()
        barcode = len(digits) == _BARCODE and ean.is_valid(digits.decode())
        return not fraction and not barcode
    return tuple(sizes) in _PRINTED or max(sizes) == 1 or (set(sizes) == {2} and len(digits) == 16)  # noqa: PLR2004
