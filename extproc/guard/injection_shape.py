"""A text as a string of ideas, one letter a word: signs are looked for in a fifth of the text and in any language.

    Signs(words, signs).hits(text) → [Hit(sign, first word, last word), …]

Linear: a word is one look-up, a sign is one search of google-re2 over the letters, and only signs are searched whose
every idea occurs. A letter stands for one set of ideas; there is one for any other word, and for the ends of sentences.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import re2

from extproc.guard.injection_signs import Sign

_MOST_HITS = 300
"""Of one sign. More of the same says nothing new."""

_END, _QUESTION = ".", "?"
_OTHER, _ENDED, _ASKED = "\u0100", "\u0101", "\u0102"
_FIRST_LETTER = 0x103
_BYTES = 2
"""Of each letter in UTF-8, up to U+07FF: an offset in bytes is twice the one in words."""
_ENDS = ".!;:\n"
_TABLE = bytes(
    ord(_END) if chr(at) in _ENDS else at if chr(at).isalnum() or chr(at) == _QUESTION else ord(" ")
    for at in range(128)
) + bytes(range(128, 256))
_WIDE_ENDS = "。！｡；：।"  # noqa: RUF001 - as they are written
_WIDE_SPACES = "“”„‘’‚«»—–…¿¡、，·（）「」『』【】\u00a0"  # noqa: RUF001 - as they are written
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Scripts that do not put blanks between words, or put endings right behind them."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A sign and the words of the text that it was found in."""

    sign: Sign
    first: int
    last: int
    """Of the words, one past its last."""


@dataclass(frozen=True, slots=True)
class _Compiled:
    sign: Sign
    pattern: "re2._Regexp"
    first: int
    second: int
    rest: tuple[int, ...]
    """One mask of letters a step: of each, at least one letter has to occur."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A text's words, and its letters."""

    text: str
    words: Sequence[str]
    letters: str
    letter_of: Mapping[str, str]

    def spans(self, hits: Sequence[Hit]) -> list[tuple[int, int]]:
        """Where in the text the words of each hit are."""
        wanted = {at for hit in hits for at in (hit.first, hit.last - 1)}
        last = max(wanted, default=-1)
        found: dict[int, tuple[int, int]] = {}
        cursor, at = 0, 0
        for word in self.words:
            if at > last:
                break
            cursor = self.text.find(word, cursor)
            for _ in self.letter_of.get(word, _OTHER):
                found[at] = (cursor, cursor + len(word))
                at += 1
            cursor += len(word)
        return [(found[hit.first][0], found[hit.last - 1][1]) for hit in hits]


