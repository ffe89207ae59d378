"""Bank accounts: IBANs by their check digits, British sort codes with account numbers by the words around them.

The modulus check of British accounts needs the tables that Vocalink publishes, which may not be passed on; without
them a sort code and an account number are told by how they are written and by context.
"""

from collections.abc import Iterator

import re2
from stdnum import iban

from extproc.guard.pii_context import has_word

# A country, two check digits, then groups as printed or in one piece; 15 to 34 characters in all.
_IBAN = re2.compile(rb"(?i)\b[a-z]{2}[0-9]{2}(?:[ -]?[a-z0-9]){11,30}")
_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU",
        31: "MT SC",
        32: "LC",
    }.items()
    for country in countries.split()
}
"""Characters by country: the IBAN registry of SWIFT, November 2026."""

_MIN_DIGITS = 8  # Malta and Saint Lucia have the most letters; words have none

_SORT_CODE = re2.compile(rb"\b[0-9]{2}([ -]?)[0-9]{2}[ -]?[0-9]{2}\b")
_ACCOUNT = re2.compile(rb"\b[0-9]{8}\b|\b[0-9]{4} [0-9]{4}\b")
_SORT_WORDS = (b"sort code", b"sort-code", b"sortcode", b"s/c")
_ACCOUNT_WORDS = (b"account", b"acct", b"a/c", b"acc no", b"bank")
_NEAR = 80  # characters between a sort code and its account number


def ibans(text: bytes) -> Iterator[tuple[int, int]]:
    """Each IBAN whose check digits agree, in bytes of the shadow."""
    at = 0
    while (found := _IBAN.search(text, at)) is not None:
        start = found.start()
        at = start + 4  # what looked like one may hide the beginning of one
        length = _LENGTHS.get(text[start : start + 2].decode().upper())
        end = length and _end_of(text, start, found.end(), length)
        if not end or text[end : end + 1].isalnum():
            continue
        written = text[start:end].decode()
        if (
            sum(map(str.isdigit, written)) >= _MIN_DIGITS
            and _agrees(text[start:end])
            and iban.is_valid(written, check_country=False)
        ):
            yield start, end
            at = end


def uk_accounts(text: bytes, lowered: bytes) -> Iterator[tuple[int, int]]:
    """Sort codes that are named so, and the account number near each."""
    if not any(word in lowered for word in _SORT_WORDS):
        return
    for found in _SORT_CODE.finditer(text):
        start, end = found.start(), found.end()
        if not has_word(lowered, start, end, _SORT_WORDS):
            continue
        yield start, end
        around = max(0, start - _NEAR), min(len(text), end + _NEAR)
        for account in _ACCOUNT.finditer(text, *around):
            if not (account.start() < end and start < account.end()) and has_word(
                lowered, account.start(), account.end(), _ACCOUNT_WORDS + _SORT_WORDS
            ):
                yield account.start(), account.end()


def _agrees(written: bytes) -> bool:
    """Whether its check digits do, ISO 7064 mod 97-10: what the library looks at more closely."""
    plain = written.translate(None, b" -")
    return int("".join(str(int(chr(each), 36)) for each in plain[4:] + plain[:4])) % 97 == 1


def _end_of(text: bytes, start: int, limit: int, length: int) -> int | None:
    """Where the country's number of letters and digits is full."""
    end = start + length
    while (
        end <= limit
        and (missing := length - end + start + text.count(b" ", start, end) + text.count(b"-", start, end)) > 0
    ):
        end += missing
    return end if end <= limit else None
