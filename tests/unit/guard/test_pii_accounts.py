"""IBANs are told by their check digits, British accounts by the words around them."""

import pytest

from extproc.guard.pii_accounts import ibans, uk_accounts


@pytest.mark.parametrize("text", ["GB82WEST12345698765432", "GB82 WEST 1234 5698 7654 32", "NL91ABNA0417164300"])
@pytest.mark.parametrize("before", ["", "ab12 ", "AB12 CD ", "to "])
@pytest.mark.parametrize("after", ["", " now", ", thanks", " 42"])
def test_an_iban_is_found_whole_whatever_stands_around_it(text: str, before: str, after: str) -> None:
    raw = (before + text + after).encode()
    assert [raw[a:b].decode() for a, b in ibans(raw)] == [text]


@pytest.mark.parametrize("text", ["GB83WEST12345698765432", "XX82WEST12345698765432", "GB82WEST123456987654321"])
def test_wrong_check_digits_countries_and_lengths_are_none(text: str) -> None:
    assert list(ibans(text.encode())) == []


def accounts(text: str) -> list[str]:
    return [text[a:b] for a, b in uk_accounts(text.encode(), text.lower().encode())]


def test_a_sort_code_and_its_account_are_found_beside_their_words() -> None:
    assert accounts("Sort code 20-00-00, account no. 55779911.") == ["20-00-00", "55779911"]


def test_without_the_words_they_are_numbers() -> None:
    assert accounts("on 20-00-00 we had 55779911 visits") == []
