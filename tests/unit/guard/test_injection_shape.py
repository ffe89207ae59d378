"""A text as letters, and signs over them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.guard.injection_shape import Signs
from extproc.guard.injection_signs import Sign

WORDS = {"COLOUR": "red blue{,ish} rot{,e,en} 红", "FRUIT": "apple{s,} apfel äpfel 苹果", "COLOUR|FRUIT": "orange"}


def found(pattern: str, text: str, openers: tuple[str, ...] = ()) -> list[str]:
    signs = Signs(WORDS, (Sign("it", "k", 0.5, pattern),), openers)
    shape = signs.shape(text)
    return [text[start:end] for start, end in shape.spans(signs.hits(shape))]


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("COLOUR FRUIT", "a red apple, a BLUEISH Apfel", ["red apple", "BLUEISH Apfel"]),
        ("COLOUR FRUIT", "red big apple", []),
        ("COLOUR FRUIT", "red red apple", ["red apple"]),
        ("COLOUR ~1 FRUIT", "red big apple", ["red big apple"]),
        ("COLOUR ~1 FRUIT", "red. apple", []),
        ("COLOUR ~~1 FRUIT", "red. apple", ["red. apple"]),
        ("COLOUR ~3!soft FRUIT", "red soft apple, red hard apple", ["red hard apple"]),
        ("COLOUR-FRUIT", "orange red", ["red"]),
        ("COLOUR|FRUIT", "orange, red apple", ["orange", "red", "apple"]),
        ("tasty FRUIT", "Tasty apple", ["Tasty apple"]),
        ("大|7 FRUIT", "大苹果 7 apples", ["大苹果", "7 apples"]),
        ("^ FRUIT", "Eat. Apple. An apple", [". Apple"]),
        ("FRUIT ?", "an apple? an apple.", ["apple?"]),
        ("COLOUR ~1 FRUIT", "我吃红的苹果", ["红的苹果"]),
        ("COLOUR FRUIT", "İİ — rote Äpfel…", ["rote Äpfel"]),
        ("COLOUR FRUIT", "\ud800 red_apple", ["red_apple"]),
    ],
)
def test_finds_a_sign_where_it_is(pattern: str, text: str, expected: list[str]) -> None:
    assert found(pattern, text) == expected


def test_a_capital_opens_a_sentence_for_words_that_may_open_one() -> None:
    assert found("^ FRUIT", "we eat Apple with red", openers=("FRUIT",)) == ["Apple"]
    assert found("^ FRUIT", "we eat apple with Red", openers=("FRUIT",)) == []
    assert found("COLOUR ~2 FRUIT", "red Apple", openers=("COLOUR",)) == ["red Apple"]


def test_refuses_a_sign_of_ideas_that_nothing_means() -> None:
    with pytest.raises(ValueError, match="nothing means SHAPE"):
        Signs(WORDS, (Sign("it", "k", 0.5, "SHAPE"),))


@given(st.text(), st.booleans())
def test_any_text_has_a_shape_and_every_hit_a_place_in_it(text: str, opens: bool) -> None:
    signs = Signs(
        WORDS, (Sign("any", "k", 0.5, "COLOUR"), Sign("end", "k", 0.5, "^ ~3 FRUIT")), ("FRUIT",) if opens else ()
    )
    text = f"{text} red Apple"
    shape = signs.shape(text)
    for start, end in shape.spans(signs.hits(shape)):
        assert 0 <= start < end <= len(text)


def test_time_grows_with_the_text_and_not_with_its_square() -> None:
    signs = Signs(WORDS, (Sign("it", "k", 0.5, "COLOUR ~5 COLOUR ~5 FRUIT"),))

    def took_s(words: int) -> float:
        text = "red " * words
        began_s = time.thread_time()
        signs.hits(signs.shape(text))
        return time.thread_time() - began_s

    # Sixteen times the text: a square would be 256 times the time.
    took_s(5_000)
    assert min(took_s(80_000) for _ in range(3)) < 80 * max(min(took_s(5_000) for _ in range(3)), 0.0005)
