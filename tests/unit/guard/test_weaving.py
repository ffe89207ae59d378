"""Views made of views still lead back to the leaf."""

from extproc.guard.reading import Piece, View
from extproc.guard.weaving import Swap, from_lengths, gather, over, respell, weave


def test_what_is_replaced_and_what_is_not_both_lead_back() -> None:
    view = weave(View("a%41%42b&amp;c"), [Swap(1, 7, "AB", 3), Swap(8, 13, "&")], ("url",))
    assert view.text == "aABb&c"
    assert view.via == ("url",)
    assert [view.span(index, index + 1) for index in range(6)] == [(0, 1), (1, 4), (4, 7), (7, 8), (8, 13), (13, 14)]


def test_what_only_all_characters_together_are_known_of_is_named_whole() -> None:
    view = weave(View("x&both;y"), [Swap(1, 7, "ab")], ())
    assert view.span(1, 2) == (1, 7)
    assert view.span(2, 3) == (1, 7)


def test_what_was_taken_out_belongs_to_what_is_around_it() -> None:
    view = weave(View("ig<b>nore"), [Swap(2, 5, "")], ("html",))
    assert view.text == "ignore"
    assert view.span(0, 6) == (0, 9)


def test_a_view_of_a_view_leads_to_the_leaf() -> None:
    outer = weave(View("__%2541__"), [Swap(2, 5, "%")], ("url",))
    inner = weave(outer, [Swap(2, 5, "A")], ("url",))
    assert inner.text == "__A__"
    assert inner.via == ("url", "url")
    assert inner.span(2, 3) == (2, 7)


def test_a_view_of_pieces_keeps_its_pieces() -> None:
    pieces = gather(View("0123456789"), [Swap(0, 4, "a%41"), Swap(6, 9, "bc")], ("hex",))
    assert pieces.text == "a%41\nbc"
    assert pieces.pieces == (Piece(0, 4, (0, 4)), Piece(5, 7, (6, 9)))
    woven = weave(pieces, [Swap(1, 4, "A")], ("url",))
    assert woven.text == "aA\nbc"
    assert woven.span(1, 2) == (0, 4)
    assert woven.span(3, 4) == (6, 9)


def test_a_view_of_a_region_has_that_region() -> None:
    assert weave(View("%41", region=(5, 9)), [Swap(0, 3, "A")], ()).span(0, 1) == (5, 9)


def test_another_spelling_keeps_positions() -> None:
    woven = weave(View("%41bc"), [Swap(0, 3, "A")], ())
    assert respell(woven, "XYZ", ("leet",)).span(1, 2) == (3, 4)
    assert over(woven, View("XYZ"), ("leet",)).span(1, 2) == (3, 4)


def test_lengths_are_turned_into_offsets() -> None:
    assert list(from_lengths("abc", {"a": 0, "b": 2, "c": 1}.__getitem__)) == [1, 1, 2, 3]
    inner = View("bbc", offsets=from_lengths("abc", {"a": 0, "b": 2, "c": 1}.__getitem__))
    assert over(View("abc", offsets=(10, 20, 30, 40)), inner, ()).span(0, 1) == (20, 30)
