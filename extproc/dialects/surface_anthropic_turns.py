"""Anthropic's ``system`` and turns → canonical messages.

A user's turn may hold tools' results, which are messages of their own here, and the rest of what it says after or
before them. What only Anthropic's family understands goes into extensions; see ``extension``. Refused by name: blocks
of server tools, search results, documents that are not base64 PDFs, citations, files by id.

Thinking without a signature is dropped, for only Claude signs and nobody else takes it back. The gateway itself puts
what another provider must have back, such as Gemini's thought signatures, into redacted thinking: see ``keepsake``.

Source: Messages API reference and the types of the anthropic SDK 2.12, read 2026-11. Read next:
``surface_anthropic_request``.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from extproc.dialects.extension import extended
from extproc.dialects.keepsake import read_keepsake
from extproc.dialects.strict_json import serialise
from extproc.model.refusals import INVALID_REQUEST, Refusal

Object = dict[str, Any]

_TYPE = re.compile(r"[a-z0-9_]{1,64}", re.ASCII)
_ROLES = frozenset({"user", "assistant", "system"})


def refusal(param: str, problem: str) -> Refusal:
    """A no to one part of the request."""
    return Refusal(INVALID_REQUEST, f"{param}: {problem}.", param=param)


def check_keys(value: Mapping[Any, Any], known: frozenset[str], place: str) -> None:
    """Refuse what this gateway does not know to mean; null is as good as absent.

    Raises:
        Refusal
    """
    for name, each in value.items():
        if name not in known and each is not None:
            raise refusal(f"{place}.{name}" if place else name, "is not supported here")


def read_system(system: object) -> list[Object]:
    """The message that stands for ``system``, if there is one."""
    if system is None or system in ("", []):
        return []
    return [{"role": "system", "content": _texts(system, "system")}]


def read_turns(turns: object) -> list[Object]:
    """The conversation.

    Raises:
        Refusal: it is not what the API says, or has something that the gateway cannot carry.
    """
    if not isinstance(turns, list) or not turns:
        raise refusal("messages", "must be a non-empty array")
    messages: list[Object] = []
    for index, turn in enumerate(turns):
        place = f"messages.{index}"
        if not isinstance(turn, dict) or turn.get("role") not in _ROLES:
            raise refusal(f"{place}.role", "must be user, assistant or system")
        check_keys(turn, frozenset({"role", "content"}), place)
        content = turn.get("content")
        match turn["role"]:
            case "user":
                messages += _user(content, f"{place}.content")
            case "assistant":
                is_last = index == len(turns) - 1
                messages.append(_assistant(content, f"{place}.content", is_last=is_last))
            case _:
                message = {"role": "system", "content": _texts(content, f"{place}.content")}
                messages.append(extended(message, {"turn": True}))
    return messages


def _user(content: object, place: str) -> Iterator[Object]:
    if isinstance(content, str):
        yield {"role": "user", "content": content}
        return
    said: list[Object] = []
    for here, block in _blocks(content, place):
        if block.get("type") == "tool_result":
            if said:
                yield {"role": "user", "content": said}
                said = []
            yield _tool_result(block, here)
        else:
            said.append(_part(block, here))
    if said:
        yield {"role": "user", "content": said}


def _tool_result(block: Object, place: str) -> Object:
    check_keys(block, frozenset({"type", "tool_use_id", "content", "is_error", "cache_control"}), place)
    content = block.get("content")
    is_error = block.get("is_error") or False
    if not isinstance(is_error, bool):
        raise refusal(f"{place}.is_error", "must be true or false")
    message: Object = {"role": "tool", "tool_call_id": _string(block, "tool_use_id", place)}
    if content is None or isinstance(content, str):
        message["content"] = content or ""
    else:
        message["content"] = [_part(each, here) for here, each in _blocks(content, f"{place}.content")]
    return extended(message, {"is_error": is_error, **_cache_control(block, place)})


def _assistant(content: object, place: str, *, is_last: bool) -> Object:
    own: Object = {"prefill": True} if is_last else {}
    if isinstance(content, str):
        return extended({"role": "assistant", "content": content}, own)
    texts: list[Object] = []
    calls: list[Object] = []
    layout: list[Any] = []
    kept: Object = {}
    for here, block in _blocks(content, place):
        match block.get("type"):
            case "text":
                part = _part(block, here)
                # An empty text is nothing, and Anthropic refuses it.
                texts += [part] if part["text"] else []
                layout += ["text"] if part["text"] else []
            case "tool_use":
                calls.append(_call(block, here))
                layout.append("call")
            case "thinking":
                layout += _thinking(block, here)
            case "redacted_thinking":
                data = _string(block, "data", here)
                keepsake = read_keepsake(data)
                kept |= keepsake or {}
                layout += [{"type": "redacted_thinking", "data": data}] if keepsake is None else []
            case kind:
                raise refusal(f"{here}.type", f"{_shown(kind)} cannot be carried in an assistant's message")
    message: Object = {"role": "assistant", "content": texts or None}
    if calls:
        message["tool_calls"] = [
            {**call, **({"extra_content": kept[call["id"]]} if call["id"] in kept else {})} for call in calls
        ]
    # The order says something only where thinking is part of it, or text follows a call.
    if layout != ["text"] * len(texts) + ["call"] * len(calls):
        own["layout"] = layout
    return extended(message, own)


def _thinking(block: Object, place: str) -> list[Object]:
    check_keys(block, frozenset({"type", "thinking", "signature"}), place)
    thought, signature = block.get("thinking"), block.get("signature")
    if not isinstance(thought, str) or not isinstance(signature, str):
        raise refusal(place, "must have thinking and a signature")
    return [{"type": "thinking", "thinking": thought, "signature": signature}] if signature else []


def _call(block: Object, place: str) -> Object:
    check_keys(block, frozenset({"type", "id", "name", "input", "cache_control", "caller"}), place)
    caller = block.get("caller")
    if caller is not None and caller != {"type": "direct"}:
        raise refusal(f"{place}.caller", "must be direct")
    given = block.get("input")
    if not isinstance(given, dict):
        raise refusal(f"{place}.input", "must be an object")
    function = {"name": _string(block, "name", place), "arguments": serialise(given).decode()}
    call = {"id": _string(block, "id", place), "type": "function", "function": function}
    return extended(call, _cache_control(block, place))


def _part(block: Object, place: str) -> Object:
    match block.get("type"):
        case "text":
            check_keys(block, frozenset({"type", "text", "cache_control", "citations"}), place)
            # An assistant's own citations come back with its words, and say nothing that the words do not.
            text = block.get("text")
            if not isinstance(text, str):
                raise refusal(f"{place}.text", "must be a string")
            return extended({"type": "text", "text": text}, _cache_control(block, place))
        case "image":
            check_keys(block, frozenset({"type", "source", "cache_control"}), place)
            part = {"type": "image_url", "image_url": {"url": _image_url(block.get("source"), f"{place}.source")}}
            return extended(part, _cache_control(block, place))
        case "document":
            return _document(block, place)
        case kind:
            raise refusal(f"{place}.type", f"{_shown(kind)} cannot be carried here; text, image and document can")


def _image_url(source: object, place: str) -> str:
    match source:
        case {"type": "base64", "media_type": str(media), "data": str(data)}:
            return f"data:{media};base64,{data}"
        case {"type": "url", "url": str(url)} if url.startswith(("https://", "http://")):
            return url
        case _:
            raise refusal(place, "must be base64 or an http address")


def _document(block: Object, place: str) -> Object:
    check_keys(block, frozenset({"type", "source", "title", "context", "citations", "cache_control"}), place)
    match block.get("source"):
        case {"type": "base64", "media_type": "application/pdf", "data": str(data)}:
            file: Object = {"file_data": f"data:application/pdf;base64,{data}"}
        case _:
            raise refusal(f"{place}.source", "must be a PDF in base64")
    if block.get("citations") not in (None, {}, {"enabled": False}):
        raise refusal(f"{place}.citations", "cannot be carried in answers")
    words = {name: block[name] for name in ("title", "context") if block.get(name) is not None}
    if not all(isinstance(each, str) for each in words.values()):
        raise refusal(place, "must have a title and a context that are strings")
    if words.get("title"):
        file["filename"] = words.pop("title")
    return extended({"type": "file", "file": file}, {**words, **_cache_control(block, place)})


def _texts(content: object, place: str) -> Any:
    if isinstance(content, str):
        return content
    parts = [_part(block, here) for here, block in _blocks(content, place)]
    if any(part["type"] != "text" for part in parts):
        raise refusal(place, "can only be text")
    return parts


def _blocks(content: object, place: str) -> Sequence[tuple[str, Object]]:
    if not isinstance(content, list) or not all(isinstance(each, dict) for each in content):
        raise refusal(place, "must be a string or an array of blocks")
    return [(f"{place}.{index}", each) for index, each in enumerate(content)]


def read_cache_control(value: object, place: str) -> Object:
    """``{"cache_control": …}`` as it may be sent on; empty where there is none."""
    match value:
        case None:
            return {}
        case {"type": "ephemeral", **rest} if rest.get("ttl", "5m") in {"5m", "1h"} and set(rest) <= {"ttl"}:
            return {"cache_control": value}
        case _:
            raise refusal(f"{place}.cache_control" if place else "cache_control", "must be ephemeral, for 5m or 1h")


def _cache_control(block: Object, place: str) -> Object:
    return read_cache_control(block.get("cache_control"), place)


def _string(block: Object, name: str, place: str) -> str:
    value = block.get(name)
    if not isinstance(value, str) or not value:
        raise refusal(f"{place}.{name}", "must be a non-empty string")
    return value


def _shown(kind: object) -> str:
    """A block's type, which is the caller's text: only its form decides whether it is repeated."""
    return kind if isinstance(kind, str) and _TYPE.fullmatch(kind) else "this"
