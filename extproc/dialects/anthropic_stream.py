"""Anthropic's event stream → canonical chunks.

    message_start (content_block_start content_block_delta* content_block_stop)* message_delta+ message_stop

``message_delta`` brings the reason to stop and the usage; ``message_stop`` says that the answer is whole, and the usage
goes out before it. Tool calls are counted among themselves: an index of Anthropic's counts every block. Signatures,
redacted thinking and why it stopped go aside. Event types and deltas that we do not know are ignored, as the API's
versioning rules ask of every client; so are citations.

Source: "Streaming messages" of the Claude documentation and the types of the anthropic SDK 2.12, read 2026-11.
Read next: ``anthropic_answer``.
"""

from dataclasses import dataclass, field
from typing import Any

from extproc.dialects.anthropic_answer import read_reason, read_refusal, read_stop, write_usage
from extproc.dialects.dialect import (
    Aside,
    Chunk,
    Done,
    Ping,
    ProviderFailed,
    StreamItem,
    Unreadable,
    text_or_none,
)
from extproc.dialects.provider_json import read_object, write_json
from extproc.dialects.sse import SseReader


@dataclass(slots=True)
class _Block:
    """An open block; the last three fields are a tool use's."""

    signature: str = ""
    call: int | None = None
    """Its number among the tool calls."""
    given: dict[str, Any] = field(default_factory=dict)
    """The input it began with, which stands if no piece of JSON follows."""
    has_arguments: bool = False


class AnthropicStream:
    """One response. See ``StreamReader``."""

    def __init__(self) -> None:
        self._reader = SseReader()
        self._has_begun = False
        self._id = ""
        self._model = ""
        self._usage: dict[str, Any] = {}
        self._blocks: dict[int, _Block] = {}
        """The open ones, by Anthropic's index."""
        self._calls = 0
        self._is_finished = False

    @property
    def has_rest(self) -> bool:
        """Whether bytes of an unfinished event are held."""
        return self._reader.has_rest

    def feed(self, data: bytes) -> list[StreamItem]:
        """See ``StreamReader``."""
        return [item for event in self._reader.feed(data) for item in self._read(event)]

    def _read(self, data: bytes) -> list[StreamItem]:
        if not data:
            return [Ping()]
        event = read_object(data)
        kind = text_or_none(event, "type")
        if event is None or kind is None:
            raise Unreadable
        if kind == "error":
            raise ProviderFailed
        if kind == "ping":
            return [Ping()]
        if kind == "message_start":
            return self._on_start(event.get("message"))
        handler = {
            "content_block_start": self._on_block,
            "content_block_delta": self._on_delta,
            "content_block_stop": self._on_block_end,
            "message_delta": self._on_message_delta,
            "message_stop": self._on_stop,
        }.get(kind)
        if handler is None:
            return []
        if not self._has_begun:
            raise Unreadable
        return handler(event)

    def _on_start(self, message: object) -> list[StreamItem]:
        if self._has_begun or not isinstance(message, dict):
            raise Unreadable
        self._has_begun = True
        self._id, self._model = text_or_none(message, "id") or "", text_or_none(message, "model") or ""
        self._count(message.get("usage"))
        return [self._chunk({"role": "assistant", "content": ""})]

    def _on_block(self, event: dict[str, Any]) -> list[StreamItem]:
        index = event.get("index")
        if type(index) is not int or index in self._blocks:
            raise Unreadable
        opened = self._blocks[index] = _Block()
        match event.get("content_block"):
            case {"type": "text", "text": str(text)}:
                return self._say("content", text)
            case {"type": "thinking", "thinking": str(text), **rest}:
                opened.signature = str(rest.get("signature") or "")
                return self._say("reasoning_content", text)
            case {"type": "redacted_thinking", "data": str(data)}:
                return [Aside({"redacted_thinking": data})]
            case {"type": "tool_use", "id": str(id_), "name": str(name), "input": dict(given)}:
                opened.call, opened.given, self._calls = self._calls, given, self._calls + 1
                return [self._call(opened.call, id_, name)]
            case {"type": "text" | "thinking" | "tool_use"}:
                raise Unreadable
            case {"type": str()}:
                return []
            case _:
                raise Unreadable

    def _on_delta(self, event: dict[str, Any]) -> list[StreamItem]:
        block = self._open_block(event)
        match event.get("delta"):
            case {"type": "text_delta", "text": str(text)}:
                return self._say("content", text)
            case {"type": "thinking_delta", "thinking": str(text)}:
                return self._say("reasoning_content", text)
            case {"type": "signature_delta", "signature": str(text)}:
                block.signature += text
                return []
            case {"type": "input_json_delta", "partial_json": str(text)}:
                return self._argue(block, text)
            case {"type": "text_delta" | "thinking_delta" | "input_json_delta"}:
                raise Unreadable
            case {"type": str()}:
                return []
            case _:
                raise Unreadable

    def _on_block_end(self, event: dict[str, Any]) -> list[StreamItem]:
        block = self._open_block(event)
        del self._blocks[event["index"]]
        if block.signature:
            return [Aside({"signature": block.signature})]
        # OpenAI's clients parse the arguments whatever they are, so there must be some.
        return [] if block.has_arguments else self._argue(block, write_json(block.given).decode())

    def _open_block(self, event: dict[str, Any]) -> _Block:
        index = event.get("index")
        if type(index) is not int or index not in self._blocks:
            raise Unreadable
        return self._blocks[index]

    def _on_message_delta(self, event: dict[str, Any]) -> list[StreamItem]:
        delta = event.get("delta")
        if not isinstance(delta, dict):
            raise Unreadable
        self._count(event.get("usage"))
        reason = read_reason(delta)
        if reason is None or self._is_finished:
            return []
        self._is_finished = True
        refusal = {"refusal": read_refusal(delta)} if reason == "content_filter" else {}
        return [Aside({"stop": read_stop(delta)}), self._chunk(refusal, reason)]

    def _on_stop(self, _: dict[str, Any]) -> list[StreamItem]:
        if not self._is_finished or self._blocks:
            raise Unreadable
        usage = write_usage(self._usage) if self._usage else None
        if usage is None:
            return [Done()]
        return [Chunk({**self._frame(), "choices": [], "usage": usage}), Done()]

    def _count(self, usage: object) -> None:
        # The counts of later events are the totals so far; those that an event leaves out stand.
        if isinstance(usage, dict):
            self._usage |= {name: count for name, count in usage.items() if count is not None}

    def _say(self, field: str, text: str) -> list[StreamItem]:
        return [self._chunk({field: text})] if text else []

    def _argue(self, block: _Block, text: str) -> list[StreamItem]:
        if block.call is None or not text:
            return []
        block.has_arguments = True
        return [self._chunk({"tool_calls": [{"index": block.call, "function": {"arguments": text}}]})]

    def _call(self, number: int, id_: str, name: str) -> Chunk:
        function = {"name": name, "arguments": ""}
        return self._chunk({"tool_calls": [{"index": number, "id": id_, "type": "function", "function": function}]})

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> Chunk:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return Chunk({**self._frame(), "choices": [choice]})

    def _frame(self) -> dict[str, Any]:
        return {"id": self._id, "object": "chat.completion.chunk", "created": 0, "model": self._model}
