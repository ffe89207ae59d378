"""How much text an answer brings: what there is to bill by where its provider does not say.

Counts UTF-8 bytes of everything that a model writes, over all choices: content, reasoning, refusal, calls of tools and
what is spoken in sound. Bytes, not characters: a token is three to five bytes in every script, but one to five
characters. Runs for each chunk of each stream.
"""

from collections.abc import Mapping
from typing import Any

_CALL_PARTS = ("name", "arguments")


def answer_bytes(value: Mapping[str, Any], part: str) -> int:
    """The size of the text in a canonical answer (``part`` is ``message``) or chunk (``delta``); 0 for embeddings."""
    choices = value.get("choices")
    if not isinstance(choices, list):
        return 0
    size = 0
    for choice in choices:
        said = choice.get(part) if isinstance(choice, dict) else None
        if not isinstance(said, dict):
            continue
        text = said.get("content")
        if isinstance(text, str):
            size += _bytes(text)
        if len(said) > 1 or text is None:
            size += _beside_content(said)
    return size


def _beside_content(said: dict[str, Any]) -> int:
    size = 0
    for name in ("reasoning_content", "refusal"):
        text = said.get(name)
        if isinstance(text, str):
            size += _bytes(text)
    audio = said.get("audio")
    if isinstance(audio, dict) and isinstance(audio.get("transcript"), str):
        size += _bytes(audio["transcript"])
    calls = said.get("tool_calls")
    called = [each.get("function") for each in calls if isinstance(each, dict)] if isinstance(calls, list) else []
    for function in (said.get("function_call"), *called):
        if isinstance(function, dict):
            size += sum(_bytes(text) for name in _CALL_PARTS if isinstance(text := function.get(name), str))
    return size


def _bytes(text: str) -> int:
    # Whether a string is ASCII is known without reading it.
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
