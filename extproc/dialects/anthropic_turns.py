"""OpenAI's messages → Anthropic's ``system`` and its alternating turns of content blocks.

System and developer messages become ``system``, in their order and wherever they stood: only some models take a system
turn within the conversation. Neighbours of one role are one turn; a tool's result is a block of the user's turn, so the
results of parallel calls and the words after them are one turn as well. An image's ``detail`` is dropped: Anthropic
always sees the whole image. So are empty texts, which it refuses, and an assistant's reasoning, which it takes back
only with a signature that OpenAI's form has no place for.

What an extension says is written where it belongs: thinking with its signature in its place, marks of the prompt cache,
failed tools, images in results, a system turn within the conversation, a message that the answer is to continue.

Refused, because there is no such thing: names of participants, audio, files that are not PDF, files by address or id,
tool calls that are not function calls, and a last message of the assistant, which this provider would continue. An
image's address is passed on: the provider fetches it.

Source: Messages API reference and the types of the anthropic SDK 2.12, read 2026-11. Read next: ``anthropic_request``.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from extproc.dialects.extension import extension_of
from extproc.dialects.strict_json import parse_object
from extproc.model.refusals import INVALID_REQUEST, Refusal

Block = dict[str, Any]

_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_DATA_URL = re.compile(r"data:([a-z]+/[a-z0-9.+-]+);base64,([A-Za-z0-9+/]+={0,2})", re.ASCII)
_TOOL_ID = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def write_turns(messages: Sequence[Mapping[str, Any]]) -> tuple[list[Block], list[dict[str, Any]]]:
    """The blocks of ``system``, and the turns.

    Raises:
        Refusal: a message says something that has no form here, or is not what the OpenAI API says.
    """
    system: list[Block] = []
    turns: list[dict[str, Any]] = []
    for index, message in enumerate(messages):
        place = f"messages[{index}]"
        role, blocks = _read(message, place)
        if extension_of(message).get("turn"):
            turns.append({"role": role, "content": blocks})
        elif role == "system":
            system += blocks
        elif turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    if not turns:
        raise refusal("messages", "must have a message that is not the system's")
    if turns[-1]["role"] == "assistant" and not extension_of(messages[-1]).get("prefill"):
        raise refusal(f"messages[{len(messages) - 1}]", "may not be the assistant's: the model would continue it")
    return system, turns


def refusal(param: str, problem: str) -> Refusal:
    """A no to one part of the request."""
    return Refusal(INVALID_REQUEST, f"{param} {problem}.", param=param)


def data_url(url: str) -> tuple[str, str] | None:
    """Media type and base64 data of a data URL; None for any other URL."""
    found = _DATA_URL.fullmatch(url)
    return (found[1], found[2]) if found else None


def _read(message: Mapping[str, Any], place: str) -> tuple[str, list[Block]]:
    role = message.get("role")
    if role == "tool":
        return "user", [_tool_result(message, place)]
    if message.get("name"):
        raise refusal(f"{place}.name", "cannot be told to this model")
    match role:
        case "system" | "developer":
            return "system", list(_texts(message.get("content"), f"{place}.content"))
        case "user":
            blocks = list(_parts(message.get("content"), f"{place}.content"))
            if not blocks:
                raise refusal(f"{place}.content", "must not be empty")
            return "user", blocks
        case "assistant":
            return "assistant", _assistant(message, place)
        case _:
            raise refusal(f"{place}.role", "must be system, developer, user, assistant or tool")


def _assistant(message: Mapping[str, Any], place: str) -> list[Block]:
    for name in ("audio", "function_call"):
        if message.get(name) is not None:
            raise refusal(f"{place}.{name}", "is not supported by this model")
    texts = list(_texts(message.get("content") or "", f"{place}.content"))
    texts += _texts(message.get("refusal") or "", f"{place}.refusal")
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise refusal(f"{place}.tool_calls", "must be an array")
    uses = [_tool_use(call, f"{place}.tool_calls[{index}]") for index, call in enumerate(calls)]
    return list(_laid_out(extension_of(message).get("layout", ()), iter(texts), iter(uses)))


def _laid_out(layout: Sequence[Any], texts: Iterator[Block], uses: Iterator[Block]) -> Iterator[Block]:
    """The blocks in their order; whatever the layout does not name follows."""
    for item in layout:
        if isinstance(item, dict):
            yield item
        else:
            yield from islice(texts if item == "text" else uses, 1)
    yield from texts
    yield from uses


def _tool_use(call: object, place: str) -> Block:
    function = call.get("function") if isinstance(call, dict) and call.get("type", "function") == "function" else None
    if not isinstance(call, dict) or not isinstance(function, dict):
        raise refusal(place, "must be a function call")
    arguments = function.get("arguments") or "{}"
    if not isinstance(arguments, str):
        raise refusal(f"{place}.function.arguments", "must be the JSON text of an object")
    try:
        given = parse_object(arguments.encode())
    except Refusal:
        raise refusal(f"{place}.function.arguments", "must be the JSON text of an object") from None
    name = _text(function.get("name"), f"{place}.function.name")
    use = {"type": "tool_use", "id": _tool_id(call.get("id"), f"{place}.id"), "name": name, "input": given}
    return {**use, **extension_of(call)}


def _tool_result(message: Mapping[str, Any], place: str) -> Block:
    block = {"type": "tool_result", "tool_use_id": _tool_id(message.get("tool_call_id"), f"{place}.tool_call_id")}
    own = extension_of(message)
    read = _parts if own else _texts
    content = list(read(message.get("content"), f"{place}.content"))
    return {**block, **({"content": content} if content else {}), **own}


def _tool_id(value: object, place: str) -> str:
    # Other providers make ids with dots and colons, and a conversation may have begun with one of them.
    text = _text(value, place)
    return text if _TOOL_ID.fullmatch(text) else f"hex_{text.encode().hex()}"


def _texts(content: object, place: str) -> Iterator[Block]:
    for block in _parts(content, place):
        if block["type"] != "text":
            raise refusal(place, "can only be text here")
        yield block


def _parts(content: object, place: str) -> Iterator[Block]:
    if isinstance(content, str):
        if content:
            yield {"type": "text", "text": content}
        return
    if not isinstance(content, list):
        raise refusal(place, "must be a string or an array")
    for index, part in enumerate(content):
        block = _part(part, f"{place}[{index}]")
        if block != {"type": "text", "text": ""}:
            yield {**block, **extension_of(part)}


def _part(part: object, place: str) -> Block:
    kind = part.get("type") if isinstance(part, dict) else None
    body = part.get(kind) if isinstance(part, dict) and isinstance(kind, str) else None
    match kind, body:
        case (("text" | "refusal"), str()):
            return {"type": "text", "text": body}
        case "image_url", {"url": str(url)}:
            return _image(url, f"{place}.image_url.url")
        case "file", {"file_data": str(data), **rest}:
            return _document(data, rest.get("filename"), f"{place}.file.file_data")
        case _:
            raise refusal(place, "is not a text, an image or a PDF with its data")


def _image(url: str, place: str) -> Block:
    if url.startswith(("https://", "http://")):
        return {"type": "image", "source": {"type": "url", "url": url}}
    found = data_url(url)
    if found is None or found[0] not in _IMAGES:
        raise refusal(place, "must be an address or a base64 data URL of a JPEG, PNG, GIF or WebP image for this model")
    return {"type": "image", "source": _base64(found)}


def _document(data: str, name: object, place: str) -> Block:
    found = data_url(data)
    if found is None or found[0] != "application/pdf":
        raise refusal(place, "must be a base64 data URL of a PDF for this model")
    block: Block = {"type": "document", "source": _base64(found)}
    return {**block, "title": name} if isinstance(name, str) and name else block


def _base64(found: tuple[str, str]) -> Block:
    return {"type": "base64", "media_type": found[0], "data": found[1]}


def _text(value: object, place: str) -> str:
    if not isinstance(value, str) or not value:
        raise refusal(place, "must be a non-empty string")
    return value
