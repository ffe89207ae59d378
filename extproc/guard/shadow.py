"""A text as ASCII bytes, position for position: what rules about numbers and tokens match against.

google-re2 wants bytes, and offsets into UTF-8 are not offsets into text. In the shadow the byte at ``i`` stands for
the character at ``i``: itself if it is ASCII, else the ASCII digit, space or hyphen that it means, else ``?``.
"""

import re
import unicodedata

_BEYOND = 0x10000
_LAST_DIGIT = 0x1FBF9  # of Unicode 14; no space and no dash comes later


def _folds() -> dict[int, str]:
    """Digits, spaces and dashes of all scripts, by what they mean."""
    folds = {0x2212: "-", 0x00AD: "-", 0x2024: "."}
    for code in range(0x80, _LAST_DIGIT + 1):
        category = unicodedata.category(chr(code))
        if category == "Nd":
            folds[code] = str(unicodedata.digit(chr(code)))
        elif category == "Zs":
            folds[code] = " "
        elif category == "Pd":
            folds[code] = "-"
    return folds


_FOLDS = _folds()
# Python's matcher looks a character up at once only in a class without characters past U+FFFF.
_FOLDED = re.compile("[" + "".join(re.escape(chr(code)) for code in _FOLDS if code < _BEYOND) + "]")


def shadow(text: str) -> bytes:
    """As many bytes as the text has characters."""
    if not text.isascii() and (_FOLDED.search(text) or max(text) > "\uffff"):
        text = text.translate(_FOLDS)
    return text.encode("ascii", "replace")
