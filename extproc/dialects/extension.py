"""What Anthropic's messages can say and OpenAI's cannot, within the canonical form; and the canonical form without it.

An object of a canonical request may have one more member, ``EXTENSION``, whose name no client can send:

    request         top_k, thinking, service_tier, cache_control         as Anthropic has them
    message         layout: an assistant's blocks in their order, thinking as it was, "text" and "call" for the rest
                    is_error, cache_control of a tool's result; prefill: the answer shall continue this message
                    turn: a system message that stands within the conversation
    part, call      cache_control; a document's title and context
    tool            cache_control, eager_input_streaming, input_examples, defer_loading, allowed_callers

A tool's result with an extension may hold images. ``plain_for`` makes the request that every other dialect gets:

    expressed   thinking with a budget is a reasoning effort; a failed tool's result begins with "Error: "; images and
                documents in results follow them in a user's message
    dropped     thinking in the conversation, cache_control, service_tier, eager_input_streaming, adaptive or disabled
                thinking: none of it is more than a hint to anybody else
    refused     top_k, prefill, a document's context, the other fields of tools

An answer's extension travels beside it (``Answer.extension``, ``Aside``): ``layout`` as above, and ``stop`` with
Anthropic's own words for why it stopped.

Source: Messages API reference and the types of the anthropic SDK 2.12, read 2026-11.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from extproc.model.chat import ModelRequest
from extproc.model.refusals import INVALID_REQUEST, Refusal

EXTENSION: Final = "\0anthropic"
"""``strict_json`` refuses a NUL in what clients send, so this can only come from a surface."""

SPEAKERS: Final = frozenset({"anthropic", "vertex-anthropic"})
"""The dialects that read extensions; all others, those to come among them, get the request without."""

_KEEPERS = frozenset({"vertex"})
"""The dialects that take back what a ``keepsake`` kept."""
_LOW_BUDGET, _MEDIUM_BUDGET = 4096, 16384
_ERROR = "Error: "
_DROPPED_OF_TOOLS = frozenset({"cache_control", "eager_input_streaming"})


def extension_of(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """What this object says beyond the canonical form; empty where it says nothing."""
    found: Mapping[str, Any] = value.get(EXTENSION) or {}
    return found


def extended(value: dict[str, Any], extension: Mapping[str, Any]) -> dict[str, Any]:
    """The object with this extension; as it is where there is none."""
    return {**value, EXTENSION: dict(extension)} if extension else value


def plain_for(request: ModelRequest, dialect: str) -> ModelRequest:
    """The request as this dialect reads it: as it is, or in the OpenAI dialect and nothing else.

    Raises:
        Refusal: it says something that changes the answer and has no form there.
    """
    if dialect in SPEAKERS or EXTENSION not in request.payload:
        return request
    hidden = frozenset({EXTENSION} if dialect in _KEEPERS else {EXTENSION, "extra_content"})
    payload: dict[str, Any] = {name: value for name, value in request.payload.items() if name != EXTENSION}
    own: Any = request.payload[EXTENSION]
    if "top_k" in own:
        raise _refused("top_k", "cannot be set for this model")
    thinking = own.get("thinking", {})
    if thinking.get("type") == "enabled" and "reasoning_effort" not in payload:
        payload["reasoning_effort"] = _effort(thinking["budget_tokens"])
    payload["messages"] = list(_messages(payload["messages"], hidden))
    if "tools" in payload:
        payload["tools"] = [_tool(each, f"tools[{index}]") for index, each in enumerate(payload["tools"])]
    return replace(request, payload=payload)


def _effort(budget: int) -> str:
    if budget < _LOW_BUDGET:
        return "low"
    return "medium" if budget < _MEDIUM_BUDGET else "high"


def _messages(messages: list[dict[str, Any]], hidden: frozenset[str]) -> Iterator[dict[str, Any]]:
    moved: list[dict[str, Any]] = []
    for index, message in enumerate(messages):
        role, own = message["role"], extension_of(message)
        if own.get("prefill"):
            raise _refused("messages", "may not end with the assistant's: this model cannot continue it")
        if moved and role == "user":
            message = {**message, "content": [*moved, *_as_parts(message["content"])]}  # noqa: PLW2901
            moved = []
        elif moved and role != "tool":
            yield {"role": "user", "content": moved}
            moved = []
        written = _message(message, f"messages[{index}]", hidden)
        if role == "tool":
            parts = written["content"]
            if isinstance(parts, list):
                files = [part for part in parts if part["type"] != "text"]
                texts = [part for part in parts if part["type"] == "text"]
                written["content"] = texts or ("The result follows as a file." if files else "")
                moved += files
            if own.get("is_error"):
                written["content"] = _failed(written["content"])
        # A message of nothing but thoughts is nothing to anybody else.
        if role != "assistant" or written.get("content") or written.get("tool_calls"):
            yield written
    if moved:
        yield {"role": "user", "content": moved}


def _message(message: dict[str, Any], place: str, hidden: frozenset[str]) -> dict[str, Any]:
    written = {name: value for name, value in message.items() if name != EXTENSION}
    content = written.get("content")
    if isinstance(content, list):
        written["content"] = [_part(part, f"{place}.content[{index}]") for index, part in enumerate(content)]
    if "tool_calls" in written:
        written["tool_calls"] = [_without(call, hidden) for call in written["tool_calls"]]
    return written


def _part(part: dict[str, Any], place: str) -> dict[str, Any]:
    if extension_of(part).get("context"):
        raise _refused(f"{place}.context", "cannot be told to this model")
    if part["type"] == "file":
        # OpenAI wants a name for every file.
        return {"type": "file", "file": {"filename": "document.pdf", **part["file"]}}
    return _without(part)


def _tool(tool: dict[str, Any], place: str) -> dict[str, Any]:
    for name in extension_of(tool):
        if name not in _DROPPED_OF_TOOLS:
            raise _refused(f"{place}.{name}", "cannot be told to this model")
    return _without(tool)


def _without(value: dict[str, Any], hidden: frozenset[str] = frozenset({EXTENSION})) -> dict[str, Any]:
    return {name: each for name, each in value.items() if name not in hidden}


def _failed(content: str | list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return _ERROR + content
    return [{"type": "text", "text": _ERROR}, *content]


def _as_parts(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _refused(param: str, problem: str) -> Refusal:
    return Refusal(INVALID_REQUEST, f"{param} {problem}.", param=param)
