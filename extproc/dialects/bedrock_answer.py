"""Converse's answer → an OpenAI chat completion, and what an answer has in common with a stream.

Bedrock's body names no id, no time and no model: they are empty here. A block that a chat completion cannot hold makes
the answer unreadable: a part of it is never dropped. Only a reasoning block's signature and redacted reasoning are,
which no OpenAI client could send back. Source: Bedrock API reference, "Converse" and "TokenUsage", and botocore
1.44.5's model of them, 2026-11. ``bedrock_stream`` has the stream.
"""

import re
from collections.abc import Mapping
from typing import Any

from extproc.dialects.dialect import Answer, ProviderFailed, Unreadable, text_or_none
from extproc.dialects.mistakes import Mistake, judge
from extproc.dialects.openai import read_usage
from extproc.dialects.provider_json import read_object, write_json

_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
_COUNTS = ("inputTokens", "outputTokens", "totalTokens")
_CACHE_COUNTS = ("cacheReadInputTokens", "cacheWriteInputTokens")
_FAILURES = ("malformed_model_output", "malformed_tool_use")

# A 400 can also be about our account or our signature.
_OURS = re.compile(
    r"arn:aws|\b\d{12}\b|request signature|authorization header|security token|\baccess key\b"
    r"|(?:your|this|for) account\b",
    re.IGNORECASE,
)


def read_converse(body: bytes) -> Answer:
    """A Converse answer, made canonical.

    Raises:
        Unreadable: it is not Converse's.
        ProviderFailed: the model's own output was broken.
    """
    answer = read_object(body) or {}
    match answer:
        case {"output": {"message": {"role": "assistant", "content": list(blocks)}}, "stopReason": reason}:
            message = _message(blocks)
        case _:
            raise Unreadable
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason(reason)}
    canonical: dict[str, Any] = {
        "id": "",
        "object": "chat.completion",
        "created": 0,
        "model": "",
        "choices": [choice],
    }
    usage = write_usage(answer)
    if usage is not None:
        canonical["usage"] = usage
    return Answer(write_json(canonical), read_usage(canonical), value=canonical)


def finish_reason(reason: object) -> str:
    """OpenAI's word for a stop reason.

    Raises:
        Unreadable: there is none.
        ProviderFailed: the reason is that the model's output was broken.
    """
    if reason in _FAILURES:
        raise ProviderFailed
    if not isinstance(reason, str) or reason not in _FINISH_REASONS:
        raise Unreadable
    return _FINISH_REASONS[reason]


def write_usage(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    """OpenAI's usage for an answer or a metadata event; None where its counts cannot be believed."""
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return None
    counts = [count for name in _COUNTS if type(count := usage.get(name)) is int and count >= 0]
    extra = [usage.get(name, 0) for name in _CACHE_COUNTS]
    if len(counts) != len(_COUNTS) or any(type(count) is not int or count < 0 for count in extra):
        return None
    given, made, total = counts
    cached, written = extra
    # Bedrock counts cached tokens beside inputTokens and within totalTokens; OpenAI counts them within the prompt.
    prompt = max(given, total - made)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": made,
        "total_tokens": prompt + made,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
    }


def read_converse_mistake(body: bytes) -> Mistake:
    """What an exception says; Bedrock names its kind in a header and no parameter."""
    return judge(text_or_none(read_object(body), "message"), None, ours=_OURS)


def _message(blocks: list[Any]) -> dict[str, Any]:
    said: list[str] = []
    thought: list[str] = []
    calls: list[dict[str, Any]] = []
    for block in blocks:
        match block:
            case {"text": str(text)}:
                said.append(text)
            case {"toolUse": {"type": _}}:
                raise Unreadable
            case {"toolUse": {"toolUseId": str(call_id), "name": str(name), "input": dict(given)}}:
                function = {"name": name, "arguments": write_json(given).decode()}
                calls.append({"id": call_id, "type": "function", "function": function})
            case {"reasoningContent": {"reasoningText": {"text": str(text)}}}:
                thought.append(text)
            case {"reasoningContent": {"redactedContent": _}}:
                pass
            case _:
                raise Unreadable
    message: dict[str, Any] = {"role": "assistant", "content": "".join(said) if said else None, "refusal": None}
    if thought:
        message["reasoning_content"] = "".join(thought)
    if calls:
        message["tool_calls"] = calls
    return message
