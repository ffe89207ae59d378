"""Numbers and addresses that point to a person: cards, accounts, identity numbers, passports, phones, e-mails.

Kinds are ``pii.<kind>`` of ``KINDS``. A finding says where, never what: no digit of a card leaves this file. Linear in
the text; a text without digits and without "@" costs one look.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from extproc.guard.collected import Collected
from extproc.guard.pii_accounts import ibans, uk_accounts
from extproc.guard.pii_card import cards
from extproc.guard.pii_contact import addresses, emails, phones
from extproc.guard.pii_numbers import NUMBERS, numbers
from extproc.guard.pii_passport import passports
from extproc.guard.reading import Reading, View
from extproc.guard.shadow import shadow
from extproc.model.guard import Direction, Finding
from extproc.model.guard_policy import Options

_COUNTRIES = frozenset(number.country for number in NUMBERS)
KINDS = frozenset(
    [*("card", "iban", "uk_account", "passport", "phone", "email", "ip"), *(number.kind for number in NUMBERS)]
)
DEFAULT_KINDS = KINDS - {"ip"}
"""IP addresses are in every log that somebody pastes; who wants them found asks for it."""

_NOT_DIGITS = bytes(byte for byte in range(256) if not 48 <= byte <= 57)  # noqa: PLR2004 - "0" to "9"
_MIN_DIGITS = 4  # of an Indian PAN; an Italian fiscal code may write most of its digits as letters


class PiiRule:
    """The rule ``pii``: which kinds, and the identity numbers of which countries."""

    reach = 120
    """A machine-readable line, or a number with the words that say what it is."""

    def __init__(self, kinds: frozenset[str] = DEFAULT_KINDS, countries: frozenset[str] = _COUNTRIES) -> None:
        self._kinds = kinds
        self._numbers = tuple(n for n in NUMBERS if n.kind in kinds and n.country in countries)
        self._has_uk_accounts = "uk_account" in kinds and "gb" in countries

    def scan(self, reading: Reading, direction: Direction) -> tuple[Finding, ...]:
        """Everything of these kinds in every view."""
        del direction
        collected = Collected(reading)
        for view in reading.views:
            for kind, start, end, score in self._scan_view(view):
                collected.add(view, f"pii.{kind}", start, end, score)
        return collected.findings()

    def _scan_view(self, view: View) -> Iterator[tuple[str, int, int, float]]:
        text = shadow(view.text)
        kinds = self._kinds
        if "email" in kinds:
            yield from (("email", start, end, 1.0) for start, end in emails(text, view.text))
        digits = len(text.translate(None, _NOT_DIGITS))
        if digits < _MIN_DIGITS and not ("ip" in kinds and text.count(b":") > 1):
            return
        found = list(self._numbers_in(text))
        yield from found
        if "phone" in kinds:
            # What has a better name is no phone number, and neither is its second half.
            taken = _merged((start, end) for _, start, end, _ in found)
            for start, end, score in phones(text, text.lower()):
                before = bisect_left(taken, end, key=lambda span: span[0]) - 1
                if before < 0 or taken[before][1] <= start:
                    yield "phone", start, end, score

    def _numbers_in(self, text: bytes) -> Iterator[tuple[str, int, int, float]]:
        kinds = self._kinds
        lowered = text.lower()
        if "card" in kinds:
            yield from (("card", start, end, 1.0) for start, end in cards(text, lowered))
        if "iban" in kinds:
            yield from (("iban", start, end, 1.0) for start, end in ibans(text))
        yield from numbers(self._numbers, text, lowered)
        if self._has_uk_accounts:
            yield from (("uk_account", start, end, 0.8) for start, end in uk_accounts(text, lowered))
        if "passport" in kinds:
            yield from (("passport", *found) for found in passports(text, lowered))
        if "ip" in kinds:
            yield from (("ip", start, end, 0.9) for start, end in addresses(text))


def make(options: Options) -> PiiRule:
    """The rule for its settings: ``kinds``, ``countries`` (ISO 3166, two letters).

    Raises:
        ValueError: a setting is none of its, or names what it does not know.
    """
    settings = dict(options)
    kinds = _listed("kinds", settings.pop("kinds", None), KINDS) or DEFAULT_KINDS
    countries = _listed("countries", settings.pop("countries", None), _COUNTRIES) or _COUNTRIES
    if settings:
        raise ValueError(f"pii has no setting {', '.join(sorted(settings))}; it has kinds and countries")
    return PiiRule(kinds, countries)


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same stretches in order, without overlaps."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _listed(name: str, value: object, known: frozenset[str]) -> frozenset[str] | None:
    if value is None:
        return None
    if not isinstance(value, tuple) or not value:
        raise ValueError(f"pii: {name} is a list of one or more of {', '.join(sorted(known))}")
    wanted = frozenset(str(item).lower() for item in value)
    if unknown := wanted - known:
        raise ValueError(f"pii: {name} has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}")
    return wanted
