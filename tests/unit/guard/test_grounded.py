"""What a context bears out, as far as words can tell, and where that stops."""

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.guard.grounded import Unsupported, grounds_of, sentences, unsupported

CONTEXT = (
    (
        "The Hartley bridge was opened in 1931 after four years of construction. It spans 1,240 metres and carries"
        " six lanes of traffic. Tolls were abolished in 1978."
    ),
    "Maintenance of the bridge costs £2.5 million a year.",
)


def judge(answer: str, *context: str, least_words: int = 3) -> list[tuple[str, str]]:
    found = unsupported(
        answer, grounds_of(context or CONTEXT), least_overlap=0.5, checks_numbers=True, least_words=least_words
    )
    return [(each.kind, answer[each.start : each.end]) for each in found]


@pytest.mark.parametrize(
    "answer",
    [
        "The Hartley bridge opened in 1931.",
        "Construction took four years. It carries six lanes!",
        "Bridges were constructed, maintained and tolling abolished.",
        "The bridge spans 1240 metres.",
        "The bridge spans 1,240 metres, with maintenance costing 2.5 million.",
        "Yes.",
        "",
    ],
)
def test_what_the_context_says_is_borne_out(answer: str) -> None:
    assert judge(answer) == []


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (
            "Elephants migrate across southern savannahs yearly.",
            ("words", "Elephants migrate across southern savannahs yearly."),
        ),
        ("The bridge was opened in 1932.", ("number", "1932")),
        ("The bridge spans 12,400 metres.", ("number", "12,400")),
        ("Maintenance of the bridge costs 25 million.", ("number", "25")),
    ],
)
def test_what_it_does_not_say_is_found_where_it_stands(answer: str, found: tuple[str, str]) -> None:
    assert judge(f"The Hartley bridge carries traffic. {answer}") == [found]


def test_the_score_is_the_share_of_words_that_the_context_lacks() -> None:
    (found,) = unsupported(
        "The bridge has purple dancing penguins.",
        grounds_of(CONTEXT),
        least_overlap=0.5,
        checks_numbers=True,
        least_words=3,
    )
    assert found == Unsupported("words", 0, 39, 0.75)


def test_short_sentences_are_only_checked_for_numbers() -> None:
    assert judge("Purple penguins dance wildly.", least_words=5) == []
    assert judge("Purple penguins in 1850.", least_words=5) == [("number", "1850")]


def test_scripts_without_spaces_are_compared_too() -> None:
    context = "東京タワーは1958年に完成しました。高さは333メートルです。"
    assert judge("東京タワーの高さは333メートルです。", context) == []
    assert judge("富士山は日本で一番高い山である。", context) == [("words", "富士山は日本で一番高い山である。")]
    assert judge("東京タワーは1968年に完成しました。", context) == [("number", "1968")]


def test_where_it_stops() -> None:
    # Turned round, and still of the context's words; in other words, and still true.
    assert judge("Six lanes of traffic abolished the bridge in 1931.") == []
    assert judge("Vehicles cross free nowadays, thanks to legislation.") != []


@given(st.text(alphabet="ab1 .!?\n。é", max_size=200))
def test_sentences_are_the_whole_text_but_for_blanks(text: str) -> None:
    places = list(sentences(text))
    assert "".join("".join(text[start:end].split()) for start, end in places) == "".join(text.split())
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in places)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(places))


@pytest.mark.parametrize("text", ["." * 200_000 + "x", "1," * 200_000, "1." * 200_000, "a" * 400_000, "?! " * 100_000])
def test_what_is_made_to_be_slow_is_not(text: str) -> None:
    def cost_s(answer: str) -> float:
        began_s = time.thread_time()
        list(unsupported(answer, grounds_of([answer]), least_overlap=0.5, checks_numbers=True, least_words=3))
        return time.thread_time() - began_s

    # Sixteen times the text: a square would be 256 times the cost.
    small = max(cost_s(text[: len(text) // 16]) for _ in range(3))
    assert min(cost_s(text) for _ in range(3)) < 80 * max(small, 0.0005)
