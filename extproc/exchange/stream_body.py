"""A stream of events, judged one by one. What is not a whole, readable event never moves on."""

from extproc.dialects import openai
from extproc.dialects.sse import EventTooLarge, SseReader
from extproc.dialects.strict_json import serialise
from extproc.exchange.plain_body import FailedAttempt
from extproc.model.exchange import Usage
from extproc.model.refusals import UPSTREAM_ERROR, UPSTREAM_INVALID, UPSTREAM_TOO_LARGE

_DONE = b"data: [DONE]\n\n"
_PING = b":\n\n"


class StreamBody:
    """Reads a provider's stream and gives the client's: same events, usage hidden where it was not asked for."""

    __slots__ = ("_has_spoken", "_held", "_is_done", "_max_held", "_reader", "_wants_usage", "is_answer", "usage")

    def __init__(self, *, wants_usage: bool, max_held_bytes: int) -> None:
        self._reader = SseReader()
        self._wants_usage = wants_usage
        self._max_held = max_held_bytes
        self._held = bytearray()
        self._has_spoken = False
        self._is_done = False
        self.usage: Usage | None = None
        self.is_answer = False

    def feed(self, data: bytes, *, is_last: bool) -> bytes:
        """The bytes that may go on now; nothing until the first event that says something.

        Raises:
            FailedAttempt: an error event, an unreadable event, or an end without [DONE].
        """
        try:
            events = self._reader.feed(data)
        except EventTooLarge:
            raise FailedAttempt(UPSTREAM_TOO_LARGE) from None
        for event in events:
            self._held += self._judge(event)
        if is_last:
            if not self._is_done or self._reader.has_rest:
                raise FailedAttempt(UPSTREAM_INVALID)
            self.is_answer = True
        elif not self._has_spoken:
            if len(self._held) > self._max_held:
                raise FailedAttempt(UPSTREAM_TOO_LARGE)
            return b""
        ready = bytes(self._held)
        self._held.clear()
        return ready

    def _judge(self, event: bytes) -> bytes:
        if not event:
            # A comment's text was never judged: only the fact that the provider is alive moves on.
            return _PING if self._has_spoken and not self._is_done else b""
        if self._is_done:
            return b""
        if event == b"[DONE]":
            self._is_done = True
            self._has_spoken = True
            return _DONE
        chunk = openai.read_object(event)
        if chunk is None:
            raise FailedAttempt(UPSTREAM_INVALID)
        if chunk.get("error"):
            raise FailedAttempt(UPSTREAM_ERROR)
        self._has_spoken = self._has_spoken or openai.says_something(chunk)
        if "usage" in chunk:
            self.usage = openai.read_usage(chunk) or self.usage
            if not self._wants_usage:
                if openai.is_usage_only(chunk):
                    return b""
                del chunk["usage"]
                event = serialise(chunk)
        if b"\n" in event:
            event = serialise(chunk)
        return b"data: " + event + b"\n\n"
