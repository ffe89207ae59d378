"""An OpenAI conversation → Converse's system blocks and turns.

System and developer messages become system blocks wherever they stand: their order among themselves is kept, their
place in the conversation is not. Tool results are the user's in Converse, and neighbouring messages of one role are one
turn. What an assistant's message tells besides its words and calls (``annotations``, reasoning) is dropped, as OpenAI
drops it; so is an image's ``detail``, for Converse always sees the whole image. Source: Bedrock API reference,
"Message" and "ContentBlock", 2026-11. ``bedrock_request`` has the rest.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any

from extproc.dialects.strict_json import parse_object
from extproc.model.refusals import INVALID_REQUEST, Refusal

Block = dict[str, Any]

TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_TOOL_USE_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_DATA_URL = re.compile(r"data:image/(png|jpeg|jpg|gif|webp);base64,(.*)", re.DOTALL | re.IGNORECASE)

_ROLES = {"system": "system", "developer": "system", "user": "user", "tool": "user", "assistant": "assistant"}
_FIELDS: Mapping[str, frozenset[str]] = {
    "system": frozenset(),
    "developer": frozenset(),
    "user": frozenset(),
    "tool": frozenset({"tool_call_id", "name"}),
    "assistant": frozenset({"tool_calls", "refusal", "annotations", "reasoning_content", "reasoning"}),
}


def refuse(name: str, problem: str) -> Refusal:
    """The refusal of one field."""
    return Refusal(INVALID_REQUEST, f"{name} {problem}.", param=name)


def write_messages(messages: Iterable[Mapping[str, Any]]) -> tuple[list[Block], list[Block]]:
    """System blocks, and turns.

    Raises:
        Refusal: a message is not what the API says, or Converse cannot express it.
    """
    system: list[Block] = []
    turns: list[Block] = []
    for at, message in enumerate(messages):
        place = f"messages[{at}]"
        given = {name: value for name, value in message.items() if value is not None}
        name = given.get("role")
        role = _ROLES.get(name) if isinstance(name, str) else None
        if role is None:
            raise refuse(f"{place}.role", "must be system, developer, user, assistant or tool")
        _check_fields(given, place, _FIELDS[str(name)])
        blocks = _blocks(given, place)
        if role == "system":
            system += blocks
        elif not blocks:
            raise refuse(f"{place}.content", "must not be empty for this model")
        elif turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    if not turns:
        raise refuse("messages", "must have more than system messages for this model")
    return system, turns


def has_tool_blocks(turns: Iterable[Block]) -> bool:
    """Whether the conversation has calls or results of tools."""
    return any("toolUse" in block or "toolResult" in block for turn in turns for block in turn["content"])


def _check_fields(given: Mapping[str, Any], place: str, allowed: frozenset[str]) -> None:
    for name in given:
        if name not in {"role", "content"} and name not in allowed:
            raise refuse(f"{place}.{name}", "cannot be expressed for this model")


def _blocks(message: Mapping[str, Any], place: str) -> list[Block]:
    match message["role"]:
        case "assistant":
            return _assistant(message, place)
        case "tool":
            return [_tool_result(message, place)]
        case "user":
            return _parts(message.get("content"), f"{place}.content", frozenset({"text", "image_url"}))
        case _:
            return _parts(message.get("content"), f"{place}.content", frozenset({"text"}))


def _assistant(message: Mapping[str, Any], place: str) -> list[Block]:
    content = message.get("content", [])
    blocks = _parts(content, f"{place}.content", frozenset({"text", "refusal"}))
    blocks += _text(message.get("refusal", ""), f"{place}.refusal")
    calls = message.get("tool_calls", [])
    if not isinstance(calls, list):
        raise refuse(f"{place}.tool_calls", "must be an array")
    return blocks + [_tool_use(call, f"{place}.tool_calls[{at}]") for at, call in enumerate(calls)]


def _parts(content: object, place: str, kinds: frozenset[str]) -> list[Block]:
    if isinstance(content, str):
        return _text(content, place)
    if not isinstance(content, list):
        raise refuse(place, "must be a string or an array")
    blocks: list[Block] = []
    for at, part in enumerate(content):
        here = f"{place}[{at}]"
        match part:
            case {"type": "text", "text": text} if "text" in kinds:
                blocks += _text(text, f"{here}.text")
            case {"type": "refusal", "refusal": text} if "refusal" in kinds:
                blocks += _text(text, f"{here}.refusal")
            case {"type": "image_url", "image_url": {"url": str(url), **rest}} if "image_url" in kinds:
                # Converse always shows the whole image.
                if rest.get("detail") not in (None, "auto", "low", "high"):
                    raise refuse(f"{here}.image_url.detail", "must be auto, low or high")
                blocks.append(_image(url, f"{here}.image_url.url"))
            case _:
                raise refuse(f"{here}.type", f"must be one of {', '.join(sorted(kinds))} here for this model")
    return blocks


def _text(text: object, place: str) -> list[Block]:
    """One block, or none: Converse takes no empty text."""
    if not isinstance(text, str):
        raise refuse(place, "must be a string")
    return [{"text": text}] if text else []


def _image(url: str, place: str) -> Block:
    found = _DATA_URL.fullmatch(url)
    if found is None:
        # Converse fetches nothing, and the gateway fetches nothing that a caller names.
        raise refuse(place, "must be a base64 data URL of a PNG, JPEG, GIF or WebP image for this model")
    kind, data = found[1].lower(), found[2]
    try:
        is_image = bool(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        is_image = False
    if not is_image:
        raise refuse(place, "must hold an image in base64")
    return {"image": {"format": "jpeg" if kind == "jpg" else kind, "source": {"bytes": data}}}


def _tool_use(call: object, place: str) -> Block:
    match call:
        case {"type": "function", "id": call_id, "function": {"name": str(name), "arguments": str(arguments)}}:
            pass
        case _:
            raise refuse(place, "must be a function call with an id, a name and arguments")
    if not TOOL_NAME.fullmatch(name):
        raise refuse(f"{place}.function.name", "must be 1 to 64 of a-z, A-Z, 0-9, _ and -")
    try:
        value = parse_object(arguments.encode()) if arguments.strip() else {}
    except Refusal:
        raise refuse(f"{place}.function.arguments", "must be a JSON object") from None
    return {"toolUse": {"toolUseId": _use_id(call_id, f"{place}.id"), "name": name, "input": value}}


def _tool_result(message: Mapping[str, Any], place: str) -> Block:
    call_id = _use_id(message.get("tool_call_id"), f"{place}.tool_call_id")
    blocks = _parts(message.get("content"), f"{place}.content", frozenset({"text"}))
    if len(blocks) == 1:
        blocks = [_as_json(blocks[0])]
    return {"toolResult": {"toolUseId": call_id, "content": blocks}}


def _as_json(block: Block) -> Block:
    """A result that is a JSON object, told as one."""
    text = block["text"]
    if not text.lstrip().startswith("{"):
        return block
    try:
        return {"json": parse_object(text.encode())}
    except Refusal:
        return block


def _use_id(value: object, place: str) -> str:
    if not isinstance(value, str) or not _TOOL_USE_ID.fullmatch(value):
        raise refuse(place, "must be 1 to 64 of a-z, A-Z, 0-9, _ . : and - for this model")
    return value
