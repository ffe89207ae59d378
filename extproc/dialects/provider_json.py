"""JSON from a provider, and canonical JSON made of it: read once, so that whatever follows can be written again.

    read_object(data)    an object that every parser reads alike, or None
    write_json(value)    its JSON, or Unreadable

A provider's JSON may hold what Python reads and nobody can write: NaN, half of a surrogate pair, nesting without end.
It is no object of a dialect then, wherever it stands: in a stream, in an answer, in an error. ``strict_json`` judges
what callers send, which costs more.
"""

import json
import re
from typing import Any, NoReturn

from extproc.dialects.dialect import Unreadable
from extproc.dialects.strict_json import serialise

_SURROGATE = re.compile(rb"\\u[dD][89abAB]|\\u[dD][c-fC-F]")
"""Both halves of a pair look like this, and so does one alone."""


def read_object(data: bytes) -> dict[str, Any] | None:
    """A JSON object from the provider, or None when it is anything else."""
    try:
        value = _DECODER.decode(data.decode("utf-8"))
        if isinstance(value, dict) and _SURROGATE.search(data):
            serialise(value)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def write_json(value: object) -> bytes:
    """Canonical JSON of what came from the provider.

    Raises:
        Unreadable: there is none that every parser takes, such as of a number beyond all bounds.
    """
    try:
        return serialise(value)
    except (ValueError, RecursionError):
        raise Unreadable from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
