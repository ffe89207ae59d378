"""Passports are told by their machine-readable lines, and by the word beside a number."""

import pytest

from extproc.guard.pii_passport import passports

LINE = "L898902C36UTO7408122F1204159ZE184226B<<<<<10"


def found(text: str) -> list[str]:
    raw = text.encode()
    return [text[start:end] for start, end, _ in passports(raw, raw.lower())]


def test_a_machine_readable_line_is_found_by_its_check_digits() -> None:
    assert found(f"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\n{LINE}\n") == [LINE]
    assert found(LINE.replace("L898902C36", "L898902C37")) == []


def test_a_card_of_three_lines_is_found_by_its_first() -> None:
    assert found("I<UTOD231458907<<<<<<<<<<<<<<<") == ["I<UTOD231458907<<<<<<<<<<<<<<<"]


@pytest.mark.parametrize("number", ["925076473", "X1234567", "C01X00T47"])
def test_a_number_needs_the_word(number: str) -> None:
    assert found(f"passport no. {number}") == [number]
    assert found(f"order no. {number}") == []
