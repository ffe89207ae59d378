"""Secrets told by the name they are given: ``password=``, ``"api_key": "…"``, ``Authorization: Bearer …``.

    assigned(shadow) → (kind, start, end) of each value

Formats without a marker of their own (Datadog, Mistral, AWS secret keys, any password) can be told no other way. A
value counts if it could be one: not a word, a number, a reference to a variable, a placeholder, a UUID.
"""

import re
from collections.abc import Iterator

import re2

from extproc.guard.placeholders import entropy_bits, is_reference, is_uuid, looks_random, names_itself, says_it_is_none

_PASSWORDS = "passw(?:or)?d|passwd|passphrase|passcode|pwd"
_KEYS = (
    "secret|token|api[_ -]?key|access[_ -]?key(?:[_ -]?id)?|auth[_ -]?key|account[_ -]?key|private[_ -]?key"
    "|app[_ -]?key|encryption[_ -]?key|signing[_ -]?key|master[_ -]?key|service[_ -]?key|credentials?"
    "|connection[_ -]?string"
)
_SUFFIX = "s?(?:[_-][A-Za-z0-9_-]{0,20})?"
_LINK = r"\\*[\"'`]?\]?\s{0,3}(?::=|=>|={1,2}|:|\bis:?\s)\s{0,3}(?:[rbfu]?\\*[\"'`])?"
_VALUE = r"[^\s\"'`,;|<>\\]{6,300}"
_NAMED = re2.compile(rf"(?i)(?:{_PASSWORDS}|{_KEYS}){_SUFFIX}{_LINK}{_VALUE}".encode())
# The stretch that the automaton found is at most 400 bytes and its name is spelled out: this only takes it apart.
_APART = re.compile(rf"(?i)((?:{_PASSWORDS})|(?:{_KEYS})){_SUFFIX}({_LINK})({_VALUE})".encode())
_BEARER = re2.compile(rb"(?i)\b(?:bearer|basic|token|apikey)[ =:]{1,2}[A-Za-z0-9+/=._~-]{20,}")
_IS = re.compile(r"\s*is:?\s*", re.IGNORECASE)
_AWS_WORDS = (b"aws", b"amazon", b"secret")
_AWS_SECRET = re2.compile(rb"(?:^|[^A-Za-z0-9+/=])[A-Za-z0-9+/]{40}(?:$|[^A-Za-z0-9+/=])")

_MIN_RANDOM = 12  # characters; shorter tokens cannot be told from words and versions
_MIN_BITS = 2.5  # of entropy per character in a password with letters, digits and signs


def assigned(text: bytes) -> Iterator[tuple[str, int, int]]:
    """Each value with its kind, in bytes of the shadow."""
    # "token: …" is met twice.
    keys: dict[str, bool] = {}
    for found in _NAMED.finditer(text):
        apart = _APART.match(text, found.start(), found.end())
        if apart is None:
            continue
        in_prose = _IS.fullmatch(apart[2].decode()) is not None
        value = apart[3].decode().rstrip(".!?)]}:" if in_prose else ".)]}:")
        start = apart.start(3)
        name = apart[1].decode().lower()
        if name.startswith("pass") or name == "pwd":
            if _is_password(value, in_prose=in_prose):
                yield "password", start, start + len(value)
            continue
        keys[value] = is_key = _is_key(value)
        if is_key:
            yield "assigned", start, start + len(value)
    for found in _BEARER.finditer(text):
        start = max(text.rfind(b, found.start(), found.end()) for b in (b" ", b":")) + 1 or found.start()
        value = text[start : found.end()].decode()
        known = keys.get(value)
        if known or (known is None and _is_key(value)):
            yield "authorization", start, found.end()


def aws_secrets(text: bytes) -> Iterator[tuple[int, int]]:
    """AWS secret access keys: 40 characters of base64 with something about AWS or a secret shortly before."""
    lowered = text.lower()
    if not any(word in lowered for word in _AWS_WORDS):
        return
    for found in _AWS_SECRET.finditer(text):
        start, end = found.start(), found.end()
        start += text[start : start + 1].isspace() or not _in_base64(text[start : start + 1])
        end -= end - start > 40  # noqa: PLR2004 - the length of the key itself
        value = text[start:end].decode()
        has_all = any(map(str.islower, value)) and any(map(str.isupper, value)) and any(map(str.isdigit, value))
        if (
            has_all
            and not says_it_is_none(value)
            and any(lowered.find(word, max(0, start - 80), start) >= 0 for word in _AWS_WORDS)
        ):
            yield start, end


def _in_base64(byte: bytes) -> bool:
    return byte.isalnum() or byte in {b"+", b"/"}


def _is_password(value: str, *, in_prose: bool) -> bool:
    if len(value) < 6 or is_reference(value) or names_itself(value) or is_uuid(value):  # noqa: PLR2004
        return False
    letters = any(map(str.isalpha, value))
    others = any(not c.isalpha() and c not in "-_." for c in value)
    if letters and others:
        return entropy_bits(value) >= _MIN_BITS or not in_prose
    # "password: correct-horse-battery-staple": words, but three or more of them with nothing else to mean.
    return not in_prose and letters and value.count("-") >= 3  # noqa: PLR2004


def _is_key(value: str) -> bool:
    return (
        len(value) >= _MIN_RANDOM
        and any(map(str.isdigit, value))  # names in code have capitals too
        and looks_random(value)
        and not is_reference(value)
        and not says_it_is_none(value)
        and not is_uuid(value)
    )
