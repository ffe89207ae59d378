"""A text's shadow has one byte for each character, and digits of every script are digits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.guard.shadow import shadow


@given(st.text())
def test_there_is_one_byte_for_each_character(text: str) -> None:
    assert len(shadow(text)) == len(text)


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_is_itself(text: str) -> None:
    assert shadow(text).decode() == text


@pytest.mark.parametrize(
    "digits",
    [
        "\u0664\u0661\u0661\u0661",
        "\u096a\u0967\u0967\u0967",
        "\uff14\uff11\uff11\uff11",
        "\U0001d7dc\U0001d7d9\U0001d7d9\U0001d7d9",
    ],
)
def test_digits_of_every_script_are_digits(digits: str) -> None:
    assert shadow(digits) == b"4111"


def test_spaces_and_dashes_of_all_kinds_are_spaces_and_hyphens() -> None:
    assert shadow("a\u00a0b\u2009c\u2013d\u2014e\u2212f") == b"a b c-d-e-f"


def test_other_letters_are_no_letters() -> None:
    assert shadow("ñ語") == b"??"
