"""Another currency beside the dollar, at a rate that somebody states. Whole numbers until the last moment.

Every amount is converted by itself, from its exact micro-dollars, and rounded to a millionth of the currency, a half to
the even one. So a converted total may differ from the sum of converted rows by half a millionth for each row.
"""

import re
from dataclasses import dataclass

from extproc.model.money import MicroUsd

ROUNDING = "each amount is converted by itself and rounded to 0.000001, halves to even"

_BILLION = 1_000_000_000
_CODE = re.compile(r"[A-Z]{3}", re.ASCII)
_RATE = re.compile(r"(?P<whole>[0-9]{1,7})(?:\.(?P<rest>[0-9]{1,9}))?", re.ASCII)


class CurrencyProblem(Exception):  # noqa: N818 - reads as what it is
    """There is no such currency or rate. The message says what to write."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a dollar is in another currency."""

    code: str
    """ISO 4217, such as ``EUR``."""
    rate: str
    """As it was stated: so much of it for one dollar."""
    billionths: int
    """The rate, exactly."""

    def convert(self, amount: MicroUsd) -> int:
        """Millionths of the currency."""
        whole, rest = divmod(amount * self.billionths, _BILLION)
        is_up = 2 * rest > _BILLION or (2 * rest == _BILLION and whole % 2 == 1)
        return whole + is_up


def read_conversion(code: str, rate: str) -> Conversion | None:
    """The conversion that a person asks for; None for neither.

    Raises:
        CurrencyProblem: one of the two is missing or cannot be read.
    """
    if not code and not rate:
        return None
    if not code or not rate:
        raise CurrencyProblem("--currency and --rate belong together: --currency EUR --rate 0.92")
    if not _CODE.fullmatch(code) or code == "USD":
        raise CurrencyProblem(f"--currency {code!r}: write three capitals such as EUR; dollars are always shown")
    match = _RATE.fullmatch(rate)
    billionths = 0 if match is None else int(match["whole"]) * _BILLION + int((match["rest"] or "").ljust(9, "0"))
    if not billionths:
        raise CurrencyProblem(f"--rate {rate!r}: write what one dollar is in it, such as 0.92; nine decimals at most")
    return Conversion(code, rate, billionths)
