"""Numbers that states give people: how each is written, its check, and whether it needs words around it to be told.

    NUMBERS                                a table, one row a kind
    numbers(rows, text, lowered) → (kind, start, end, score)

Checks are python-stdnum's where there are any. A kind whose check lets one in ten numbers of its length pass counts
only in its own grouping or with a word beside it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import re2
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.in_ import aadhaar
from stdnum.in_ import pan as indian_pan
from stdnum.it import codicefiscale
from stdnum.us import ssn

from extproc.guard.pii_context import has_word


class Number(NamedTuple):
    """One kind of number."""

    kind: str
    country: str
    """ISO 3166, lower case."""
    written: str
    """Pattern of the grouping that is its own."""
    is_valid: Callable[[str], bool]
    loose: str = ""
    """Pattern of other ways to write it, believed only beside one of ``words``."""
    words: tuple[bytes, ...] = ()
    score: float = 1.0


def _is_nino(text: str) -> bool:
    """National Insurance manual NIM39110: letters that are never given. It has no check digit."""
    head = text[:2].upper()
    return (
        head[0] not in "DFIQUV"
        and head[1] not in "DFIQUVO"
        and head not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}
        and text[-1].upper() in "ABCD"
    )


def _is_ssn(text: str) -> bool:
    return ssn.is_valid(text.replace(" ", "-") if len(text) > 9 else text)  # noqa: PLR2004 - digits without hyphens


def _is_aadhaar(text: str) -> bool:
    return aadhaar.is_valid(text.replace("-", " "))


def _plain(check: Callable[[str], bool]) -> Callable[[str], bool]:
    """The check over the text without its separators."""
    return lambda text: check(text.replace(" ", "").replace("-", "").replace(".", ""))


NUMBERS: tuple[Number, ...] = (
    Number(
        "uk_nino",
        "gb",
        r"[A-Z]{2}(?:[0-9]{6}|[ -]?[0-9]{2}[ -]?[0-9]{2}[ -]?[0-9]{2}[ -]?)[A-D]",
        _is_nino,
        loose=r"(?i:[A-Z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D])",
        words=(b"nino", b"national insurance", b"ni number", b"ni no", b"insurance number"),
        score=0.9,
    ),
    Number(
        "uk_nhs",
        "gb",
        "",
        nhs.is_valid,
        loose=r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}",
        words=(b"nhs",),
    ),
    Number(
        "in_aadhaar",
        "in",
        r"[2-9][0-9]{3}([ -])[0-9]{4}[ -][0-9]{4}",
        _is_aadhaar,
        loose=r"[2-9][0-9]{11}|[2-9][0-9]{3}[ .-]?[0-9]{4}[ .-]?[0-9]{4}",
        words=(b"aadhaar", b"aadhar", b"adhaar", b"adhar", b"uidai", b"uid "),
    ),
    Number(
        "in_pan",
        "in",
        r"[A-Z]{3}[ABCFGHJKLPT][A-Z][0-9]{4}[A-Z]",
        indian_pan.is_valid,
        loose=r"(?i:[A-Z]{3}[ABCFGHJKLPT][A-Z][0-9]{4}[A-Z])",
        words=(b"pan ", b"pan:", b"permanent account", b"income tax", b"pan card", b"pan no"),
        score=0.9,
    ),
    Number(
        "us_ssn",
        "us",
        r"[0-8][0-9]{2}-[0-9]{2}-[0-9]{4}",
        _is_ssn,
        loose=r"[0-8][0-9]{2} [0-9]{2} [0-9]{4}|[0-8][0-9]{8}",
        words=(b"ssn", b"social security", b"social-security", b"soc sec", b"ss#"),
        score=0.9,
    ),
    Number(
        "de_tax_id",
        "de",
        r"[1-9][0-9] [0-9]{3} [0-9]{3} [0-9]{3}",
        _plain(idnr.is_valid),
        loose=r"[1-9][0-9]{10}",
        words=(b"steuer", b"idnr", b"tax id", b"tin", b"identifikationsnummer"),
    ),
    Number(
        "fr_nir",
        "fr",
        r"[12](?: ?[0-9]{2}){2} ?[0-9][0-9AB] ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}",
        _plain(nir.is_valid),
    ),
    Number(
        "es_dni",
        "es",
        r"[0-9]{8}-?[A-HJ-NP-TV-Z]|[XYZ]-?[0-9]{7}-?[A-HJ-NP-TV-Z]",
        _plain(lambda t: dni.is_valid(t) or nie.is_valid(t)),
    ),
    Number(
        "it_codice_fiscale",
        "it",
        r"(?i:[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPR-T][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z])",
        codicefiscale.is_valid,
    ),
)
KINDS = tuple(number.kind for number in NUMBERS)
_COMPILED = {
    number.kind: (
        re2.compile(rf"\b(?:{number.written})\b".encode()) if number.written else None,
        re2.compile(rf"\b(?:{number.loose})\b".encode()) if number.loose else None,
    )
    for number in NUMBERS
}

# One look each, and most texts have been seen.
_ANY_WRITTEN = re2.compile(
    rb"\b(?:" + "|".join(number.written for number in NUMBERS if number.written).encode() + rb")\b"
)
_ANY_WORD = re2.compile(b"|".join(re2.escape(word) for number in NUMBERS for word in number.words))


def numbers(rows: Sequence[Number], text: bytes, lowered: bytes) -> Iterator[tuple[str, int, int, float]]:
    """Each number of these kinds that its check lets pass, in bytes of the shadow."""
    has_written = _ANY_WRITTEN.search(text) is not None
    has_word_somewhere = _ANY_WORD.search(lowered) is not None
    for row in rows if has_written or has_word_somewhere else ():
        written, loose = _COMPILED[row.kind]
        if written is not None and has_written:
            for found in written.finditer(text):
                if _stands_alone(text, found.start(), found.end()) and row.is_valid(found.group().decode()):
                    yield row.kind, found.start(), found.end(), row.score
        if loose is not None and has_word_somewhere and any(word in lowered for word in row.words):
            for found in loose.finditer(text):
                start, end = found.start(), found.end()
                if has_word(lowered, start, end, row.words) and row.is_valid(found.group().decode()):
                    yield row.kind, start, end, row.score


def _stands_alone(text: bytes, start: int, end: int) -> bool:
    """Whether it is no part of a longer row of digits: a card's last groups, a decimal fraction, a serial number."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    begins, ends = text[start : start + 1].isdigit(), text[end - 1 : end].isdigit()
    return not (
        (before[-1:] in (b" -./" if begins else b"-./") and before[:1].isdigit() and len(before) == 2)  # noqa: PLR2004
        or (after[:1] in (b" -./" if ends else b"-./") and after[1:].isdigit())
    )
