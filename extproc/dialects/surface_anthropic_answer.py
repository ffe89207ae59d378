"""A canonical answer → a message of Anthropic's, and the words that both share with ``surface_anthropic_stream``.

    reasoning_content → thinking, content and refusal → text, tool_calls → tool_use

in this order, or in that of the extension where an Anthropic deployment answered. Thinking of other providers has no
signature. ``model`` is what the client asked for. A call whose arguments are no JSON object is unreadable; one that was
cut by the limit of tokens is left out, for half a call must not be made.

Source: Messages API reference, "Handling stop reasons", and the types of the anthropic SDK 2.12, read 2026-11.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from extproc.dialects.dialect import Answer, Unreadable
from extproc.dialects.keepsake import write_keepsake
from extproc.dialects.provider_json import read_object, write_json
from extproc.dialects.surface import Asked

Block = dict[str, Any]

_STOP_REASONS: Mapping[str, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
NO_STOP: Mapping[str, Any] = {"stop_reason": None, "stop_sequence": None, "stop_details": None}


def write_message(answer: Answer, asked: Asked) -> bytes:
    """The message.

    Raises:
        Unreadable: the answer has no choice, or a call that cannot be read.
    """
    canonical = read_object(answer.body) or {}
    match canonical.get("choices"):
        case [{"message": dict(said), **choice}, *_]:
            pass
        case _:
            raise Unreadable
    own = answer.extension or {}
    reason = choice.get("finish_reason")
    message = {
        **write_frame(canonical.get("id"), asked),
        "content": list(_blocks(said, own.get("layout"), is_cut=reason == "length")),
        **(own.get("stop") or write_stop(reason, said)),
        "usage": write_usage(canonical.get("usage")),
    }
    return write_json(message)


def write_frame(canonical_id: object, asked: Asked) -> Block:
    """What a message begins with."""
    name = canonical_id if isinstance(canonical_id, str) else ""
    id_ = name if name.startswith("msg_") else f"msg_{asked.exchange.replace('-', '')}"
    return {"id": id_, "type": "message", "role": "assistant", "model": asked.model}


def write_stop(reason: object, said: Mapping[str, Any]) -> Block:
    """Why the answer stopped, as far as the canonical form tells: not by which stop sequence.

    Args:
        reason: the canonical finish reason.
        said: ``tool_calls`` and ``refusal``, if there were any.
    """
    found = _STOP_REASONS.get(reason, "end_turn") if isinstance(reason, str) else "end_turn"
    if said.get("refusal"):
        found = "refusal"
    # Some providers say "stop" after a call that they were told to make.
    elif said.get("tool_calls") and found == "end_turn":
        found = "tool_use"
    return {**NO_STOP, "stop_reason": found}


def write_usage(usage: object) -> Block:
    """OpenAI's counts as Anthropic's, which count cached tokens apart; zeros where nothing can be believed."""
    given = usage if isinstance(usage, dict) else {}
    details = given.get("prompt_tokens_details")
    cached, written = _count(details, "cached_tokens"), _count(details, "cache_write_tokens")
    counts: Block = {
        "input_tokens": max(0, _count(given, "prompt_tokens") - cached - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": _count(given, "completion_tokens"),
    }
    thought = _count(given.get("completion_tokens_details"), "reasoning_tokens")
    return {**counts, "output_tokens_details": {"thinking_tokens": thought}} if thought else counts


def read_thought(said: Mapping[str, Any]) -> str:
    """The reasoning of a message or a delta, by either of its names."""
    thought = said.get("reasoning_content") or said.get("reasoning")
    return thought if isinstance(thought, str) else ""


def thinking(text: str, signature: str) -> Block:
    """A thinking block."""
    return {"type": "thinking", "thinking": text, "signature": signature}


def keepsake_of(calls: list[Any]) -> list[Block]:
    """The block that keeps what the provider wants back with its calls; none where it wants nothing."""
    extras = {call["id"]: call["extra_content"] for call in calls if call.get("id") and call.get("extra_content")}
    return [{"type": "redacted_thinking", "data": write_keepsake(extras)}] if extras else []


def _blocks(said: Block, layout: list[Any] | None, *, is_cut: bool) -> Iterator[Block]:
    text = said.get("content") or ""
    thought = read_thought(said)
    calls = said.get("tool_calls") or []
    if not isinstance(text, str) or not isinstance(calls, list):
        raise Unreadable
    if layout is not None and _fits(layout, text, thought, calls):
        yield from _laid_out(layout, text, thought, iter(calls))
        return
    if thought:
        yield thinking(thought, "")
    if text:
        yield {"type": "text", "text": text}
    refusal = said.get("refusal")
    if refusal and isinstance(refusal, str):
        yield {"type": "text", "text": refusal}
    yield from keepsake_of([call for call in calls if isinstance(call, dict)])
    for call in calls:
        block = read_call(call)
        if block is not None:
            yield block
        elif not is_cut:
            raise Unreadable


def _fits(layout: list[Any], text: str, thought: str, calls: list[Any]) -> bool:
    """Whether the layout is still of these words: they may have been changed on their way."""
    chars = {"text": len(text), "thinking": len(thought)}
    for item in layout:
        if isinstance(item, dict) and item["type"] in chars:
            chars[item["type"]] -= item["chars"]
    return not any(chars.values()) and layout.count("call") == len(calls)


def _laid_out(layout: list[Any], text: str, thought: str, calls: Iterator[Any]) -> Iterator[Block]:
    for item in layout:
        match item:
            case {"type": "text", "chars": chars}:
                # Nothing is said by an empty block, and no request may have one.
                if chars:
                    yield {"type": "text", "text": text[:chars]}
                text = text[chars:]
            case {"type": "thinking", "chars": chars, "signature": signature}:
                yield thinking(thought[:chars], signature)
                thought = thought[chars:]
            case {"type": "redacted_thinking"}:
                yield item
            case _:
                block = read_call(next(calls))
                if block is None:
                    raise Unreadable
                yield block


def read_call(call: object) -> Block | None:
    """A tool use; None where the arguments are no JSON object.

    Raises:
        Unreadable: it is no call of a function at all.
    """
    match call:
        case {"id": str(id_), "function": {"name": str(name), **rest}}:
            arguments = rest.get("arguments") or "{}"
        case _:
            raise Unreadable
    given = read_object(arguments.encode()) if isinstance(arguments, str) else None
    return None if given is None else {"type": "tool_use", "id": id_, "name": name, "input": given}


def _count(counts: object, name: str) -> int:
    value = counts.get(name) if isinstance(counts, dict) else None
    return value if type(value) is int and value >= 0 else 0
