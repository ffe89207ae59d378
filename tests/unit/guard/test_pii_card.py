"""Cards are told by issuer, length, check digit and grouping."""

import pytest

from extproc.guard.pii_card import cards, is_card


def found(text: str) -> list[str]:
    raw = text.encode()
    return [text[start:end] for start, end in cards(raw, raw.lower())]


@pytest.mark.parametrize(
    "digits",
    [
        *("4111111111111111", "5555555555554444", "2223003122003222", "378282246310005", "6011111111111117"),
        *("30569309025904", "3530111333300000", "6200000000000005", "4222222222222"),
    ],
)
def test_a_networks_own_test_number_is_a_card(digits: str) -> None:
    assert is_card(digits.encode())
    assert not is_card((digits[:-1] + str((int(digits[-1]) + 1) % 10)).encode())


@pytest.mark.parametrize("digits", ["1234567890123452", "0000000000000000", "7992739871300003", "41111111111111"])
def test_numbers_of_no_issuer_or_length_are_none(digits: str) -> None:
    assert not is_card(digits.encode())


def test_a_card_is_found_among_other_groups() -> None:
    assert found("12 4111 1111 1111 1111 34") == ["4111 1111 1111 1111"]
    assert found("1234 4111 1111 1111 1111") == ["4111 1111 1111 1111"]


def test_every_card_of_a_long_list_is_found() -> None:
    assert found(" ".join(["4111 1111 1111 1111"] * 50)) == ["4111 1111 1111 1111"] * 50


def test_odd_groups_need_a_word() -> None:
    assert found("41 1111 11111 11111") == []
    assert found("card 41111 11111 11111 1") == ["41111 11111 11111 1"]


def test_an_issuer_that_is_not_listed_needs_a_word() -> None:
    assert found("3598899323053410") == []
    assert found("credit card 3598899323053410") == ["3598899323053410"]


@pytest.mark.parametrize(
    "text", ["0.4111111111111111", "x4111111111111111", "4111111111111111x", "41111111111111112", "4006381333931"]
)
def test_fractions_identifiers_and_barcodes_are_no_cards(text: str) -> None:
    assert found(text) == []


def test_a_card_may_be_wrapped_at_a_lines_end_and_a_column_is_no_card() -> None:
    assert found("card 4111 1111\n1111 1111.") == ["4111 1111\n1111 1111"]
    assert found("4111\n1111\n1111\n1111\n") == []
    assert found("4111111111111111\n5555555555554444") == ["4111111111111111", "5555555555554444"]


def test_a_card_may_stand_right_behind_its_name() -> None:
    assert found("card4111111111111111") == ["4111111111111111"]
    assert found("the card: id4111111111111111") == []
