"""Whether an answer is borne out by the context it was given, as far as their words can tell: a rule, without a model.

    unsupported(answer, context) → the sentences whose content words, or whose numbers, the context does not have

It says nothing about what a sentence means: one that turns the context's words round is borne out, and one that says
the same in other words is not. Hence flag it; do not block by it. Words are compared by their beginnings, so that
endings do not matter; scripts without spaces by pairs of characters. Linear in both texts.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|[。！？]+|\n+")  # noqa: RUF001 - what such scripts end a sentence with
_WORD = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0e7f]")
_STEM = 5
_LEAST_LETTERS = 3
_STOP = frozenset(
    """
    the and for are was were been being has have had not but with without from into onto than then that this these those
    there their they them its his her hers him she you your our ours who whom whose which what when where why how all
    any each few more most other some such only own same too very can could will would shall should may might must does
    did doing done also about above below after before again against between both down during further here just nor
    off once out over under until while because through per via yes however therefore
    """.split()  # noqa: SIM905 - to be read
)


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A sentence of the answer that the context does not bear out."""

    kind: str
    """``words``, or ``number``."""
    start: int
    end: int
    score: float
    """The share of its content words that the context lacks; 1 for a number."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a context has."""

    words: frozenset[str]
    numbers: frozenset[str]


def grounds_of(context: Iterable[str]) -> Grounds:
    """Of all texts together."""
    words: set[str] = set()
    numbers: set[str] = set()
    for text in context:
        words.update(_words(text))
        numbers.update(number for number, _, _ in _numbers(text))
    return Grounds(frozenset(words), frozenset(numbers))


def unsupported(
    answer: str, grounds: Grounds, *, least_overlap: float, checks_numbers: bool, least_words: int
) -> Iterator[Unsupported]:
    """What is not borne out, in the order of the answer.

    Args:
        answer: as the model wrote it.
        grounds: of its context.
        least_overlap: of a sentence's content words, how many the context must have; from 0 to 1.
        checks_numbers: whether each number must be there.
        least_words: a sentence with fewer content words is only checked for its numbers.
    """
    for start, end in sentences(answer):
        sentence = answer[start:end]
        words = set(_words(sentence))
        lacking = len(words - grounds.words)
        if len(words) >= least_words and len(words) - lacking < least_overlap * len(words):
            yield Unsupported("words", start, end, round(lacking / len(words), 4))
        if checks_numbers:
            for number, begin, stop in _numbers(sentence):
                if number not in grounds.numbers:
                    yield Unsupported("number", start + begin, start + stop, 1.0)


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where each is, without the blanks around it."""
    begin = 0
    for found in (*_SENTENCE_END.finditer(text), None):
        end = len(text) if found is None else found.end()
        stripped = text[begin:end].strip()
        if stripped:
            start = begin + len(text[begin:end]) - len(text[begin:end].lstrip())
            yield start, start + len(stripped)
        begin = end


def _words(text: str) -> Iterator[str]:
    for found in _WORD.finditer(text.casefold()):
        word = found[0]
        if _UNSPACED.search(word):
            yield from (word[index : index + 2] for index in range(max(1, len(word) - 1)))
        elif len(word) >= _LEAST_LETTERS and word not in _STOP:
            yield word[:_STEM]


def _numbers(text: str) -> Iterator[tuple[str, int, int]]:
    """Each number as it counts, whichever way its thousands are set apart, and where it is."""
    for found in _NUMBER.finditer(text):
        digits = re.sub(r",(?=\d{3}(?!\d))", "", found[0])
        yield digits.replace(",", "."), found.start(), found.end()
