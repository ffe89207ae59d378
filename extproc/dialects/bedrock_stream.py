"""ConverseStream's events → OpenAI chat completion chunks.

    messageStart ─> (contentBlockStart? ─> contentBlockDelta* ─> contentBlockStop)* ─> messageStop ─> metadata

The answer is whole with ``metadata``, which has the usage and comes last; a stream without ``messageStop`` before it
is not one. An exception inside the stream is the provider's failure. Events of kinds that we do not know are no part
of the answer, as AWS's own SDKs read them. Source: Bedrock API reference, "ConverseStream", 2026-11.
"""

from collections.abc import Mapping
from typing import Any

from extproc.dialects.aws_event_stream import EventStreamReader, Message
from extproc.dialects.bedrock_answer import finish_reason, write_usage
from extproc.dialects.dialect import Chunk, Done, Ping, ProviderFailed, StreamItem, Unreadable
from extproc.dialects.provider_json import read_object, write_json

_START, _OPEN, _STOPPED, _WHOLE = range(4)
# In which state each event may come.
_PLACES = {
    "messageStart": _START,
    "contentBlockStart": _OPEN,
    "contentBlockDelta": _OPEN,
    "contentBlockStop": _OPEN,
    "messageStop": _OPEN,
    "metadata": _STOPPED,
}


class ConverseStream:
    """One stream. Every message becomes the chunks it stands for, or a ping."""

    def __init__(self) -> None:
        self._reader = EventStreamReader()
        self._state = _START
        self._calls: dict[int, int] = {}
        """Tool calls by content block: their number among the calls."""
        self._silent: set[int] = set()
        """Content blocks of calls that had no arguments yet."""

    @property
    def has_rest(self) -> bool:
        """Whether bytes of an unfinished message are held."""
        return self._reader.has_rest

    def feed(self, data: bytes) -> list[StreamItem]:
        """See ``StreamReader``."""
        return [item for message in self._reader.feed(data) for item in self._read(message)]

    def _read(self, message: Message) -> list[StreamItem]:
        if message.headers.get(":message-type") in ("exception", "error"):
            raise ProviderFailed
        kind = message.headers.get(":event-type")
        if message.headers.get(":message-type") != "event" or not isinstance(kind, str):
            raise Unreadable
        if kind not in _PLACES:
            return [Ping()]
        event = read_object(message.payload)
        if event is None or _PLACES[kind] != self._state:
            raise Unreadable
        return self._take(kind, event)

    def _take(self, kind: str, event: Mapping[str, Any]) -> list[StreamItem]:
        match kind:
            case "messageStart":
                self._state = _OPEN
                return [_chunk({"role": "assistant", "content": ""})]
            case "contentBlockStart":
                return [self._block_start(event)]
            case "contentBlockDelta":
                return [self._block_delta(event)]
            case "contentBlockStop":
                return [self._block_stop(event)]
            case "messageStop":
                self._state = _STOPPED
                return [_chunk({}, finish_reason(event.get("stopReason")))]
            case _:
                self._state = _WHOLE
                return [*_usage(event), Done()]

    def _block_start(self, event: Mapping[str, Any]) -> StreamItem:
        match event:
            case {"start": {"toolUse": {"type": _}}}:
                raise Unreadable
            case {"start": {"toolUse": {"toolUseId": str(call_id), "name": str(name)}}, "contentBlockIndex": int(at)}:
                number = self._calls[at] = len(self._calls)
                self._silent.add(at)
                function = {"name": name, "arguments": ""}
                return _call({"index": number, "id": call_id, "type": "function", "function": function})
            case {"start": {"image": _}} | {"start": {"toolResult": _}}:
                raise Unreadable
            case _:
                return Ping()

    def _block_delta(self, event: Mapping[str, Any]) -> StreamItem:
        match event.get("delta"):
            case {"text": str(text)}:
                return _chunk({"content": text})
            case {"toolUse": {"input": str(text)}}:
                at = self._call_at(event)
                if text:
                    self._silent.discard(at)
                return _call({"index": self._calls[at], "function": {"arguments": text}})
            case {"reasoningContent": {"text": str(text)}}:
                return _chunk({"reasoning_content": text})
            case {"reasoningContent": {"signature": _}} | {"reasoningContent": {"redactedContent": _}}:
                return Ping()
            case _:
                raise Unreadable

    def _block_stop(self, event: Mapping[str, Any]) -> StreamItem:
        at = event.get("contentBlockIndex")
        if type(at) is not int:
            raise Unreadable
        if at not in self._silent:
            return Ping()
        # A call without arguments has no delta; OpenAI's clients parse what they were given.
        self._silent.discard(at)
        return _call({"index": self._calls[at], "function": {"arguments": "{}"}})

    def _call_at(self, event: Mapping[str, Any]) -> int:
        at = event.get("contentBlockIndex")
        if type(at) is not int or at not in self._calls:
            raise Unreadable
        return at


def _usage(event: Mapping[str, Any]) -> list[StreamItem]:
    usage = write_usage(event)
    return [] if usage is None else [_canonical({"choices": [], "usage": usage})]


def _call(call: Mapping[str, Any]) -> Chunk:
    return _chunk({"tool_calls": [call]})


def _chunk(delta: Mapping[str, Any], reason: str | None = None) -> Chunk:
    return _canonical({"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]})


def _canonical(own: Mapping[str, Any]) -> Chunk:
    value = {"id": "", "object": "chat.completion.chunk", "created": 0, "model": "", **own}
    return Chunk(value, write_json(value))
