"""Dollars in another currency."""

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.model.money import MicroUsd
from extproc.operations.currency import CurrencyProblem, read_conversion


@given(st.integers(-(10**18), 10**18), st.integers(1, 10**13))
def test_an_amount_is_the_exact_product_rounded_once(amount: int, billionths: int) -> None:
    rate = Decimal(billionths).scaleb(-9)
    conversion = read_conversion("EUR", f"{rate:f}")
    assert conversion is not None
    exact = Decimal(amount) * Decimal(billionths)
    assert conversion.convert(MicroUsd(amount)) == int(exact.scaleb(-9).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


@pytest.mark.parametrize(
    ("rate", "amount", "converted"), [("0.5", 1, 0), ("0.5", 3, 2), ("1.5", 1, 2), ("0.92", 10_000_000, 9_200_000)]
)
def test_a_half_is_rounded_to_the_even_one(rate: str, amount: int, converted: int) -> None:
    conversion = read_conversion("EUR", rate)
    assert conversion is not None
    assert conversion.convert(MicroUsd(amount)) == converted
    assert (conversion.code, conversion.rate) == ("EUR", rate)


def test_without_a_currency_there_is_no_conversion() -> None:
    assert read_conversion("", "") is None


@pytest.mark.parametrize(
    ("code", "rate"),
    [("EUR", ""), ("", "0.92"), ("eur", "1"), ("EURO", "1"), ("USD", "1"), ("E\u00dcR", "1"), ("<i>", "1")]
    + [("EUR", rate) for rate in ("0", "0.0", "-1", "1e3", "nan", "0,92", "1.", ".5", "٣", "0.1234567891", "1\n")],
)
def test_what_is_no_currency_or_no_rate_is_refused(code: str, rate: str) -> None:
    with pytest.raises(CurrencyProblem, match=r"--currency|--rate"):
        read_conversion(code, rate)
