"""Gemini's stream: server-sent events, each a ``GenerateContentResponse``, and no end marker.

What a candidate says moves on at once. Its finish reason is kept until the body ends: Gemini may send text, a
signature or usage after it, and only then is it known whether there were calls. ``finish`` then gives the last chunk
of each candidate, usage, and Done; where a candidate has no finish reason, nothing, for the answer is cut.

Source: Vertex AI, "streamGenerateContent", with ``alt=sse``; read 2026-11. Read next: ``vertex_answer``.
"""

from dataclasses import dataclass
from typing import Any

from extproc.dialects.dialect import Chunk, Done, Ping, ProviderFailed, StreamItem, Unreadable
from extproc.dialects.provider_json import read_object, write_json
from extproc.dialects.sse import SseReader
from extproc.dialects.vertex_answer import (
    Head,
    read_block,
    read_candidates,
    read_finish,
    read_head,
    read_logprobs,
    read_piece,
    read_usage,
)


@dataclass(slots=True)
class _Candidate:
    """What one candidate has said so far."""

    calls: int = 0
    last: dict[str, Any] | None = None
    """The event with its finish reason."""
    is_blocked: bool = False


class VertexStream:
    """Reads one response; see ``StreamReader`` and ``Finishes``."""

    def __init__(self) -> None:
        self._reader = SseReader()
        self._head: Head | None = None
        self._candidates: dict[int, _Candidate] = {}
        self._usage: dict[str, Any] | None = None

    @property
    def has_rest(self) -> bool:
        """Whether bytes of an unfinished event are held."""
        return self._reader.has_rest

    def feed(self, data: bytes) -> list[StreamItem]:
        """See ``StreamReader``."""
        return [item for event in self._reader.feed(data) for item in self._read(event)]

    def finish(self) -> list[StreamItem]:
        """See ``Finishes``."""
        if self._head is None or not self._candidates:
            return []
        items: list[StreamItem] = []
        for index, state in sorted(self._candidates.items()):
            reason = "content_filter" if state.is_blocked else read_finish(state.last or {}, has_calls=state.calls > 0)
            if reason is None:
                return []
            items.append(_chunk(self._head, [_choice(index, {}, None, reason)]))
        if self._usage is not None:
            items.append(_chunk(self._head, [], self._usage))
        return [*items, Done()]

    def _read(self, event: bytes) -> list[StreamItem]:
        if not event:
            return [Ping()]
        response = read_object(event)
        if response is None:
            raise Unreadable
        if response.get("error"):
            raise ProviderFailed
        head = self._head = self._head or read_head(response)
        # Counts grow from event to event: the last is the whole.
        self._usage = read_usage(response) or self._usage
        candidates = read_candidates(response)
        if not candidates and not self._candidates and (refusal := read_block(response)) is not None:
            self._candidates[0] = _Candidate(is_blocked=True)
            return [_chunk(head, [_choice(0, {"role": "assistant", "refusal": refusal}, None, None)])]
        items = [self._say(index, candidate, head) for index, candidate in candidates]
        return [item for item in items if item is not None] or [Ping()]

    def _say(self, index: int, candidate: dict[str, Any], head: Head) -> Chunk | None:
        is_first = index not in self._candidates
        state = self._candidates.setdefault(index, _Candidate())
        piece = read_piece(candidate, index, head, state.calls)
        delta: dict[str, Any] = {"role": "assistant"} if is_first else {}
        if piece.thoughts:
            delta["reasoning_content"] = piece.thoughts
        if piece.text:
            delta["content"] = piece.text
        if piece.calls:
            delta["tool_calls"] = [{"index": state.calls + n, **call} for n, call in enumerate(piece.calls)]
            state.calls += len(piece.calls)
        # Asked now, so that a failure is not preceded by what the failed event says.
        if read_finish(candidate, has_calls=state.calls > 0) is not None:
            state.last = candidate
        logprobs = read_logprobs(candidate)
        return _chunk(head, [_choice(index, delta, logprobs, None)]) if delta or logprobs else None


def _choice(
    index: int, delta: dict[str, Any], logprobs: dict[str, Any] | None, finish_reason: str | None
) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}


def _chunk(head: Head, choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> Chunk:
    value = {"id": head.id, "object": "chat.completion.chunk", "created": head.created, "model": head.model}
    chunk = {**value, "choices": choices, **({} if usage is None else {"usage": usage})}
    return Chunk(chunk, write_json(chunk))
