"""OpenAI messages → Gemini contents: who said what, in ``parts``.

``system`` and ``developer`` messages at the start are the system instruction; there is no place for one further on.
Text, images as data URLs, refusals, tool calls and their results have a part each. Gemini pairs results with calls by
name and order and wants all of a turn's results in one content, so ids serve to find the name and the order, and are
not sent. ``extra_content.google.thought_signature`` of a tool call is Google's own extension of the OpenAI form: newer
models refuse a call that comes back without it. ``reasoning_content`` is not sent back: the signature stands for it.

Any other field of a message or a part might change the answer, and is refused by name.

Source: ``Content``, ``Part``, ``FunctionCall``, ``FunctionResponse`` of google-genai 3.4; Gemini API, "OpenAI
compatibility" and "Thought signatures"; Vertex AI, "Function calling"; read 2026-11. Read next: ``vertex_tools``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from extproc.dialects.strict_json import parse_object
from extproc.model.refusals import INVALID_REQUEST, Refusal

_DATA_URL = re.compile(r"data:(image/[a-z0-9.+-]+);base64,([A-Za-z0-9+/]+={0,2})", re.IGNORECASE)
_RESOLUTIONS = {"low": "MEDIA_RESOLUTION_LOW", "high": "MEDIA_RESOLUTION_HIGH"}
_TEXT_KEYS = frozenset({"type", "text"})
_TOOL_KEYS = frozenset({"role", "content", "tool_call_id", "name"})
_ASSISTANT_KEYS = frozenset({"role", "content", "refusal", "tool_calls", "reasoning_content", "annotations"})


@dataclass(slots=True)
class Conversation:
    """A request's messages as Gemini takes them."""

    contents: list[dict[str, Any]] = field(default_factory=list)
    system: list[dict[str, Any]] = field(default_factory=list)
    resolution: str | None = None
    """Of all images of the request; None: the model's own choice."""


@dataclass(slots=True)
class _Turn:
    """The calls of the last assistant message, and which of them were answered."""

    names: dict[str, str] = field(default_factory=dict)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)


def refused(param: str, problem: str) -> Refusal:
    """A no to what Gemini has no form for."""
    return Refusal(INVALID_REQUEST, f"{param} {problem}.", param=param)


def check_keys(value: Mapping[str, Any], known: frozenset[str], param: str) -> None:
    """Refuse a field that has no form in Gemini; null is as good as absent.

    Raises:
        Refusal: there is one.
    """
    for name, each in value.items():
        if name not in known and each is not None:
            raise refused(f"{param}.{name}", "is not supported by this model")


def read_conversation(messages: list[dict[str, Any]]) -> Conversation:
    """The contents, the system instruction, and what images say of their resolution.

    Raises:
        Refusal: Gemini has no form for something, or a tool's result belongs to no call.
    """
    result = Conversation()
    details: set[str] = set()
    turn = _Turn()
    for index, message in enumerate(messages):
        param = f"messages[{index}]"
        role = message.get("role")
        if role == "tool":
            _add_result(result, turn, message, param)
            continue
        _check_turn(turn, param)
        turn = _Turn()
        match role:
            case "system" | "developer" if result.contents:
                raise refused(f"{param}.role", "must come before all other messages: this model takes it only there")
            case "system" | "developer":
                check_keys(message, frozenset({"role", "content"}), param)
                result.system += _texts(message.get("content"), f"{param}.content")
            case "user":
                check_keys(message, frozenset({"role", "content"}), param)
                parts = _user_parts(message.get("content"), f"{param}.content", details)
                result.contents.append({"role": "user", "parts": parts})
            case "assistant":
                result.contents.append({"role": "model", "parts": _assistant_parts(message, param, turn)})
            case _:
                raise refused(f"{param}.role", "must be system, developer, user, assistant or tool")
    _check_turn(turn, "messages")
    if not result.contents:
        raise refused("messages", "must have one that is not from the system")
    result.resolution = _resolution(details)
    return result


def _user_parts(content: object, param: str, details: set[str]) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"text": content}]
    parts = []
    for place, part in _objects(content, param):
        if part.get("type") == "image_url":
            check_keys(part, frozenset({"type", "image_url"}), place)
            parts.append(_image(part.get("image_url"), f"{place}.image_url", details))
        else:
            parts.append(_text(part, place))
    return parts


