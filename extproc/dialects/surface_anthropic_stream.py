"""Canonical chunks → Anthropic's event stream.

    message_start (content_block_start content_block_delta* content_block_stop)* message_delta message_stop

One block is open at a time; what is of another kind, or of another call, closes it. Usage is known only at the end, so
``message_start`` counts nothing and ``message_delta`` everything, which is where the SDKs look. ``message_stop`` is
said only for Done: a provider said that its answer is whole. The arguments of a call must be a JSON object by then,
unless the limit of tokens cut them; and a call that was closed cannot be gone on with.

Source: "Streaming messages" of the Claude documentation and ``lib/streaming`` of the anthropic SDK 2.12, read 2026-11.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from extproc.dialects.dialect import Aside, Chunk, Done, Ping, StreamItem, Unreadable
from extproc.dialects.provider_json import read_object, write_json
from extproc.dialects.surface import Asked
from extproc.dialects.surface_anthropic_answer import (
    NO_STOP,
    Block,
    keepsake_of,
    read_thought,
    thinking,
    write_frame,
    write_stop,
    write_usage,
)


@dataclass(slots=True)
class _Open:
    """The open block."""

    kind: str
    call: int | None = None
    """The canonical index of its call."""
    arguments: list[str] = field(default_factory=list)


class AnthropicWriter:
    """One message. See ``StreamWriter``."""

    __slots__ = ("_asked", "_calls", "_has_begun", "_index", "_open", "_reason", "_said", "_stop", "_usage")

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._has_begun = False
        self._index = -1
        self._open: _Open | None = None
        self._calls: set[int] = set()
        self._said: Block = {}
        self._reason: str | None = None
        self._stop: Mapping[str, Any] | None = None
        self._usage: object = None

    def write(self, item: StreamItem) -> bytes:
        """See ``StreamWriter``."""
        match item:
            case Chunk(value):
                return b"".join(self._chunk(value))
            case Aside(value):
                return b"".join(self._aside(value))
            case Ping():
                return _event({"type": "ping"})
            case Done():
                return b"".join(self._done())
            case _:
                assert_never(item)

    def _chunk(self, chunk: Mapping[str, Any]) -> list[bytes]:
        self._usage = chunk.get("usage") or self._usage
        events = self._begin(chunk.get("id"))
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return events
        delta = choice.get("delta")
        if isinstance(delta, dict):
            events += self._delta(delta)
        reason = choice.get("finish_reason")
        if isinstance(reason, str):
            self._reason = reason
        return events

    def _delta(self, delta: Block) -> list[bytes]:
        events: list[bytes] = []
        if thought := read_thought(delta):
            events += self._go_on("thinking", thinking("", ""))
            events.append(self._say({"type": "thinking_delta", "thinking": thought}))
        # Anthropic tells why it refused in the reason to stop, others in words for the reader.
        refusal = delta.get("refusal") if self._stop is None else None
        for text in (delta.get("content"), refusal):
            if text and isinstance(text, str):
                events += self._go_on("text", {"type": "text", "text": ""})
                events.append(self._say({"type": "text_delta", "text": text}))
        if refusal:
            self._said["refusal"] = refusal
        calls = delta.get("tool_calls") or []
        if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
            raise Unreadable
        for block in keepsake_of(calls):
            events += [*self._start("redacted", block), *self._close()]
        for call in calls:
            events += self._call(call)
        return events

    def _call(self, call: Block) -> list[bytes]:
        number, function = call.get("index", 0), call.get("function")
        if type(number) is not int or not isinstance(function, dict):
            raise Unreadable
        events: list[bytes] = []
        if number not in self._calls:
            match call.get("id"), function.get("name"):
                case str(id_), str(name):
                    block = {"type": "tool_use", "id": id_, "name": name, "input": {}}
                case _:
                    raise Unreadable
            events = self._start("tool_use", block)
            self._calls.add(number)
            self._said["tool_calls"] = True
            if self._open is not None:
                self._open.call = number
        opened = self._open
        if opened is None or opened.call != number:
            raise Unreadable
        arguments = function.get("arguments")
        if arguments and isinstance(arguments, str):
            opened.arguments.append(arguments)
            events.append(self._say({"type": "input_json_delta", "partial_json": arguments}))
        return events

    def _aside(self, value: Mapping[str, Any]) -> list[bytes]:
        events = self._begin(None)
        match value:
            case {"signature": signature}:
                # Thinking that is not shown has a signature all the same.
                events += self._go_on("thinking", thinking("", ""))
                events.append(self._say({"type": "signature_delta", "signature": signature}))
                events += self._close()
            case {"redacted_thinking": data}:
                events += [*self._start("redacted", {"type": "redacted_thinking", "data": data}), *self._close()]
            case {"stop": stop}:
                self._stop = stop
        return events

    def _done(self) -> list[bytes]:
        events = [*self._begin(None), *self._close()]
        stop = self._stop or write_stop(self._reason, self._said)
        usage = write_usage(self._usage)
        return [
            *events,
            _event({"type": "message_delta", "delta": dict(stop), "usage": usage}),
            _event({"type": "message_stop"}),
        ]

    def _begin(self, canonical_id: object) -> list[bytes]:
        if self._has_begun:
            return []
        self._has_begun = True
        message = {**write_frame(canonical_id, self._asked), "content": [], **NO_STOP, "usage": write_usage(None)}
        return [_event({"type": "message_start", "message": message})]

    def _go_on(self, kind: str, block: Block) -> list[bytes]:
        """Have a block of this kind open."""
        return [] if self._open is not None and self._open.kind == kind else self._start(kind, block)

    def _start(self, kind: str, block: Block) -> list[bytes]:
        events = self._close()
        self._index += 1
        self._open = _Open(kind)
        return [*events, _event({"type": "content_block_start", "index": self._index, "content_block": block})]

    def _close(self) -> list[bytes]:
        opened, self._open = self._open, None
        if opened is None:
            return []
        if opened.arguments and self._reason != "length" and read_object("".join(opened.arguments).encode()) is None:
            raise Unreadable
        return [_event({"type": "content_block_stop", "index": self._index})]

    def _say(self, delta: Block) -> bytes:
        return _event({"type": "content_block_delta", "index": self._index, "delta": delta})


def _event(value: Block) -> bytes:
    return f"event: {value['type']}\ndata: ".encode() + write_json(value) + b"\n\n"
