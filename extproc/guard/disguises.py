"""Text made hard to find by how it is spelled, and still easy to read for a model.

    unleet(text)      digits and signs in place of letters: 1gn0r3 → ignore; character for character
    unrot(text)       the alphabet turned by thirteen, where it then has words; character for character
    find_spaced(text) letters set apart, and marks of emphasis within words: i g n o r e, ig**no**re

Only what cannot be known from the characters alone is guessed at: each is a reading beside the text as it stands.
"""

from itertools import islice

import re2

from extproc.guard.weaving import Swap

# Within a word "@" is that of an address.
_LEET = re2.compile(rb"[A-Za-z][013457$!][013457@$!|]{0,2}[A-Za-z]|(?:^|[^A-Za-z0-9])[013457@$!][A-Za-z]{2}")
_LEAST_LEET = 2
_LETTERS = str.maketrans("013457@$!|", "oieastasil")
TURN = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "nopqrstuvwxyzabcdefghijklmNOPQRSTUVWXYZABCDEFGHIJKLM"
)
TURNED_WORDS = (
    "gur|naq|lbh|lbhe|guvf|gung|jvgu|sebz|unir|jung|nyy|vtaber|cerivbhf|vafgehpgvbaf?|flfgrz|cebzcg|cnffjbeq|frperg"
    "|sbetrg|qvfertneq|eriyrny|erirny|nafjre"
)
"""Frequent words and words of attacks in English, turned. None is a word of a language written in these letters."""
TURNED_CODES = r"%[2-7][n-sN-S]%[2-7][0-9n-sN-S]|%[2-7][0-9n-sN-S]%[2-7][n-sN-S]|(?:\\h[0-9n-sN-S]{4}){2}"
"""Percent-encoding and escapes, turned: their digits above 9 and the letter u are other letters now."""
_TURNED = re2.compile(rb"(?i:\b(?:" + TURNED_WORDS.encode() + rb")\b)|" + TURNED_CODES.encode())
_SPACED = re2.compile(rb"(\b[A-Za-z](?:[ .*_|~/-][A-Za-z]){3,}\b)|[A-Za-z](\*{1,3}|__|~~|`)[A-Za-z]")


def unleet(text: str) -> str | None:
    """With letters for what looks like them; None where no two words are written so."""
    found = islice(_LEET.finditer(text.encode("ascii", "replace")), _LEAST_LEET)
    return text.replace("11", "ll").translate(_LETTERS) if len(list(found)) == _LEAST_LEET else None


def unrot(text: str) -> str | None:
    """Turned back; None where no word comes of it."""
    return text.translate(TURN) if _TURNED.search(text.encode("ascii", "replace")) else None


def find_spaced(text: str) -> list[Swap]:
    """Each stretch and what it spells."""
    swaps: list[Swap] = []
    for match in _SPACED.finditer(text.encode("ascii", "replace")):
        if match[1] is not None:
            start, end = match.span()
            swaps.append(Swap(start, end, text[start:end:2], 2))
        else:
            start, end = match.span(2)
            swaps.append(Swap(start, end, ""))
    return swaps
