"""Sets hostile context apart from instructions before a model sees it, and puts retrieved context where models look.

    weave(payload, mode, nonce, markers) → the payload as the provider gets it

Hostile are tool results, what stands between the declared markers, and ``x_context``, a list of texts or of objects
with a ``text`` that callers send beside the messages. No provider knows that field: it always leaves the payload, and
its texts stand at the beginning of the last user turn, between markers of this exchange, even where the policy asks
for nothing. The ways to set apart are those of Hines et al. 2024, "Defending Against Indirect Prompt Injection Attacks
With Spotlighting". Pure; the payload that is given stays as it is. Read next: ``spotlight_marks`` for the marks.
"""

import json
from collections.abc import Callable, Mapping, Sequence

from extproc.guard.spotlight_marks import marks_for
from extproc.model.chat import Json
from extproc.model.guard_policy import ContextMarkers, Spotlight

CONTEXT_FIELD = "x_context"

_TOOL_ROLES = ("tool", "function")
_SYSTEM_ROLES = ("system", "developer")
_LABELS = ("source", "title", "url", "id")


def weave(payload: Json, mode: Spotlight, nonce: str, markers: Sequence[ContextMarkers] = ()) -> Json:
    """The payload with its hostile context set apart, and without ``x_context``.

    Args:
        payload: an OpenAI request; what is no chat only loses ``x_context``.
        mode: how; OFF touches nothing but ``x_context``.
        nonce: what no author of context can know: of this exchange alone.
        markers: what declares context within messages. One that is not closed ends with its text.
    """
    context = _context(payload.get(CONTEXT_FIELD))
    if mode is Spotlight.OFF and CONTEXT_FIELD not in payload:
        return payload
    rest = {name: value for name, value in payload.items() if name != CONTEXT_FIELD}
    messages = rest.get("messages")
    if not isinstance(messages, list):
        return rest
    marks = marks_for(nonce, _texts(messages, context))
    woven = list(messages)
    is_apart = False
    if mode is not Spotlight.OFF:
        declared = [pair for pair in markers if pair.begin and pair.end]
        woven = [_apart(message, declared, lambda text: marks.set_apart(text, mode)) for message in messages]
        is_apart = woven != messages
    if context:
        how = Spotlight.DELIMIT if mode is Spotlight.OFF else mode
        woven = _with_context(woven, "\n".join(marks.set_apart(text, how) for text in context))
    if mode is not Spotlight.OFF and (is_apart or context):
        woven = _instructed(woven, marks.instruction(mode))
    return {**rest, "messages": woven}


def _context(given: object) -> list[str]:
    """The texts of ``x_context``, each below where it says that it is from."""
    items = given if isinstance(given, list) else [] if given is None else [given]
    return [text for item in items if (text := _context_text(item))]


def _context_text(item: object) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, Mapping) and isinstance(item.get("text"), str):
        labels = [f"{name}: {item[name]}" for name in _LABELS if isinstance(item.get(name), str | int)]
        return "\n".join([*labels, item["text"]])
    return json.dumps(item, ensure_ascii=False)


def _apart(message: object, markers: Sequence[ContextMarkers], set_apart: Callable[[str], str]) -> object:
    """The message with its hostile stretches set apart; the same object where it has none."""
    if not isinstance(message, Mapping):
        return message
    is_tool = message.get("role") in _TOOL_ROLES
    if not is_tool and (message.get("role") == "assistant" or not markers):
        return message

    def change(text: str) -> str:
        return (set_apart(text) if text else text) if is_tool else _between(text, markers, set_apart)

    content = message.get("content")
    if isinstance(content, str):
        changed: object = change(content)
    elif isinstance(content, list):
        changed = [_part(part, change) for part in content]
    else:
        return message
    return message if changed == content else {**message, "content": changed}


def _part(part: object, change: Callable[[str], str]) -> object:
    if isinstance(part, str):
        return change(part)
    if isinstance(part, Mapping) and isinstance(part.get("text"), str):
        return {**part, "text": change(part["text"])}
    return part


def _between(text: str, markers: Sequence[ContextMarkers], set_apart: Callable[[str], str]) -> str:
    """The text with what stands between markers set apart; the markers themselves stay."""
    done: list[str] = []
    cursor = 0
    begins = dict.fromkeys(markers, -1)
    while True:
        for pair, at in begins.items():
            if at < cursor:
                found = text.find(pair.begin, cursor)
                begins[pair] = found if found >= 0 else len(text)
        pair, at = min(begins.items(), key=lambda begin: (begin[1], -len(begin[0].begin)))
        if at == len(text):
            return "".join((*done, text[cursor:]))
        start = at + len(pair.begin)
        end = text.find(pair.end, start)
        inner = text[start:] if end < 0 else text[start:end]
        done += (text[cursor:start], f"\n{set_apart(inner.strip())}\n" if inner.strip() else inner)
        if end < 0:
            return "".join(done)
        cursor = end + len(pair.end)
        done.append(pair.end)


def _with_context(messages: list[object], context: str) -> list[object]:
    """The context before what the user says last; as a turn of its own where nobody has said anything."""
    for at in range(len(messages) - 1, -1, -1):
        message = messages[at]
        if isinstance(message, Mapping) and message.get("role") == "user":
            content = message.get("content")
            if isinstance(content, list):
                changed: object = [{"type": "text", "text": context}, *content]
            else:
                changed = f"{context}\n\n{content}" if isinstance(content, str) and content else context
            return [*messages[:at], {**message, "content": changed}, *messages[at + 1 :]]
    return [*messages, {"role": "user", "content": context}]


def _instructed(messages: list[object], instruction: str) -> list[object]:
    """The instruction after what the first system message says; as one of its own where there is none."""
    for at, message in enumerate(messages):
        if isinstance(message, Mapping) and message.get("role") in _SYSTEM_ROLES:
            content = message.get("content")
            if isinstance(content, list):
                changed: object = [*content, {"type": "text", "text": instruction}]
            else:
                changed = f"{content}\n\n{instruction}" if isinstance(content, str) and content else instruction
            return [*messages[:at], {**message, "content": changed}, *messages[at + 1 :]]
    return [{"role": "system", "content": instruction}, *messages]


def _texts(messages: Sequence[object], context: Sequence[str]) -> str:
    """Everything that the marks must not occur in."""
    return json.dumps(messages, ensure_ascii=False) + "\n".join(context)