class Signs:
    """Signs compiled over words.

    Args:
        words: the words of each idea, as ``injection_words`` writes them.
        signs: what is looked for.
        openers: ideas whose words begin a sentence wherever they are written with a capital: what was put into the
            middle of a sentence still begins one. Without any, capitals mean nothing.
    """

    def __init__(self, words: Mapping[str, str], signs: Sequence[Sign], openers: Sequence[str] = ()) -> None:
        ideas = _ideas(words, signs)
        letter_of: dict[frozenset[str], str] = {}
        for named in ideas.values():
            letter_of.setdefault(named, chr(_FIRST_LETTER + len(letter_of)))
        self._letters = {word: letter_of[named] for word, named in ideas.items()} | {_END: _ENDED, _QUESTION: _ASKED}
        self._read = _normal
        if openers:
            self._read = _without_marks
            for word, named in ideas.items():
                opening = "" if named.isdisjoint(openers) else _ENDED
                for capital in (word.upper(), word.capitalize()):
                    self._letters.setdefault(capital, opening + letter_of[named])
        self._bits = {letter: 1 << at for at, letter in enumerate(letter_of.values())}
        self._unspaced = _any_of([word for word in ideas if _UNSPACED.search(word)])
        self._signs = tuple(_compile(sign, letter_of, self._bits) for sign in signs)

    def shape(self, text: str) -> Shape:
        """The text's words and letters."""
        normal = self._read(text)
        spaced = normal
        if self._unspaced and not normal.isascii() and _UNSPACED.search(normal):
            spaced = self._unspaced.sub(r" \g<0> ", normal)
        words = spaced.replace(_END, f" {_END} ").replace(_QUESTION, f" {_QUESTION} ").split()
        letters = "".join(map(self._letters.get, words, itertools.repeat(_OTHER)))
        return Shape(normal, words, letters, self._letters)

    def hits(self, shape: Shape) -> list[Hit]:
        """Every sign where it occurs, in no order."""
        there = 0
        for letter in set(shape.letters):
            there |= self._bits.get(letter, 0)
        encoded = shape.letters.encode()  # once for all
        return [
            Hit(compiled.sign, found.start() // _BYTES, found.end() // _BYTES)
            for compiled in self._signs
            if there & compiled.first and there & compiled.second and all(there & need for need in compiled.rest)
            for found in itertools.islice(compiled.pattern.finditer(encoded), _MOST_HITS)
        ]


def _any_of(words: Sequence[str]) -> re.Pattern[str] | None:
    """Any of these words. Fixed strings behind one look at the first character: linear."""
    if not words:
        return None
    longest_first = sorted(words, key=len, reverse=True)
    firsts = "".join(sorted({word[0] for word in words}))
    return re.compile(f"(?=[{re.escape(firsts)}])(?:{'|'.join(map(re.escape, longest_first))})")


def _normal(text: str) -> str:
    """The text in small letters with only blanks and ends of sentences between words, every character where it was."""
    return _without_marks(text).lower()


def _without_marks(text: str) -> str:
    if text.isascii():
        return text.encode().translate(_TABLE).decode()
    text = text.replace("İ", "I")  # the only one that is longer in small letters
    for mark in _WIDE_ENDS:
        text = text.replace(mark, _END)
    for mark in "？؟":  # noqa: RUF001 - as they are written
        text = text.replace(mark, _QUESTION)
    for mark in _WIDE_SPACES:
        text = text.replace(mark, " ")
    return text.encode("utf-8", "surrogatepass").translate(_TABLE).decode("utf-8", "surrogatepass")


def _ideas(words: Mapping[str, str], signs: Sequence[Sign]) -> dict[str, frozenset[str]]:
    """The ideas of each word; a word that a sign names has itself for an idea."""
    found: dict[str, set[str]] = {}
    for names, listed in words.items():
        for word in _unfolded(listed):
            found.setdefault(word, set()).update(names.split("|"))
    for sign in signs:
        for step in sign.pattern.split():
            for name in re.split(r"[|!-]", step):
                if name[:1].isalnum() and not name.isupper():
                    found.setdefault(name, set()).add(name)
    return {word: frozenset(named) for word, named in found.items()}


def _unfolded(listed: str) -> Iterator[str]:
    for entry in listed.split():
        stem, _, endings = entry.partition("{")
        for ending in endings.rstrip("}").split(","):
            yield _normal(stem + ending).strip()


def _compile(sign: Sign, letter_of: Mapping[frozenset[str], str], bits: Mapping[str, int]) -> _Compiled:
    pattern, needs = "", []
    for step in sign.pattern.split():
        if step == "^":
            pattern += f"(?:^|[{_ENDED}{_ASKED}])"
        elif step == _QUESTION:
            pattern += _ASKED
        elif step.startswith("!"):
            pattern += f"[^{_ENDED}{_ASKED}{_letters_of(step[1:], letter_of)}]"
        elif step.startswith("~~"):
            pattern += f".{{0,{int(step[2:])}}}"
        elif step.startswith("~"):
            words, _, unwanted = step[1:].partition("!")
            others = _letters_of(unwanted, letter_of) if unwanted else ""
            pattern += f"[^{_ENDED}{_ASKED}{others}]{{0,{int(words)}}}"
        else:
            letters = _letters_of(step, letter_of)
            if not letters:
                raise ValueError(f"{sign.name}: nothing means {step}")
            pattern += f"[{letters}]"
            needs.append(sum(bits[letter] for letter in letters))
    first, second, *rest = needs if len(needs) > 1 else (*needs, *needs)
    return _Compiled(sign, re2.compile(pattern), first, second, tuple(rest))


def _letters_of(step: str, letter_of: Mapping[frozenset[str], str]) -> str:
    wanted, _, unwanted = step.partition("-")
    these, others = set(wanted.split("|")), set(unwanted.split("|"))
    return "".join(letter for named, letter in letter_of.items() if named & these and not named & others)
