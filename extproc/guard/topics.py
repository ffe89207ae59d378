"""Rule ``topics``: words, phrases and substrings that a policy bans.

Settings: ``words``, a list of words and phrases; ``substrings``, a list of what is banned wherever it stands;
``whole_words`` (true), whether a word has to stand alone; ``topic`` ("banned"), the name that findings carry:
``topics.banned``. Letters are compared without their case and, as in the text, without their disguises; between the
words of a phrase may stand any blanks or hyphens. What a topic is called in other words is not found: that takes a
classifier.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import islice

import re2

from extproc.guard.collected import Collected
from extproc.guard.normalise import fold
from extproc.guard.reading import Reading, View
from extproc.guard.settings import Settings
from extproc.model.guard import Direction, Finding
from extproc.model.guard_policy import Options

_KNOWN = ("words", "substrings", "whole_words", "topic")
_BETWEEN = r"[\s_\-]{1,4}"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_MOST_LOOKED_AT = 5000
_SPARE = 4


class Topics:
    """The rule, of one policy's words."""

    def __init__(self, words: Sequence[str], substrings: Sequence[str], topic: str, *, are_whole: bool) -> None:
        alone = sorted(words if are_whole else (), key=len, reverse=True)
        anywhere = sorted((*substrings, *(() if are_whole else words)), key=len, reverse=True)
        self._kind = f"topics.{topic}"
        self._patterns = [(_pattern(entry), True) for entry in alone] + [(_pattern(entry), False) for entry in anywhere]
        self._any = re2.compile("(?i)" + "|".join(_spelled(entry) for entry in (*alone, *anywhere)))
        self.reach = max(len(entry) + _SPARE * (entry.count(" ") + 1) for entry in (*words, *substrings))

    def scan(self, reading: Reading, direction: Direction) -> Sequence[Finding]:  # noqa: ARG002 - the same both ways
        """Every banned word, whoever writes it."""
        collected = Collected(reading)
        for view in reading.views:
            if self._any.search(view.text) is not None:
                for start, end in self._stretches(view):
                    collected.add(view, self._kind, start, end)
        return collected.findings()

    def _stretches(self, view: View) -> Iterator[tuple[int, int]]:
        text = view.text
        for pattern, stands_alone in self._patterns:
            for match in islice(pattern.finditer(text), _MOST_LOOKED_AT):
                start, end = match.span()
                if not stands_alone or not (_is_word(text[start - 1 : start]) or _is_word(text[end : end + 1])):
                    yield start, end


def make(options: Options) -> Topics:
    """The rule of these settings.

    Raises:
        ValueError: one is wrong or unknown, or nothing is banned.
    """
    settings = Settings("topics", options)
    words, substrings = settings.words("words"), settings.words("substrings")
    are_whole = settings.flag("whole_words", otherwise=True)
    topic = settings.text("topic", "banned")
    settings.end(_KNOWN)
    if not words and not substrings:
        raise ValueError("topics bans nothing: give it words or substrings")
    if _NAME.fullmatch(topic) is None:
        raise ValueError("topics: topic has to be a name in small letters, such as rival_products")
    return Topics(words, substrings, topic, are_whole=are_whole)


def _pattern(entry: str) -> "re2._Regexp":
    return re2.compile(f"(?i){_spelled(entry)}")


def _spelled(entry: str) -> str:
    words = re.split(r"[\s_\-]+", unicodedata.normalize("NFKC", entry).strip())
    plain = _BETWEEN.join(re2.escape(word) for word in words if word) or re2.escape(entry)
    folded = fold(entry)
    return plain if folded is None else f"(?:{plain}|{_spelled(folded)})"


def _is_word(character: str) -> bool:
    return character.isalnum()
