"""Which requests may share an answer: a request → its partition, its last user turn, and whether it may be remembered.

Everything of a request is in the partition but its last user turn and the few fields of ``_WHO``, which say who asks or
how the answer travels, not what is asked. So a field that nobody has heard of yet keeps requests apart. Requests are
hashed as they were before the firewall changed anything (placeholders, canary, spotlight), so that the same request is
the same each time.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from extproc.model.cache import CachePolicy, EntryId, Partition, Question, Scope
from extproc.model.catalog import Operation
from extproc.model.chat import Json, ModelRequest
from extproc.model.identity import VirtualKey

_WHO = frozenset({"stream", "stream_options", "user", "safety_identifier", "prompt_cache_key"})
_HOLE = "\0"
"""Where the last user turn was; ``strict_json`` refuses a NUL in what clients send."""


@dataclass(frozen=True, slots=True)
class Circle:
    """Within what a request may share: everything of its partition that is not in the request."""

    key: VirtualKey
    model: str
    user: str
    """Hash of the end user that the request names; empty: it names none."""
    guard: str
    """Version of the firewall's policy."""
    embedder: str
    """Name of the model that makes vectors; empty: none does."""
    catalog: str
    """Version of what the model's name stands for."""


def read_question(request: ModelRequest, policy: CachePolicy, circle: Circle) -> Question | None:
    """The request as the cache sees it; None: it is nothing to be remembered.

    Remembered are chats whose last message is the user's and text, of one answer that is text.
    """
    if request.operation is not Operation.CHAT or not (policy.is_exact or policy.is_semantic):
        return None
    payload = request.payload
    if payload.get("n", 1) != 1 or "audio" in payload or payload.get("store"):
        return None
    found = _without_last_turn(payload)
    if found is None:
        return None
    rest, text = found
    within = _digest(
        [
            1,
            *_who(policy.scope, circle),
            circle.model,
            circle.guard,
            circle.embedder,
            circle.catalog,
            policy.version,
            rest,
        ]
    )
    partition = Partition(f"{circle.key.organisation}/{within}")
    owner = f"{circle.key.id}:{circle.user}"
    return Question(partition, EntryId(_digest([partition, text])), text, owner)


def _who(scope: Scope, circle: Circle) -> list[str]:
    key = circle.key
    match scope:
        case Scope.TEAM:
            return ["team", key.organisation, key.team]
        case Scope.PROJECT:
            return ["project", key.organisation, key.team, key.project]
        case Scope.USER:
            # Who names no end user shares with nobody but itself.
            return ["user", key.organisation, key.team, key.project, circle.user or f"key {key.id}"]


def _without_last_turn(payload: Json) -> tuple[dict[str, object], str] | None:
    messages = payload.get("messages")
    if not isinstance(messages, list) or not messages:
        return None
    last = messages[-1]
    if not isinstance(last, Mapping) or last.get("role") != "user":
        return None
    content = last.get("content")
    if isinstance(content, str):
        text, hollow = content, _HOLE
    elif isinstance(content, list):
        texts = [part for part in content if isinstance(part, Mapping) and part.get("type") == "text"]
        if len(texts) != 1 or not isinstance(texts[0].get("text"), str):
            return None
        text = texts[0]["text"]
        hollow = [{**part, "text": _HOLE} if part is texts[0] else part for part in content]  # type: ignore[assignment]
    else:
        return None
    rest = {name: value for name, value in payload.items() if name not in _WHO}
    rest["messages"] = [*messages[:-1], {**last, "content": hollow}]
    return (rest, text) if text.strip() else None


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
