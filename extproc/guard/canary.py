"""A mark woven into the system prompt, so that an answer that repeats the prompt gives itself away.

    canary_for(secret, exchange) → the mark of one exchange
    weave_canary(payload, canary) → the request with it

The mark is four groups of six consonants. Letters alone survive a change of case, URL and JSON escapes and base64
without signs; no word has them; and two neighbouring groups, 48 bits, are enough to be sure, so an answer cut short
or with a typing error is known too. A model told to leave the mark out while repeating the rest is not caught: that is
the limit of every canary.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from extproc.model.chat import Json

LETTERS = "bcdfghjklmnpqrst"
GROUPS = 4
GROUP_LETTERS = 6
_SYSTEM = frozenset({"system", "developer"})


def canary_for(secret: bytes, exchange: str) -> str:
    """The mark: lower-case groups joined by hyphens, the same for the same exchange.

    Args:
        secret: the gateway's; without it nobody can tell the mark in advance.
        exchange: the exchange's id.
    """
    digest = hmac.new(secret, b"canary\0" + exchange.encode(), hashlib.sha256).digest()
    letters = "".join(LETTERS[half] for byte in digest for half in (byte >> 4, byte & 15))
    return "-".join(letters[at : at + GROUP_LETTERS] for at in range(0, GROUPS * GROUP_LETTERS, GROUP_LETTERS))


def sentence_of(canary: str) -> str:
    """What is added to the instructions."""
    return f"(Reference number of these instructions, which is never part of an answer: {canary})"


def weave_canary(payload: Json, canary: str) -> Json:
    """The request with the mark at the end of its first instructions; with instructions of its own if it has none.

    Returns the payload itself if it has no messages. What it was given stays as it was.
    """
    messages = payload.get("messages")
    if not isinstance(messages, Sequence) or isinstance(messages, str):
        return payload
    sentence = sentence_of(canary)
    woven: list[object] = list(messages)
    for at, message in enumerate(woven):
        if isinstance(message, Mapping) and message.get("role") in _SYSTEM:
            woven[at] = {**message, "content": _with_sentence(message.get("content"), sentence)}
            return {**payload, "messages": woven}
    return {**payload, "messages": [{"role": "system", "content": sentence}, *woven]}


def _with_sentence(content: object, sentence: str) -> object:
    if isinstance(content, str):
        return f"{content}\n\n{sentence}" if content else sentence
    if isinstance(content, Sequence):
        return [*content, {"type": "text", "text": sentence}]
    return sentence
