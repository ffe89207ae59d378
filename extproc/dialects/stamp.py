"""What an answer or a chunk has to say of itself and its provider did not: id, time, model.

Bedrock names none of them, Anthropic no time, TGI no id; OpenAI's clients expect all three. A provider's own stay.
``surface_openai`` stamps what it writes.
"""

from collections.abc import Mapping
from typing import Any

from extproc.dialects.surface import Asked

_STAMPED = ("chat.completion", "chat.completion.chunk")


def stamped(value: Mapping[str, Any], asked: Asked) -> dict[str, Any] | None:
    """The answer or chunk with all three; None where it has them, or is of a kind that has none."""
    if value.get("object") not in _STAMPED:
        return None
    own = {"id": f"chatcmpl-{asked.exchange}", "created": asked.created_s, "model": asked.model}
    lacking = {name: each for name, each in own.items() if not value.get(name)}
    return {**value, **lacking} if lacking else None
