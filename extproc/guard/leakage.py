"""The exchange's canary in an answer, however it is written: see ``canary``.

    LeakageRule(canary).scan(reading, direction)

Looked for in every view of the reading, and besides, without the reader's help: any case, any separators, zero-width
characters and markdown between letters, reversed, rot13, hexadecimal, binary, character codes, URL, HTML and JSON
escapes, base64 at each of its three alignments. The text is boiled down to its letters and digits, so all of it is a
handful of passes at memory speed.
"""

import base64
import codecs
import re
from collections.abc import Iterator

from extproc.guard.canary import GROUP_LETTERS, GROUPS, LETTERS
from extproc.guard.collected import Collected
from extproc.guard.reading import Reading, View
from extproc.guard.shadow import shadow
from extproc.model.guard import Direction, Finding
from extproc.model.guard_policy import Options

_KIND = "leakage.canary"
_OTHER = bytes(byte for byte in range(256) if not chr(byte).isalnum() or byte > 127)  # noqa: PLR2004 - beyond ASCII
_NOT_BINARY = bytes(byte for byte in range(256) if byte not in b"01")
_LOWER = bytes(byte + 32 if 65 <= byte <= 90 else byte for byte in range(256))  # noqa: PLR2004 - "A" to "Z"
_ESCAPE = re.compile(rb"%([0-9a-fA-F]{2})|\\{1,4}(?:u00|x|u\{)([0-9a-fA-F]{2})\}?|&#(\d{2,3});?|&#x([0-9a-fA-F]{2});?")
_BROKEN = re.compile(rb"\\{1,4}[nrtbf]|(?:\\{1,4}u|&#x?)2(?:00[b-f]|060);?|<[^<>]{0,40}>|&(?:nbsp|shy|zwn?j);")
"""What stands between letters and has letters of its own."""

_WINDOW = 2  # groups


class LeakageRule:
    """The rule ``leakage`` for one exchange."""

    reach = 256
    """The mark with eight binary digits and a space for each letter of the two groups that suffice; all else: less."""

    def __init__(self, canary: str) -> None:
        """``canary``: as ``canary_for`` gives it.

        Raises:
            ValueError: it has another form.
        """
        groups = canary.split("-")
        if len(groups) != GROUPS or any(len(g) != GROUP_LETTERS or set(g) - set(LETTERS) for g in groups):
            raise ValueError(f"a canary is {GROUPS} groups of {GROUP_LETTERS} letters of {LETTERS}, joined by hyphens")
        windows = ["".join(groups[at : at + _WINDOW]) for at in range(GROUPS - _WINDOW + 1)]
        turned = [text for window in windows for text in _turned(window)]
        dashed = ["-".join(groups[at : at + _WINDOW]) for at in range(GROUPS - _WINDOW + 1)]
        self._letters = tuple(text.encode() for text in turned)
        self._codes = tuple(code for text in turned for code in (text.encode().hex(), text.upper().encode().hex()))
        self._hexadecimal = tuple(code.encode() for code in self._codes) + tuple(
            text.encode().hex().encode() for window in dashed for text in (window, window.upper(), window[::-1])
        )
        self._decimal = tuple(
            "".join(str(ord(c)) for c in text).encode()
            for window in (*windows, *dashed)
            for text in (window, window.upper())
        )
        self._binary = tuple(
            "".join(f"{ord(c):08b}" for c in text).encode()
            for window in (*windows, *dashed)
            for text in (window, window.upper())
        )
        self._base64 = tuple(
            piece
            for text in (*dashed, *windows, *(t[::-1] for t in dashed), *(codecs.encode(t, "rot13") for t in dashed))
            for form in (text, text.upper())
            for piece in _in_base64(form.encode())
        )

    def scan(self, reading: Reading, direction: Direction) -> tuple[Finding, ...]:
        """Where the mark is, in any form."""
        del direction
        collected = Collected(reading)
        for view in reading.views:
            if (span := self._find(view)) is not None:
                collected.add(view, _KIND, *span)
        return collected.findings()

    def _find(self, view: View) -> tuple[int, int] | None:
        """The first stretch that shows it, in the view; the whole view where escapes have moved what is in it."""
        text = shadow(view.text)
        for needles, keep, lower in (
            (self._letters, _OTHER, True),
            (self._hexadecimal, _OTHER, True),
            (self._base64, _OTHER, False),
            (self._decimal, _OTHER, True),
            (self._binary, _NOT_BINARY, False),
        ):
            boiled = text.translate(_LOWER if lower else None, keep)
            for needle in needles:
                at = boiled.find(needle)
                if at >= 0:
                    return _stretch(text, keep, at, at + len(needle))
        for plain in _plainer(text):
            boiled = plain.translate(_LOWER, _OTHER)
            if any(needle in boiled for needle in (*self._letters, *self._hexadecimal)):
                return 0, len(text)
        return None


def make(options: Options) -> LeakageRule:
    """The rule for its setting: ``canary``.

    Raises:
        ValueError: it is missing, or there is another.
    """
    settings = dict(options)
    canary = settings.pop("canary", None)
    if settings or not isinstance(canary, str):
        raise ValueError("leakage takes one setting, canary, and the gateway gives it for each exchange")
    return LeakageRule(canary)


def _turned(text: str) -> tuple[str, ...]:
    rotated = codecs.encode(text, "rot13")
    return text, text[::-1], rotated, rotated[::-1]


def _in_base64(text: bytes) -> Iterator[bytes]:
    """What base64 makes of it wherever it begins: the characters that depend on nothing around it, signs left out."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + text)
        first = -(-before * 8 // 6)
        last = (before + len(text)) * 8 // 6
        for alphabet in (encoded, encoded.translate(bytes.maketrans(b"+/", b"-_"))):
            yield alphabet[first:last].translate(None, _OTHER)


def _stretch(text: bytes, removed: bytes, start: int, end: int) -> tuple[int, int]:
    """Where a stretch of the boiled text is in the text."""
    gone = frozenset(removed)
    kept = [at for at, byte in enumerate(text) if byte not in gone]
    return kept[start], kept[end - 1] + 1


def _plainer(text: bytes) -> Iterator[bytes]:
    """The text without the escapes that have letters or digits of their own."""
    if b"%" in text or b"\\" in text or b"&" in text:
        broken = _BROKEN.sub(b"", text)
        yield _ESCAPE.sub(_character, broken)
        yield _ESCAPE.sub(_character, _ESCAPE.sub(_character, broken))
    elif b"<" in text:
        yield _BROKEN.sub(b"", text)
    if b"0x" in text or b"0X" in text:
        yield re.sub(rb"0[xX]", b"", text)
    if b"0b" in text:
        yield text.replace(b"0b", b"")


def _character(found: re.Match[bytes]) -> bytes:
    hexadecimal = found[1] or found[2] or found[4]
    code = int(hexadecimal, 16) if hexadecimal else int(found[3])
    return bytes((code,)) if code < 128 else b" "  # noqa: PLR2004 - ASCII
