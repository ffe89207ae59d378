"""States' numbers are told by their checks, and by a word beside them where the check alone says too little."""

import pytest

from extproc.guard.pii_numbers import NUMBERS, numbers


def found(text: str) -> list[tuple[str, str]]:
    raw = text.encode()
    return [(kind, text[start:end]) for kind, start, end, _ in numbers(NUMBERS, raw, raw.lower())]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("uk_nino", "AB123456C"),
        ("in_aadhaar", "2341 2341 2346"),
        ("in_pan", "ACUPA7085R"),
        ("us_ssn", "536-90-4399"),
        ("de_tax_id", "36 574 261 809"),
        ("fr_nir", "255081416802538"),
        ("es_dni", "12345678Z"),
        ("es_dni", "X1234567L"),
        ("it_codice_fiscale", "RSSMRA85T10A562S"),
    ],
)
def test_a_number_in_its_own_form_needs_no_word(kind: str, text: str) -> None:
    assert found(f"it is {text}, yes") == [(kind, text)]


@pytest.mark.parametrize(
    ("kind", "word", "text"),
    [
        ("uk_nhs", "NHS", "9434765919"),
        ("in_aadhaar", "Aadhaar", "234123412346"),
        ("us_ssn", "SSN", "536904399"),
        ("de_tax_id", "Steuer-ID", "36574261809"),
    ],
)
def test_a_number_that_could_be_any_needs_its_word(kind: str, word: str, text: str) -> None:
    assert found(f"it is {text}") == []
    assert found(f"{word} {text}") == [(kind, text)]
    assert found(f"{word} is a word. {'It says nothing here. ' * 5}{text}") == []


@pytest.mark.parametrize(
    "text",
    ["BG123456A", "DF123456C", "2341 2341 2347", "666-12-3456", "12345678A", "RSSMRA85T10A562X", "36 574 261 808"],
)
def test_a_wrong_check_is_no_number(text: str) -> None:
    assert found(text) == []


def test_a_part_of_a_longer_row_is_no_number() -> None:
    assert found("1234 2341 2341 2346") == []
    assert found("2341 2341 2346 1234") == []
    assert found("1-536-90-4399") == []