def _image(image: object, param: str, details: set[str]) -> dict[str, Any]:
    if not isinstance(image, dict):
        raise refused(param, "must be an object")
    check_keys(image, frozenset({"url", "detail"}), param)
    detail = image.get("detail") or "auto"
    if detail not in {"auto", *_RESOLUTIONS}:
        raise refused(f"{param}.detail", "must be auto, low or high")
    details.add(detail)
    url = image.get("url")
    found = _DATA_URL.fullmatch(url) if isinstance(url, str) else None
    if found is None:
        raise refused(f"{param}.url", "must be a data URL of an image in base64: this model fetches nothing")
    return {"inlineData": {"mimeType": found[1].lower(), "data": found[2]}}


def _resolution(details: set[str]) -> str | None:
    if len(details) > 1:
        raise refused("messages", "must have the same detail for all images: this model takes one for the request")
    return next((_RESOLUTIONS[each] for each in details if each in _RESOLUTIONS), None)


def _assistant_parts(message: dict[str, Any], param: str, turn: _Turn) -> list[dict[str, Any]]:
    check_keys(message, _ASSISTANT_KEYS, param)
    content, calls = message.get("content"), message.get("tool_calls")
    parts = [] if content is None or content == "" else _texts(content, f"{param}.content")
    if isinstance(refusal := message.get("refusal"), str):
        parts.append({"text": refusal})
    if calls is not None:
        parts += [_call(call, place, turn) for place, call in _objects(calls, f"{param}.tool_calls")]
    if not parts:
        raise refused(f"{param}.content", "must not be empty without tool_calls")
    return parts


def _call(call: dict[str, Any], param: str, turn: _Turn) -> dict[str, Any]:
    check_keys(call, frozenset({"id", "type", "function", "index", "extra_content"}), param)
    name, function = call.get("id"), call.get("function")
    if call.get("type", "function") != "function" or not isinstance(function, dict):
        raise refused(f"{param}.type", "must be function")
    called, arguments = function.get("name"), function.get("arguments")
    if not isinstance(name, str) or name in turn.names:
        raise refused(f"{param}.id", "must be a string that no other call of the message has")
    if not isinstance(called, str) or not isinstance(arguments, str):
        raise refused(f"{param}.function", "must have a name and arguments, both strings")
    try:
        args = parse_object(arguments.encode()) if arguments.strip() else {}
    except Refusal:
        raise refused(f"{param}.function.arguments", "must be a JSON object") from None
    turn.names[name] = called
    part: dict[str, Any] = {"functionCall": {"name": called, "args": args}}
    if (signature := _signature(call.get("extra_content"))) is not None:
        part["thoughtSignature"] = signature
    return part


def _signature(extra: object) -> str | None:
    google = extra.get("google") if isinstance(extra, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature if isinstance(signature, str) else None


def _add_result(conversation: Conversation, turn: _Turn, message: dict[str, Any], param: str) -> None:
    check_keys(message, _TOOL_KEYS, param)
    call = message.get("tool_call_id")
    if not isinstance(call, str) or call not in turn.names:
        raise refused(f"{param}.tool_call_id", "must name a call of the assistant message before it")
    if call in turn.results:
        raise refused(f"{param}.tool_call_id", "names a call that was answered already")
    output = "".join(part["text"] for part in _texts(message.get("content"), f"{param}.content"))
    if not turn.results:
        conversation.contents.append({"role": "user", "parts": []})
    turn.results[call] = {"functionResponse": {"name": turn.names[call], "response": {"output": output}}}
    conversation.contents[-1]["parts"] = [turn.results[name] for name in turn.names if name in turn.results]


def _check_turn(turn: _Turn, param: str) -> None:
    if len(turn.results) != len(turn.names):
        raise refused(param, "must follow one tool message for each call of the assistant message")


def _texts(content: object, param: str) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"text": content}]
    return [_text(part, place) for place, part in _objects(content, param)]


def _text(part: dict[str, Any], param: str) -> dict[str, Any]:
    kind = part.get("type")
    if kind == "refusal" and isinstance(part.get("refusal"), str):
        return {"text": part["refusal"]}
    text = part.get("text")
    if kind != "text" or not isinstance(text, str):
        raise refused(f"{param}.type", f"{kind!r} is not supported by this model here")
    check_keys(part, _TEXT_KEYS, param)
    return {"text": text}


def _objects(value: object, param: str) -> list[tuple[str, dict[str, Any]]]:
    if not isinstance(value, list) or not value or not all(isinstance(each, dict) for each in value):
        raise refused(param, "must be a non-empty array of objects")
    return [(f"{param}[{index}]", each) for index, each in enumerate(value)]
