"""A text as a person sees it: one way to write each character, and none that cannot be seen.

    normalise(text)   compatibility forms (NFKC, character by character), digits of all scripts as ASCII's, spaces as
                      spaces; without controls, invisible and bidirectional format characters, variation selectors,
                      tags and combining marks that stand alone
    fold(text)        the same once more for the eye: without accents, look-alike letters as the ASCII ones
    tags(text)        what the invisible tag characters spell

Letters with accents and other scripts are what they are in the first form, for whole languages are written in them;
``fold`` is a reading of its own, and one character for one.

Sources: Unicode Standard Annex 15 (NFKC), as Python 3.11 has it of Unicode 14; UTS 39 for what looks alike.
"""

import re
import unicodedata
from collections.abc import Callable

from extproc.guard.confusables import LOOKALIKES
from extproc.guard.reading import View
from extproc.guard.weaving import Swap, from_lengths, gather

_MARKS = ((0x300, 0x36F), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE20, 0xFE2F))
"""Marks of no script of their own. Those that a script cannot do without, such as vowels of Hindi, are elsewhere."""
_BLANK = frozenset(
    {0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x3164, 0xFFA0}
    | {*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), *range(0xE0000, 0xE0080)}
)
"""What is shown as nothing without being a format character: fillers, joiners, variation selectors, tags."""
_KEPT_CONTROLS = "\t\n\r"
_BREAKS = frozenset("\x0b\x0c\x85\u2028\u2029")
_HANGUL = range(0xAC00, 0xD7A4)
_MOST_KEPT = 65_536
_MOST_UNLIKE = 8
"""One in so many characters of a text that is taken for look-alikes may be something else."""
_LONGEST_FORM = 4
"""Characters; the longest there are have eighteen, and a text of nothing else would be that much longer."""

_TAGS = re.compile("[\U000e0020-\U000e007e]+")
_TAG_BASE = 0xE0000
_SEAM = re.compile("(?<=[^\x00-\x7f])[A-Za-z]|[A-Za-z](?=[^\x00-\x7f])")
_CONTROLS = {code: None for code in (*range(0x20), 0x7F) if chr(code) not in _KEPT_CONTROLS} | {0x0B: 0x0A, 0x0C: 0x0A}


class _Forms(dict[int, str]):
    """Code point → what is written in its place; worked out once for each, in bounded memory."""

    def __init__(self, work_out: Callable[[str], str]) -> None:
        self._work_out = work_out

    def __missing__(self, code: int) -> str:
        form = self._work_out(chr(code))
        if len(self) < _MOST_KEPT:
            self[code] = form
        return form


def normalise(text: str, chars: set[str] | None = None) -> View:
    """The first view of a leaf.

    Args:
        text: the leaf's.
        chars: the different characters of it, if they are known: to find them takes as long as the rest.
    """
    if text.isascii():
        shown = text.translate(_CONTROLS)
        return View(text) if shown == text else View(shown, offsets=from_lengths(text, _ascii_length))
    forms = _of_chars(set(text) if chars is None else chars, _FORMS)
    if forms is None:
        return View(text)
    shown = text.translate(forms)
    if all(len(form) == 1 for form in forms.values()):
        return View(shown)
    return View(shown, offsets=from_lengths(text, lambda char: len(forms[ord(char)])))


def fold(text: str, chars: set[str] | None = None) -> str | None:
    """The normalised text without accents and look-alikes; None where that says nothing new.

    Text of another script alone is left as it is, unless all but a few of its letters look like ASCII's.
    """
    if text.isascii():
        return None
    folds = _of_chars(set(text) if chars is None else chars, _FOLDS)
    if folds is None:
        return None
    if 2 * _ascii_size(text) <= len(text) and not _is_mostly_alike(folds) and not _SEAM.search(text):
        return None
    return text.translate(folds)


def tags(text: str) -> View | None:
    """What tag characters in a leaf's own text spell; None without any."""
    found = [
        Swap(each.start(), each.end(), "".join(chr(ord(tag) - _TAG_BASE) for tag in each[0]))
        for each in _TAGS.finditer(text)
    ]
    return gather(View(text), found, ("tags",)) if found else None


def _form(char: str) -> str:
    if char.isascii():
        # A break of a page or a column is a break.
        return "\n" if char in _BREAKS else ("" if ord(char) in _CONTROLS else char)
    if char in _BREAKS:
        return "\n"
    if _is_unseen(char):
        return ""
    decimal = unicodedata.decimal(char, None)
    if decimal is not None:
        return str(decimal)
    form = "".join(each for each in unicodedata.normalize("NFKC", char) if not _is_unseen(each))
    return form if len(form) <= _LONGEST_FORM else char


def _is_unseen(char: str) -> bool:
    code = ord(char)
    if code in _BLANK or any(first <= code <= last for first, last in _MARKS):
        return True
    return unicodedata.category(char) in {"Cf", "Cc"} and char not in _KEPT_CONTROLS


def _fold(char: str) -> str:
    if char.isascii() or ord(char) in _HANGUL:
        return char
    bare = "".join(each for each in unicodedata.normalize("NFD", char) if not _is_unseen(each))
    if len(bare) != 1:
        return char
    return LOOKALIKES.get(ord(bare), bare)


def _ascii_size(text: str) -> int:
    return len(text.encode("ascii", "ignore"))


def _of_chars(chars: set[str], forms: _Forms) -> dict[int, str] | None:
    """What becomes of these characters; None where they stay as they are. A text has few different ones."""
    found = {ord(char): forms[ord(char)] for char in chars}
    return found if any(chr(code) != form for code, form in found.items()) else None


def _is_mostly_alike(folds: dict[int, str]) -> bool:
    other = sum(not fold.isascii() and fold.isalpha() for fold in folds.values())
    return _MOST_UNLIKE * other <= len(folds)


def _ascii_length(char: str) -> int:
    return int(_CONTROLS.get(ord(char), char) is not None)


_FORMS = _Forms(_form)
_FOLDS = _Forms(_fold)
