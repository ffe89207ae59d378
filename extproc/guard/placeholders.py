"""What stands where a secret would be, and is none: ``YOUR_API_KEY``, ``sk-xxxx``, an example from a manual, a UUID."""

import re
from math import log2
from string import ascii_lowercase, ascii_uppercase, digits

_SAYS_SO = re.compile(
    r"your[_-]?|my[_-](?:api|secret|key|token|pass)|example|placeholder|change[_-]?me|dummy|redacted|insert[_-]"
    r"|replace[_-]|sample|(?:key|token|secret|password)[_-]?here|goes[_-]here|x{4,}|\*{3,}|\.{3}|_{4,}|\?{3,}",
    re.IGNORECASE,
)
_KINDS = tuple(map(frozenset, (digits, ascii_lowercase, ascii_uppercase)))
_ROW = re.compile(r"0{8,}|0?123456789|abcdefgh|deadbeef|qwerty", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_HOLDERS = (
    "os|process|env|config|settings|self|this|args|ctx|request|vault|secrets?|var|local|data|params|options|user|account"
    "|credentials|auth|form|body|session"
)
_REFERENCE = re.compile(
    # ${TOKEN}, <token>; $TOKEN; call(...); config.password; Optional[str; Token::Identifier
    r"[$%#@&]?[{(<\[].*|\$[A-Za-z_].*|.*[)\]}>]"
    rf"|(?:{_HOLDERS})(?:\.[A-Za-z_]\w*)+[\[(]?[,;]?"
    r"|[A-Za-z_.]+[\[(].*|[A-Za-z_]\w*(?:::[A-Za-z_]\w*)+",
    re.IGNORECASE,
)


def names_itself(text: str) -> bool:
    """Whether it says that it stands for something else."""
    return _SAYS_SO.search(text) is not None


def says_it_is_none(text: str) -> bool:
    """Whether it names itself an example, or has a row that nobody draws at random. People choose such passwords."""
    return names_itself(text) or _ROW.search(text) is not None


def is_uuid(text: str) -> bool:
    """Whether it is a UUID: an identifier, whatever the name in front of it."""
    return _UUID.fullmatch(text) is not None


def is_reference(text: str) -> bool:
    """Whether it says where a secret comes from: ``${TOKEN}``, ``os.environ[...]``, ``config.password``."""
    return _REFERENCE.fullmatch(text) is not None


def entropy_bits(text: str) -> float:
    """Shannon's entropy of its characters; bits per character."""
    length = len(text)
    if not length:
        return 0.0
    chars = set(text)
    if len(chars) == length:
        return log2(length)
    # What is there once takes nothing off.
    counts = [text.count(char) for char in chars]
    return log2(length) - sum(count * log2(count) for count in counts if count > 1) / length


def looks_random(text: str) -> bool:
    """Whether its characters could have been drawn: several kinds, hardly repeated; no words joined by hyphens."""
    kinds = 3 - sum(kind.isdisjoint(text) for kind in _KINDS)
    return kinds >= 2 and entropy_bits(text) >= 3.0  # noqa: PLR2004 - 16 hexadecimal digits drawn at random have 3.2
