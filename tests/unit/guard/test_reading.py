"""Offsets of a view lead back to the leaf."""

from extproc.guard.reading import View


def test_a_view_as_it_stands_keeps_positions() -> None:
    assert View("abc").span(1, 2) == (1, 2)


def test_a_normalised_view_leads_back_over_what_was_left_out() -> None:
    # "a", a zero-width space, "b" in the leaf
    assert View("ab", offsets=(0, 2, 3)).span(1, 2) == (2, 3)


def test_a_decoded_view_points_at_what_it_was_decoded_from() -> None:
    assert View("attack", ("hex",), region=(10, 22)).span(0, 3) == (10, 22)
