"""How an explanation shows what it may: sizes, names we know, and a caller's short names without their power.

A caller can put anything into a model's or a field's name: a prompt, a key, an escape sequence for the terminal.
"""

import re
from collections.abc import Iterable

Facts = tuple[tuple[str, str], ...]

_MOST_CHARS = 60
_MOST_NAMES = 20
_LIKE_A_CREDENTIAL = re.compile(r"(?<![a-z0-9])(gk_|sk-|bearer )", re.IGNORECASE | re.ASCII)


def shown(name: str) -> str:
    """A name in quotes, printable and short; ``***`` where it looks like a credential."""
    if _LIKE_A_CREDENTIAL.search(name):
        return "***"
    cut = name[:_MOST_CHARS] + ("…" if len(name) > _MOST_CHARS else "")
    return "'" + "".join(character if character.isprintable() else "?" for character in cut) + "'"


def shown_names(names: Iterable[str]) -> str:
    """Names in a row; the number of those left out."""
    every = list(names)
    listed = ", ".join(shown(name).strip("'") for name in every[:_MOST_NAMES])
    return listed + (f" and {len(every) - _MOST_NAMES} more" if len(every) > _MOST_NAMES else "")


def size(data: bytes) -> str:
    """``1,234 bytes``."""
    return f"{len(data):,} bytes"
