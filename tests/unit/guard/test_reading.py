"""Offsets of a view lead back to the leaf."""

from extproc.guard.reading import Piece, View


def test_a_view_as_it_stands_keeps_positions() -> None:
    assert View("abc").span(1, 2) == (1, 2)


def test_a_normalised_view_leads_back_over_what_was_left_out() -> None:
    # "a", a zero-width space, "b" in the leaf
    assert View("ab", offsets=(0, 2, 3)).span(1, 2) == (2, 3)


def test_a_decoded_view_points_at_what_it_was_decoded_from() -> None:
    assert View("attack", ("hex",), region=(10, 22)).span(0, 3) == (10, 22)


def test_a_view_of_pieces_points_at_all_that_a_stretch_was_made_of() -> None:
    view = View("attack\nnow", ("hex",), pieces=(Piece(0, 6, (10, 22)), Piece(7, 10, (30, 36))))
    assert view.span(0, 3) == (10, 22)
    assert view.span(7, 10) == (30, 36)
    assert view.span(4, 9) == (10, 36)
    assert view.span(6, 7) == (10, 22)


def test_a_stretch_that_ends_within_a_ligature_has_all_of_it() -> None:
    # The leaf is a ligature of "f" and "i", then "n".
    view = View("fin", offsets=(0, 0, 1, 2))
    assert view.span(0, 1) == (0, 1)
    assert view.span(1, 3) == (0, 2)
    assert view.span(1, 1) == (0, 0)
