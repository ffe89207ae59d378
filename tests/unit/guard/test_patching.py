"""Edits made all at once."""

from extproc.guard.patching import merge, patch
from extproc.model.guard import Edit


def test_edits_are_put_in_order_and_none_is_over_another() -> None:
    given = [Edit(5, 9, "C"), Edit(0, 4, "A"), Edit(1, 3, "within"), Edit(3, 5, "B"), Edit(5, 9, "C")]
    assert merge(given) == [Edit(0, 4, "A"), Edit(4, 5, "B"), Edit(5, 9, "C")]


def test_the_wider_of_two_that_begin_together_stays() -> None:
    assert merge([Edit(2, 4, "short"), Edit(2, 8, "long")]) == [Edit(2, 8, "long")]


def test_a_text_is_patched_where_it_is_said() -> None:
    assert patch("0123456789", [Edit(0, 2, "<"), Edit(5, 5, "|"), Edit(8, 10, ">")]) == "<234|567>"
    assert patch("same", []) == "same"
