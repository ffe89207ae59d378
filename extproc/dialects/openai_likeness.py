"""What servers that imitate the OpenAI dialect do differently, made as OpenAI does it; OpenAI's own stays as it is.

    finish_reason   TGI's eos_token and stop_sequence are stop; vLLM's abort and a router's error are a failure
    reasoning       vLLM's newer name for reasoning_content is given by both names
    content         Mistral's parts are one text, and its thinking is reasoning_content
    tool_calls      TGI: one object in place of an array, arguments as an object, no id; others: no index, no type
    object          TGI's text_completion, around a message, is chat.completion
    choices         without an index they are numbered; a chunk that has none, and no usage, says nothing

Sources: the servers' own recorded answers in tests/golden/openai; read 2026-11. Read next: ``openai``.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from extproc.dialects.dialect import ProviderFailed
from extproc.dialects.provider_json import write_json

_SAME_REASONS = {"eos_token": "stop", "stop_sequence": "stop", "": None}
_FAILED = frozenset({"abort", "error"})


def is_error(value: dict[str, Any]) -> bool:
    """Whether an answer or a chunk is an error in one of the forms that there are."""
    return bool(value.get("error")) or value.get("object") == "error" or value.get("type") == "error"


@dataclass(frozen=True, slots=True)
class _Call:
    """A tool call that has begun, as the server wrote it."""

    id: str
    name: str


@dataclass(slots=True)
class Likeness:
    """Mends one answer, or one stream's chunks in their order."""

    _calls: dict[int, list[_Call]] = field(default_factory=dict)
    """By choice, in their order."""

    def mend(self, value: dict[str, Any], part: str) -> bool:
        """Make an answer or a chunk as OpenAI's would be, in place; whether anything was different.

        Args:
            value: has an array of choices.
            part: ``message`` or ``delta``.

        Raises:
            ProviderFailed: a choice was given up.
        """
        is_mended = False
        if value.get("object") == "text_completion":
            value["object"], is_mended = "chat.completion", True
        for position, choice in enumerate(value["choices"]):
            if isinstance(choice, dict):
                # Each looks at the choice whatever the others did.
                steps = (_number(choice, position), _mend_reason(choice), self._mend_part(choice, part, value))
                is_mended = any(steps) or is_mended
        return is_mended

    def _mend_part(self, choice: dict[str, Any], part: str, value: dict[str, Any]) -> bool:
        said = choice.get(part)
        if not isinstance(said, dict):
            if said is None and part == "delta":
                choice[part] = {}
                return True
            return False
        is_mended = _mend_content(said) | _mend_reasoning(said)
        calls = said.get("tool_calls")
        if isinstance(calls, dict):
            calls = said["tool_calls"] = [calls]
            is_mended = True
        if isinstance(calls, list):
            known = self._calls.setdefault(choice["index"], [])
            place = f"{value.get('created')}/{choice['index']}"
            for call in calls:
                if isinstance(call, dict):
                    is_mended = _mend_call(call, known, place, is_piece=part == "delta") or is_mended
        return is_mended


def _number(choice: dict[str, Any], position: int) -> bool:
    if type(choice.get("index")) is int:
        return False
    choice["index"] = position
    return True


def _mend_reason(choice: dict[str, Any]) -> bool:
    reason = choice.get("finish_reason")
    if not isinstance(reason, str):
        return False
    if reason in _FAILED:
        raise ProviderFailed
    if reason not in _SAME_REASONS:
        return False
    choice["finish_reason"] = _SAME_REASONS[reason]
    return True


def _mend_content(said: dict[str, Any]) -> bool:
    parts = said.get("content")
    if not isinstance(parts, list):
        return False
    said["content"] = _text_of(parts, "text")
    thoughts = [_text_of(part["thinking"], "text") for part in parts if _has_thoughts(part)]
    if thoughts and not said.get("reasoning_content"):
        said["reasoning_content"] = "".join(thoughts)
    return True


def _has_thoughts(part: object) -> bool:
    return isinstance(part, dict) and part.get("type") == "thinking" and isinstance(part.get("thinking"), list)


def _text_of(parts: list[Any], kind: str) -> str:
    found = [part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == kind]
    return "".join(text for text in found if isinstance(text, str))


def _mend_reasoning(said: dict[str, Any]) -> bool:
    reasoning = said.get("reasoning")
    if not isinstance(reasoning, str) or not reasoning or said.get("reasoning_content"):
        return False
    said["reasoning_content"] = reasoning
    return True


def _mend_call(call: dict[str, Any], known: list[_Call], place: str, *, is_piece: bool) -> bool:
    found = call.get("function")
    function = found if isinstance(found, dict) else {}
    is_mended = _mend_arguments(function)
    own, name = call.get("id"), function.get("name")
    id_, called = "" if own is None else str(own), name if isinstance(name, str) else ""
    index = call.get("index")
    if type(index) is not int:
        index = _place_of(_Call(id_, called), known)
        if is_piece:
            call["index"], is_mended = index, True
    if index == len(known):
        known.append(_Call(id_, called))
        if not id_:
            id_ = f"call_{hashlib.sha256(f'{place}/{index}/{called}'.encode()).hexdigest()[:24]}"
        return _put(call, "id", id_) | _put(call, "type", "function", is_default=True) | is_mended
    if own == "":
        # OpenAI's later pieces have neither id nor name: clients that join what they get would append them.
        del call["id"]
        is_mended = True
    if is_piece and 0 <= index < len(known) and called and known[index].name == called:
        del function["name"]
        is_mended = True
    return is_mended


def _place_of(call: _Call, known: list[_Call]) -> int:
    """Which call a piece without an index belongs to: one with a name or an id of its own begins the next."""
    ids = [each.id for each in known]
    if call.id and call.id in ids:
        return ids.index(call.id)
    return len(known) if call.id or call.name or not known else len(known) - 1


def _mend_arguments(function: dict[str, Any]) -> bool:
    found = function.get("arguments", function.get("parameters"))
    if not isinstance(found, dict):
        return False
    function.pop("parameters", None)
    function["arguments"] = write_json(found).decode()
    return True


def _put(value: dict[str, Any], name: str, new: str, *, is_default: bool = False) -> bool:
    if value.get(name) == new or (is_default and value.get(name)):
        return False
    value[name] = new
    return True
