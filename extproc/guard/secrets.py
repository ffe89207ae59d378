"""Credentials in a text: by the marks their issuers give them, by how they stand in a URL, by the name they are given.

Kinds are ``secrets.<format>`` of ``secret_formats``, ``secrets.private_key``, ``secrets.url_password``,
``secrets.aws_secret_key``, ``secrets.password``, ``secrets.authorization`` and ``secrets.assigned`` (a value that
could be a secret under a name that says so). One automaton looks for all formats at once; linear in the text.
"""

import base64
import json
import re
from collections.abc import Callable

import re2

from extproc.guard.collected import Collected
from extproc.guard.placeholders import is_reference, looks_random, says_it_is_none
from extproc.guard.reading import Reading, View
from extproc.guard.secret_assigned import assigned, aws_secrets
from extproc.guard.secret_formats import FORMATS, PRIVATE_KEY, URL_CREDENTIALS
from extproc.guard.shadow import shadow
from extproc.model.guard import Direction, Finding
from extproc.model.guard_policy import Options
from extproc.model.token import is_well_formed

_ANY = re2.compile((r"\b(?:" + "|".join(f.pattern for f in FORMATS) + ")").encode())
_EACH = tuple((f, re.compile(f.pattern.encode())) for f in FORMATS)
_PEM = re2.compile(PRIVATE_KEY.encode())
_URL = re2.compile(URL_CREDENTIALS.encode())
_MIN_PEM_BODY = 64  # characters after the first line: less is a mention of a key's header
_MAX_HEADER = 4096  # characters; with a chain of certificates in it
_JUDGED = 200  # characters of a credential decide whether it is a placeholder
_LOCAL = ("password", "pass", "pwd", "user", "username", "secret", "pw", "token")


class SecretsRule:
    """The rule ``secrets``. ``without`` are kinds that are not looked for, such as ``("assigned",)``."""

    reach = 600
    """Longer credentials (signed tokens, private keys) are known by what they begin with."""

    def __init__(self, without: frozenset[str] = frozenset()) -> None:
        self._without = without

    def scan(self, reading: Reading, direction: Direction) -> tuple[Finding, ...]:
        """Every credential in every view."""
        del direction
        collected = Collected(reading)
        for view in reading.views:
            self._scan_view(view, collected)
        return collected.findings()

    def _scan_view(self, view: View, collected: Collected) -> None:
        text = shadow(view.text)
        if len(text) < 8:  # noqa: PLR2004 - nothing that short is told apart from a word
            return

        def add(kind: str, start: int, end: int, score: float = 1.0) -> None:
            if kind not in self._without:
                collected.add(view, f"secrets.{kind}", start, end, score)

        _formats(text, add)
        _blocks(text, add)
        for kind, start, end in assigned(text):
            add(kind, start, end, 0.8)
        for start, end in aws_secrets(text):
            add("aws_secret_key", start, end, 0.9)


def make(options: Options) -> SecretsRule:
    """The rule for its settings: ``without``, kinds that are let pass.

    Raises:
        ValueError: a setting is none of its.
    """
    settings = dict(options)
    without = settings.pop("without", ())
    if settings or not isinstance(without, tuple):
        raise ValueError("secrets takes one setting, without: a list of kinds that are let pass")
    if unknown := set(without) - KINDS:
        raise ValueError(f"secrets has no kind {', '.join(sorted(unknown))}; it has {', '.join(sorted(KINDS))}")
    return SecretsRule(frozenset(without))


KINDS = frozenset(
    [
        *(f.kind for f in FORMATS),
        *("private_key", "url_password", "aws_secret_key", "password", "authorization", "assigned"),
    ]
)


def _formats(text: bytes, add: Callable[[str, int, int], None]) -> None:
    for found in _ANY.finditer(text):
        start, end = found.start(), found.end()
        if text[end : end + 1].isalnum():
            continue  # longer than the format is: something else
        # The automaton has matched: this only asks by which of its branches, at one place.
        kind = next((f for f, each in _EACH if each.fullmatch(text, start, end)), None)
        if kind is None:
            continue
        value = text[start:end].decode()
        if kind.kind == "gateway_key":
            if not is_well_formed(value):
                continue
        elif kind.kind == "jwt":
            if not _is_jwt(value):
                continue
        elif says_it_is_none(value[:_JUDGED]) or (kind.is_random and not looks_random(value[:_JUDGED])):
            continue
        add(kind.kind, start, end)


def _blocks(text: bytes, add: Callable[[str, int, int], None]) -> None:
    if b"-----BEGIN" in text:
        for found in _PEM.finditer(text):
            if found.end() - found.start() >= _MIN_PEM_BODY + len("-----BEGIN PRIVATE KEY-----"):
                add("private_key", found.start(), found.end())
    if b"://" in text:
        for found in _URL.finditer(text):
            if (span := _password_of(text, found.start(), found.end())) is not None:
                add("url_password", *span)


def _is_jwt(value: str) -> bool:
    """Whether its first part is a header that names an algorithm."""
    head = value.split(".", 1)[0]
    if len(head) > _MAX_HEADER:
        return True
    try:
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, RecursionError):
        return False
    return isinstance(header, dict) and ("alg" in header or "enc" in header)


def _password_of(text: bytes, start: int, end: int) -> tuple[int, int] | None:
    """Where in ``scheme://user:password@h`` the password is; None for one that is plainly no secret."""
    last = text.rfind(b"@", start, end)
    first = text.index(b":", text.index(b"://", start) + 3) + 1
    value = text[first:last].decode()
    if not value or is_reference(value) or says_it_is_none(value) or value.lower() in _LOCAL or value.startswith("$"):
        return None
    return first, last
