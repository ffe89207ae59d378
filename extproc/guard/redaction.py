"""What was found, out of a text: with a placeholder that leads back, or for good.

    Redactor(nonce).edits(text, findings) → edits; .redactions has what each placeholder stands for
    masking(text, findings) → edits without a way back: ``[card ending 1111]``

A placeholder reads ``[EMAIL_2_483920]``: what it is, for the model; which of the exchange's values, for us; and the
exchange's nonce, so that neither a caller's own text nor a placeholder of an earlier exchange is taken for one. Read
next: ``restoration``, the way back.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from extproc.guard.json_stretches import clip, scalars
from extproc.model.guard import Edit, Finding, Redaction

NONCE_DIGITS = 6
MAX_LABEL = 24
_NOT_LETTERS = re.compile("[^A-Z]+")
_LAST_FOUR = 4


class Redactor:
    """One exchange's placeholders. The same value has the same one wherever it stands."""

    def __init__(self, nonce: str) -> None:
        """``nonce``: six decimal digits, drawn for this exchange.

        Raises:
            ValueError: it is something else.
        """
        if len(nonce) != NONCE_DIGITS or not (nonce.isascii() and nonce.isdecimal()):
            raise ValueError(f"a nonce has {NONCE_DIGITS} decimal digits")
        self._nonce = nonce
        self._mine = re.compile(rf'"?\[[A-Z_]{{1,{MAX_LABEL}}}_[0-9]{{1,6}}_{nonce}\]"?')
        self._known: dict[tuple[str, bool], Redaction] = {}
        self._numbers: dict[str, int] = {}

    @property
    def redactions(self) -> tuple[Redaction, ...]:
        """What each placeholder given so far stands for."""
        return tuple(self._known.values())

    def edits(self, text: str, findings: Iterable[Finding], *, is_json: bool = False) -> tuple[Edit, ...]:
        """What to replace, in order and without overlap. Nothing for what is a placeholder already.

        Args:
            text: the leaf's own text.
            findings: what was found in it; overlapping ones become one, named after the widest.
            is_json: whether the text is JSON and must stay so.
        """
        taken = [found.span() for found in self._mine.finditer(text)]
        spans = [piece for span in _merged(findings) for piece in _without(span, taken)]
        return tuple(_placed(text, spans, self._placeholder, is_json=is_json))

    def _placeholder(self, value: str, kind: str, *, is_bare: bool) -> str:
        """The value's placeholder. Of a bare number in JSON the quotes belong to it."""
        known = self._known.get((value, is_bare))
        if known is None:
            number = len(self._known) + 1
            text = f"[{label_of(kind)}_{number}_{self._nonce}]"
            known = Redaction(f'"{text}"' if is_bare else text, value, kind)
            self._known[value, is_bare] = known
        return known.placeholder


def masking(text: str, findings: Iterable[Finding], *, is_json: bool = False) -> tuple[Edit, ...]:
    """What to replace when nothing is to come back: in answers. Of a card its last four digits stay, else nothing."""
    spans = _merged(findings)
    return tuple(_placed(text, spans, _mask, is_json=is_json))


def apply(text: str, edits: Sequence[Edit]) -> str:
    """The text with its edits made; they are in order and do not overlap."""
    pieces: list[str] = []
    at = 0
    for edit in edits:
        pieces += text[at : edit.start], edit.replacement
        at = edit.end
    pieces.append(text[at:])
    return "".join(pieces)


def label_of(kind: str) -> str:
    """A kind as it stands in a placeholder: letters and underscores."""
    return _NOT_LETTERS.sub("_", kind.rpartition(".")[2].upper()).strip("_")[:MAX_LABEL].strip("_") or "VALUE"


def _mask(value: str, kind: str, *, is_bare: bool) -> str:
    name = kind.rpartition(".")[2].replace("_", " ")
    digits = [str(int(c)) for c in value if c.isdecimal()]
    text = f"[{name} ending {''.join(digits[-_LAST_FOUR:])}]" if kind == "pii.card" and digits else f"[{name} removed]"
    return f'"{text}"' if is_bare else text


_Span = tuple[int, int, str]


def _merged(findings: Iterable[Finding]) -> list[_Span]:
    """Stretches in order; those that overlap are one, with the kind of the widest."""
    merged: list[tuple[int, int, str, int]] = []
    for finding in sorted(findings, key=lambda f: (f.start, -f.end, f.kind)):
        start, end, width = finding.start, finding.end, finding.end - finding.start
        if width <= 0:
            continue
        if merged and start < merged[-1][1]:
            first, last, kind, widest = merged[-1]
            merged[-1] = (first, max(last, end), finding.kind if width > widest else kind, max(width, widest))
        else:
            merged.append((start, end, finding.kind, width))
    return [(start, end, kind) for start, end, kind, _ in merged]


def _without(span: _Span, taken: Sequence[tuple[int, int]]) -> Iterator[_Span]:
    """What of a stretch no placeholder covers."""
    start, end, kind = span
    for first, last in taken:
        if last <= start or first >= end:
            continue
        if start < first:
            yield start, first, kind
        start = last
    if start < end:
        yield start, end, kind


def _placed(text: str, spans: Iterable[_Span], write: Callable[..., str], *, is_json: bool) -> Iterator[Edit]:
    """An edit for each stretch; in JSON, for each scalar in it."""
    if not is_json:
        for start, end, kind in spans:
            yield Edit(start, end, write(text[start:end], kind, is_bare=False))
        return
    all_scalars = list(scalars(text))
    reached = 0
    for start, end, kind in spans:
        for piece in clip(text, all_scalars, max(start, reached), end):
            value = text[piece.start : piece.end]
            reached = piece.end
            if piece.is_string:
                yield Edit(piece.start, piece.end, write(_unescaped(value), kind, is_bare=False))
            else:
                yield Edit(piece.start, piece.end, write(value, kind, is_bare=True))


def _unescaped(value: str) -> str:
    try:
        return str(json.loads(f'"{value}"', strict=False))
    except ValueError:
        return value  # a document that stops in the middle of an escape
