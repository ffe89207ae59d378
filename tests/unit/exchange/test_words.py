import pytest

from extproc.exchange.words import shown, shown_names
from tests.samples import make_token


def test_a_name_is_shown_as_it_is() -> None:
    assert shown("task-Größe.v2") == "'task-Größe.v2'"


@pytest.mark.parametrize("text", ["{token}", "sk-abc", "x Bearer abc", "mine:{token}"])
def test_what_looks_like_a_credential_is_not_shown(text: str) -> None:
    assert shown(text.format(token=make_token().reveal())) == "***"


@pytest.mark.parametrize("text", ["\x1b[31m", "a\nb", "\u202eevil", "\x9b0m", "\ud800"])
def test_nothing_shown_can_steer_a_terminal(text: str) -> None:
    assert all(character.isprintable() for character in shown(text))


def test_long_names_and_long_lists_are_cut() -> None:
    assert len(shown("x" * 1000)) < 70
    assert shown_names(f"n{index}" for index in range(25)).endswith("n19 and 5 more")
