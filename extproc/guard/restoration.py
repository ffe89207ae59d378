"""Placeholders in what a model wrote, back to what they stand for, also where it changed them a little.

    Restorer(redactions).edits(text, is_json=...)     what to replace in a whole text, or in a part that may go on
    .open_at(text)                                    from where the end of the text may still become a placeholder

A stream hands on ``text[:open_at]`` with its edits made, keeps the rest, and adds what comes: any split gives the same
result. Found are other case, spaces or hyphens or nothing for underscores, markdown's backslashes, lost brackets. Not
found are a placeholder that was translated, respelled or cut, and one that is escaped twice within JSON in JSON.
"""

import json
import re
from collections.abc import Sequence

import re2

from extproc.guard.redaction import NONCE_DIGITS
from extproc.guard.shadow import shadow
from extproc.model.guard import Edit, Redaction

_PLACEHOLDER = re.compile(
    rf'(?P<quote>"?)\[(?P<label>[A-Z_]+)_(?P<number>[0-9]+)_(?P<nonce>[0-9]{{{NONCE_DIGITS}}})\]"?'
)
_BACKSLASH = r"\\"
_MAX_NUMBER = 6  # decimal digits

_Atom = tuple[str, bool]
"""One character's class, and whether it has to be there."""


class Restorer:
    """The way back for one exchange."""

    def __init__(self, redactions: Sequence[Redaction]) -> None:
        """``redactions``: as ``Redactor`` gave them, all of one exchange."""
        self._by_number: dict[int, Redaction] = {}
        labels = set()
        nonces = set()
        for redaction in redactions:
            written = _PLACEHOLDER.fullmatch(redaction.placeholder)
            if written is None:
                raise ValueError(f"no placeholder of a Redactor: {redaction.placeholder!r}")
            self._by_number[int(written["number"])] = redaction
            labels.add(written["label"])
            nonces.add(written["nonce"])
        self._has_bare = any(r.placeholder.startswith('"') for r in redactions)
        self.reach = 0
        """Characters of the longest form of any placeholder."""
        if not redactions:
            return
        if len(nonces) > 1:
            raise ValueError("redactions of more than one exchange")
        (self._nonce,) = nonces
        # The longest first: of two labels that begin alike the automaton takes the first that fits.
        chains = [_chain(label, self._nonce) for label in sorted(labels, key=lambda text: (-len(text), text))]
        quote = '"?' if self._has_bare else ""
        opening, closing = rf"(?:{_BACKSLASH}{{0,2}}\[ ?)?", rf"(?: ?{_BACKSLASH}{{0,2}}\])?"
        whole = "|".join("".join(f"{one}{'' if must else '?'}" for one, must in chain) for chain in chains)
        self._whole = re2.compile(f"(?i){quote}{opening}(?:{whole}){closing}{quote}".encode())
        begun = "|".join(_begun(chain, rf" ?{_BACKSLASH}{{0,2}}\]?{quote}") for chain in chains)
        self._begun = re2.compile(f"(?i){quote}(?:{opening}(?:{begun})|{_BACKSLASH}{{1,2}})$".encode())
        self.reach = max(map(len, chains)) + 10

    def edits(self, text: str, *, is_json: bool) -> tuple[Edit, ...]:
        """What to replace, in order and without overlap.

        Args:
            text: what the model wrote.
            is_json: whether it is JSON text (a call's arguments), so that what comes back is escaped.
        """
        if not self._by_number:
            return ()
        edits: list[Edit] = []
        for found in self._whole.finditer(shadow(text)):
            start, end = found.start(), found.end()
            number = int("".join(c for c in found.group().decode() if c.isdigit())[:-NONCE_DIGITS])
            redaction = self._by_number.get(number)
            if redaction is None:
                continue
            quoted = text[start] == '"', text[end - 1] == '"'
            if not (is_json and redaction.placeholder.startswith('"') and all(quoted)):
                start, end = start + quoted[0], end - quoted[1]
            if text[start] == "\\":
                start += _own_backslashes(text[start:end])
            edits.append(Edit(start, end, _written(redaction, is_json=is_json)))
        return tuple(edits)

    def open_at(self, text: str) -> int:
        """Where a placeholder begins that more text may complete or lengthen; the text's length where none does."""
        if not self._by_number:
            return len(text)
        first = max(0, len(text) - 4 * self.reach)
        tail = shadow(text[first:])
        at = 0
        while True:
            begun = self._begun.search(tail, at)
            opened: int = begun.start() if begun is not None else len(tail)
            whole = self._whole.search(tail, at)
            if whole is None or whole.start() >= opened:
                return first + opened
            # Nothing can change a placeholder that ends before the end: what begins at its closing quote is none.
            at = whole.end()


def _own_backslashes(written: str) -> int:
    """How many before the bracket are the text's: markdown escapes both brackets or neither."""
    return 0 if written.endswith("\\]") else len(written) - len(written.lstrip("\\"))


def _written(redaction: Redaction, *, is_json: bool) -> str:
    """What was taken out, as it goes back."""
    is_bare = redaction.placeholder.startswith('"')
    return json.dumps(redaction.original, ensure_ascii=False)[1:-1] if is_json and not is_bare else redaction.original


def _chain(label: str, nonce: str) -> list[_Atom]:
    """A placeholder without its brackets, character by character."""
    between: list[_Atom] = [(_BACKSLASH, False), (_BACKSLASH, False), ("[ _-]", False)]
    chain: list[_Atom] = []
    for word in label.split("_"):
        chain += ((letter, True) for letter in word)
        chain += between
    chain.append(("[0-9]", True))
    chain += [("[0-9]", False)] * (_MAX_NUMBER - 1)
    chain += between
    chain += ((digit, True) for digit in nonce)
    return chain


def _begun(chain: Sequence[_Atom], closing: str) -> str:
    """The pattern of everything that a chain can begin with, the chain and its closing included."""
    pattern = closing
    for one, must in reversed(chain):
        pattern = f"(?:{one}{pattern})?" if must else f"{one}?{pattern}"
    return pattern
