"""A message of Anthropic's → a canonical answer, and the words that both share with ``anthropic_stream``.

Text blocks are joined, tool uses become tool calls, thinking becomes ``reasoning_content``. Blocks of other kinds are
left out: they belong to server tools, which nothing here asks for. Where each block stood, signatures and thinking that
only Anthropic can read go into the answer's extension. A reason to stop that we do not know is unreadable: it might
mean half an answer. ``created`` is 0, for Anthropic tells no time.

Source: Messages API reference, "Handling stop reasons", "Errors", and the anthropic SDK 2.12's types, read 2026-11.
"""

import re
from collections.abc import Mapping
from typing import Any

from extproc.dialects.dialect import Answer, ProviderFailed, Unreadable, text_or_none
from extproc.dialects.mistakes import Mistake, judge
from extproc.dialects.openai import read_usage
from extproc.dialects.provider_json import read_object, write_json

FINISH_REASONS: Mapping[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
REFUSED = "The provider stopped this answer."
"""What a refusal says where the provider does not say why."""

_ABOUT_THE_ACCOUNT = re.compile(r"(?:this|your) (?:organi[sz]ation|workspace)|purchase credits", re.IGNORECASE)

_INPUT_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


def read_message(body: bytes) -> Answer:
    """A whole message as a canonical answer.

    Raises:
        Unreadable, ProviderFailed
    """
    message = read_object(body)
    if message is None:
        raise Unreadable
    if message.get("type") == "error":
        raise ProviderFailed
    content, reason = message.get("content"), read_reason(message)
    if message.get("type") != "message" or not isinstance(content, list) or reason is None:
        raise Unreadable
    said, thought, calls, layout = _read_blocks(content)
    answer: dict[str, Any] = {"role": "assistant", "content": said or None, "refusal": None}
    if thought:
        answer["reasoning_content"] = thought
    if calls:
        answer["tool_calls"] = calls
    if reason == "content_filter":
        answer["refusal"] = read_refusal(message)
    elif not calls:
        answer["content"] = said
    usage = write_usage(message.get("usage"))
    canonical: dict[str, Any] = {
        "id": text_or_none(message, "id") or "",
        "object": "chat.completion",
        "created": 0,
        "model": text_or_none(message, "model") or "",
        "choices": [{"index": 0, "message": answer, "logprobs": None, "finish_reason": reason}],
    }
    if usage is not None:
        canonical["usage"] = usage
    extension = {"layout": layout, "stop": read_stop(message)}
    return Answer(write_json(canonical), read_usage(canonical), extension, canonical)


def read_count(body: bytes) -> Answer:
    """A count of tokens, as Anthropic's clients read it.

    Raises:
        Unreadable
    """
    count = read_object(body)
    number = count.get("input_tokens") if count else None
    if type(number) is not int or number < 0:
        raise Unreadable
    return Answer(write_json({"input_tokens": number}), None)


def read_message_mistake(body: bytes) -> Mistake:
    """What an error says; Anthropic names no parameter."""
    error = (read_object(body) or {}).get("error")
    return judge(text_or_none(error, "message"), None, text_or_none(error, "type"), ours=_ABOUT_THE_ACCOUNT)


def read_reason(value: Mapping[str, Any]) -> str | None:
    """The canonical finish reason of a message or a delta; None while there is none.

    Raises:
        Unreadable: it is none that we know.
    """
    reason = value.get("stop_reason")
    if reason is None:
        return None
    if not isinstance(reason, str) or reason not in FINISH_REASONS:
        raise Unreadable
    return FINISH_REASONS[reason]


def read_stop(value: Mapping[str, Any]) -> dict[str, Any]:
    """Why a message or a delta stopped, in Anthropic's own words, for clients who know them."""
    return {name: value.get(name) for name in ("stop_reason", "stop_sequence", "stop_details")}


def read_refusal(value: Mapping[str, Any]) -> str:
    """Why a message or a delta was refused, in words for the caller."""
    return text_or_none(value.get("stop_details"), "explanation") or REFUSED


def write_usage(usage: object) -> dict[str, Any] | None:
    """Anthropic's counts as OpenAI's, which count cached tokens among the prompt's; None if they cannot be believed."""
    if not isinstance(usage, dict):
        return None
    counts = {name: usage.get(name) or 0 for name in (*_INPUT_COUNTS, "output_tokens")}
    if any(type(count) is not int or count < 0 for count in counts.values()):
        return None
    prompt, made = sum(counts[name] for name in _INPUT_COUNTS), counts["output_tokens"]
    written: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": made,
        "total_tokens": prompt + made,
        "prompt_tokens_details": {
            "cached_tokens": counts["cache_read_input_tokens"],
            "cache_write_tokens": counts["cache_creation_input_tokens"],
        },
    }
    lasting = usage.get("cache_creation")
    hours = lasting.get("ephemeral_1h_input_tokens") if isinstance(lasting, dict) else None
    if type(hours) is int and hours > 0:
        # OpenAI has no name for it. It costs more than other writes, which whoever reads the usage must hear.
        written["prompt_tokens_details"]["cache_write_1h_tokens"] = hours
    details = usage.get("output_tokens_details")
    thought = details.get("thinking_tokens") if isinstance(details, dict) else None
    if type(thought) is int:
        written["completion_tokens_details"] = {"reasoning_tokens": thought}
    return written


def _read_blocks(content: list[Any]) -> tuple[str, str, list[dict[str, Any]], list[Any]]:
    said, thought = "", ""
    calls: list[dict[str, Any]] = []
    layout: list[Any] = []
    for block in content:
        match block:
            case {"type": "text", "text": str(text)}:
                said += text
                layout.append({"type": "text", "chars": len(text)})
            case {"type": "thinking", "thinking": str(text)}:
                thought += text
                signature = text_or_none(block, "signature") or ""
                layout.append({"type": "thinking", "chars": len(text), "signature": signature})
            case {"type": "redacted_thinking", "data": str(data)}:
                layout.append({"type": "redacted_thinking", "data": data})
            case {"type": "tool_use", "id": str(id_), "name": str(name), "input": dict(given)}:
                function = {"name": name, "arguments": write_json(given).decode()}
                calls.append({"id": id_, "type": "function", "function": function})
                layout.append("call")
            case {"type": "text" | "thinking" | "tool_use"}:
                raise Unreadable
            case {"type": str()}:
                continue
            case _:
                raise Unreadable
    return said, thought, calls, layout
