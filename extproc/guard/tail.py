"""How much of the end of a text that still grows has to wait, because what comes next may make something of it.

    held_from(text, reach)   where the part begins that cannot be judged for good yet

That is as many characters as the rules reach over, counted as a reader of escapes and markup counts them; and beyond
that the whole of an encoded run that lies across that point, up to ``MOST_HELD`` characters: half of a base64 text says
nothing. A longer run is cut where its groups begin, so that each part decodes by itself; what was compressed before it
was encoded is then only read as far as it was held together. Read next: ``decoding``, ``unescaping``.
"""

import re
import unicodedata

import re2

MOST_HELD = 4096
"""Characters, where the rules themselves do not reach further."""

_SLACK = 8
"""Characters: what is counted may begin within an escape."""
_SHRINKS = re.compile(r"[%\\&<>]|[^\x00-\x7f]|[A-Za-z0-9][ .*_|~/-][A-Za-z0-9][ .*_|~/-][A-Za-z0-9][ .*_|~/-]")
_ESCAPE = re.compile(
    r"%[0-9A-Fa-f]{2}|\\U[0-9A-Fa-f]{8}|\\u\{[0-9A-Fa-f]{1,6}\}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\."
    r"|&#?[0-9A-Za-z]{1,31};?",
    re.DOTALL,
)
_APART = re.compile(r"(?<![A-Za-z0-9])([A-Za-z0-9])[ .*_|~/-](?=[A-Za-z0-9](?![A-Za-z0-9]))")
_TAG = re.compile(r"<[^<>]{0,512}>|\A[^<>]{0,512}>")
_BEYOND = re.compile(r"[^\x00-\x7f]")
_UNSEEN = frozenset({"Cf", "Mn", "Me", "Cc"})
_RUN = re2.compile(
    rb"(?:[A-Za-z][A-Za-z0-9+.-]{1,20}:[!-~]*"
    rb"|eyJ[A-Za-z0-9_.-]*"
    rb"|(?:0[xX][0-9A-Fa-f]{2}[ ,;]{0,2})+(?:0(?:[xX][0-9A-Fa-f]{0,2})?)?"
    rb"|(?:[0-9A-Fa-f]{2}[ :-]){2,}[0-9A-Fa-f]{0,2}"
    rb"|(?:[A-Za-z0-9+/_=-]{16,}[ \t]*\r?\n[ \t]*)*[A-Za-z0-9+/_=%\\&#;{}-]*)\z"
)


def held_from(text: str, reach: int) -> int:
    """Where the part begins that has to wait, in characters of the text; its length where nothing has to.

    Args:
        text: what there is of it, from somewhere that an earlier call gave, or from its beginning.
        reach: the most characters that decide about a finding, as whoever decodes the text counts them.
    """
    if reach <= 0:
        return len(text)
    most = max(MOST_HELD, reach)
    start = _seen_from(text, reach, most)
    if start <= 0:
        return 0
    least = max(0, len(text) - most)
    # What is not ASCII is in no run: text in scripts without blanks is not held for that.
    run = _RUN.search(_BEYOND.sub("\0", text[least : start + 1]).encode())
    return start if run is None else min(start, least + run.start())


def _seen_from(text: str, reach: int, most: int) -> int:
    size = reach = reach + _SLACK
    while size < len(text) and size < most:
        lacking = reach - _seen(text[-size:])
        if lacking <= 0:
            break
        size = min(most, size + lacking)
    return max(0, len(text) - size)


def _seen(text: str) -> int:
    """How many characters are left of it for whoever reads its escapes and markup."""
    if _SHRINKS.search(text) is None:
        return len(text)
    text = _APART.sub(r"\1", _TAG.sub("", _ESCAPE.sub("x", text)))
    if text.isascii():
        return len(text)
    return sum(unicodedata.category(each) not in _UNSEEN for each in text)
