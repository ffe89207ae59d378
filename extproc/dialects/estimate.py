"""How many tokens a request has, told without a tokenizer: for counting where the provider has no way to ask.

Every model cuts text its own way, so this is an estimate for planning, never for billing. It counts characters by what
they are, at what tokenizers make of them on average. Measured against two of them: see docs/api.md, which also says
what has no bound. Images count as Anthropic's largest, documents by their size.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from extproc.dialects.extension import EXTENSION
from extproc.dialects.strict_json import serialise
from extproc.model.chat import ModelRequest

COUNTING = frozenset({"anthropic"})
"""The dialects whose providers count tokens when they are asked to."""

_LETTERS_PER_TOKEN = 4.1
_DIGITS_PER_TOKEN = 1.8
_MARKS_PER_TOKEN = 1.3
_LINES_PER_TOKEN = 1.5
_OTHER_BYTES_PER_TOKEN = 3.0
_IMAGE_TOKENS = 1600
_DOCUMENT_BYTES_PER_TOKEN = 25
_TOKENS_PER_MESSAGE = 4

_NOT_LETTERS = bytes(range(256)).translate(None, bytes(range(65, 91)) + bytes(range(97, 123)))
_NOT_DIGITS = bytes(range(256)).translate(None, bytes(range(48, 58)))
_NOT_OTHERS = bytes(range(128))
_BLANKS = b" \n\t\r"
_DATA = re.compile(r"data:[^;,]*;base64,")


def estimate_tokens(request: ModelRequest) -> bytes:
    """The body of an answer to a request for a count."""
    payload = request.payload
    tokens = sum(_of_text(text) for text in _texts(payload.get("messages")))
    tokens += _of_text(serialise(payload["tools"]).decode()) if payload.get("tools") else 0
    messages = payload.get("messages")
    tokens += _TOKENS_PER_MESSAGE * (len(messages) if isinstance(messages, list) else 0)
    return serialise({"input_tokens": max(1, round(tokens))})


def _texts(value: object) -> Iterator[str]:
    """Every text in the messages that a model reads; thinking is not read again."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, dict):
        yield from _of_object(value)


def _of_object(value: Mapping[str, Any]) -> Iterator[str]:
    for name, each in value.items():
        if name not in {"role", "type", "id", "tool_call_id", EXTENSION}:
            yield from _texts(each)


def _of_text(text: str) -> float:
    if text.startswith("data:") and (head := _DATA.match(text)):
        size = len(text) - head.end()
        return _IMAGE_TOKENS if text.startswith("data:image/") else size / _DOCUMENT_BYTES_PER_TOKEN
    data = text.encode()
    letters, digits = len(data.translate(None, _NOT_LETTERS)), len(data.translate(None, _NOT_DIGITS))
    others, blanks = len(data.translate(None, _NOT_OTHERS)), sum(data.count(blank) for blank in _BLANKS)
    marks = len(data) - letters - digits - others - blanks
    return (
        letters / _LETTERS_PER_TOKEN
        + digits / _DIGITS_PER_TOKEN
        + marks / _MARKS_PER_TOKEN
        + data.count(b"\n") / _LINES_PER_TOKEN
        + others / _OTHER_BYTES_PER_TOKEN
    )
