"""Texts beyond their limits are found, each and all together."""

import pytest

from extproc.guard.joining import gather
from extproc.guard.rules import scan_leaves
from extproc.guard.size import make, tokens
from extproc.model.guard import Direction, Leaf, Part, Trust
from extproc.model.guard_policy import Options, RuleSpec


def leaf(text: str, name: str = "x", *, is_repeat: bool = False) -> Leaf:
    return Leaf((name,), text, Trust.USER, parts=(Part((name,), 0, 1),) if is_repeat else (), is_repeat=is_repeat)


def found(options: Options, *leaves: Leaf) -> list[tuple[str, object, int, int]]:
    (scanned,) = scan_leaves((RuleSpec("size", options),), leaves, Direction.INPUT)
    return [(f.kind, f.place[0], f.start, f.end) for f in scanned.findings]


def test_what_is_beyond_the_limit_of_a_string_is_found() -> None:
    options = (("max_characters", 5),)
    assert found(options, leaf("12345"), leaf("12345678", "y")) == [("size.characters", "y", 5, 8)]


def test_tokens_are_limited_too() -> None:
    options = (("max_tokens", 2),)
    assert found(options, leaf("12345678"), leaf("123456789", "y")) == [("size.tokens", "y", 0, 9)]


def test_the_string_that_passes_the_limit_of_all_is_found_once() -> None:
    leaves = (leaf("1234", "a"), leaf("5678", "b"), leaf("9", "c"), leaf("0", "d"))
    assert found((("max_characters_total", 8),), *leaves) == [("size.characters_total", "c", 0, 1)]
    assert found((("max_tokens_total", 2),), *leaves) == [("size.tokens_total", "c", 0, 1)]
    assert found((("max_characters_total", 10),), *leaves) == []


def test_what_stands_in_other_leaves_too_is_not_counted_twice() -> None:
    options = (("max_characters", 5), ("max_characters_total", 8))
    assert found(options, leaf("1234"), leaf("5678"), leaf("12345678", is_repeat=True)) == []


def test_short_strings_in_one_leaf_have_the_limit_each_for_itself() -> None:
    texts = ("1234", "12345678", "12")
    (short,) = gather(("#short",), [((name,), text) for name, text in zip("abc", texts, strict=True)], Trust.DECLARED)
    assert found((("max_characters", 8), ("max_tokens", 2)), short) == []
    assert found((("max_characters", 5),), short) == [("size.characters", "#short", 10, 13)]
    assert found((("max_tokens", 1),), short) == [("size.tokens", "#short", 5, 13)]
    assert found((("max_characters_total", 14),), short) == []


def test_a_token_is_four_characters_of_ascii_or_one_of_another() -> None:
    assert [tokens(text) for text in ("", "a", "abcd", "abcde", "größe", "語語語")] == [0, 1, 1, 2, 3, 3]


@pytest.mark.parametrize(
    "options", [(), (("max_words", 1),), (("max_tokens", 0),), (("max_tokens", True),), (("max_tokens", "5"),)]
)
def test_a_limit_is_a_whole_number_of_one_or_more(options: Options) -> None:
    with pytest.raises(ValueError, match="size"):
        make(options)
