"""What a provider wants back with its tool calls, kept where Anthropic's clients keep such things.

Gemini's newer models refuse a call that comes back without its thought signature, which the canonical form carries as
the call's ``extra_content``. An Anthropic client has no place for that, but returns redacted thinking unread: so an
answer's block of it holds ``extra_content`` by the calls' ids. The API's own data is base64 and begins otherwise.

Source: Gemini API, "Thought signatures"; Claude documentation, "Extended thinking", read 2026-11.
"""

import base64
import binascii
from typing import Any

from extproc.dialects.strict_json import parse_object, serialise
from extproc.model.refusals import Refusal

_MARK = "gateway."


def write_keepsake(extras: dict[str, Any]) -> str:
    """The data of a redacted thinking block.

    Args:
        extras: ``extra_content`` by the id of its call.
    """
    return _MARK + base64.b64encode(serialise(extras)).decode()


def read_keepsake(data: str) -> dict[str, Any] | None:
    """``extra_content`` by the id of its call; None where this is no keepsake of ours but a provider's thinking."""
    if not data.startswith(_MARK):
        return None
    try:
        return parse_object(base64.b64decode(data.removeprefix(_MARK), validate=True))
    except (binascii.Error, ValueError, Refusal):
        # A client may write what it likes. Nothing of it is ours then, and it is nobody else's.
        return {}
