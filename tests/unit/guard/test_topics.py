"""Banned words and substrings."""

import pytest

from extproc.guard.reading import Reading, View
from extproc.guard.topics import make
from extproc.model.guard import Direction, Leaf, Trust
from extproc.model.guard_policy import Options


def found(text: str, *options: tuple[str, str | bool | tuple[str, ...]]) -> list[str]:
    reading = Reading(Leaf(("m",), text, Trust.USER), (View(text),))
    settings: Options = tuple(sorted(options))
    return [text[f.start : f.end] for f in make(settings).scan(reading, Direction.INPUT)]


@pytest.mark.parametrize(
    ("words", "text", "expected"),
    [
        (("bomb",), "a BOMB, bombs, (bomb) bombé ébomb bomb", ["BOMB", "bomb", "bomb"]),
        (
            ("acme cloud",),
            "Acme  Cloud acme-cloud acme\ncloud acmecloud acme, cloud",
            ["Acme  Cloud", "acme-cloud", "acme\ncloud"],
        ),
        (("straße", "c++"), "STRAßE c++ c+", ["STRAßE", "c++"]),
        (("毒",), "毒 有毒 毒", ["毒", "毒"]),
        (("Ａcme",), "acme", ["acme"]),  # noqa: RUF001
        (("a.c",), "abc a.c", ["a.c"]),
        (("x", "x y"), "x y", ["x y", "x"]),
    ],
)
def test_finds_words_that_stand_alone(words: tuple[str, ...], text: str, expected: list[str]) -> None:
    assert found(text, ("words", words)) == expected


def test_finds_substrings_anywhere_and_words_too_where_they_need_not_stand_alone() -> None:
    assert found("superbombs 有毒", ("substrings", ("bomb", "毒"))) == ["bomb", "毒"]
    assert found("superbombs", ("words", ("bomb",)), ("whole_words", False)) == ["bomb"]


def test_a_word_is_found_in_the_reading_without_accents_too() -> None:
    text = "ein Cafe am Platz"
    assert found(text, ("words", ("Café",))) == ["Cafe"]


def test_a_finding_carries_the_topics_name_and_the_rule_reaches_over_its_longest_phrase() -> None:
    rule = make((("topic", "rivals"), ("words", ("acme cloud",))))
    text = "use acme  cloud"
    (finding,) = rule.scan(Reading(Leaf(("m",), text, Trust.MODEL), (View(text),)), Direction.OUTPUT)
    assert finding.kind == "topics.rivals"
    assert rule.reach >= len("acme    cloud")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "bans nothing"),
        ((("words", ("a",)), ("topic", "No Name")), "small letters"),
        ((("word", ("a",)),), "no setting 'word'"),
    ],
)
def test_refuses_settings_that_say_nothing(options: Options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(options)
