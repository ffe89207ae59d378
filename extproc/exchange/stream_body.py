"""A stream of events, read one by one and judged as a text. What is not a whole, readable event never moves on."""

from extproc.dialects import openai
from extproc.dialects.answer_size import answer_bytes
from extproc.dialects.dialect import Chunk, Dialect, Done, Finishes, Ping, ProviderFailed, StreamItem, Unreadable
from extproc.dialects.sse import EventTooLarge
from extproc.dialects.surface import StreamWriter
from extproc.exchange.keeping import Keeper
from extproc.exchange.output_guard import OutputGuard, Stopped
from extproc.exchange.plain_body import FailedAttempt
from extproc.model.exchange import Usage
from extproc.model.refusals import UPSTREAM_ERROR, UPSTREAM_INVALID, UPSTREAM_TOO_LARGE


class StreamBody:
    """Reads a provider's stream and gives the client's, as its surface writes it."""

    __slots__ = (
        "_guard",
        "_has_spoken",
        "_held",
        "_is_done",
        "_keeper",
        "_max_held",
        "_reader",
        "_writer",
        "answer_bytes",
        "has_begun",
        "is_answer",
        "usage",
        "usage_shrank",
    )

    def __init__(
        self,
        dialect: Dialect,
        writer: StreamWriter,
        *,
        max_held_bytes: int,
        guard: OutputGuard | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        self._guard = guard
        self._keeper = keeper
        self._reader = dialect.open_stream()
        self._writer = writer
        self._max_held = max_held_bytes
        self._held = bytearray()
        self._has_spoken = False
        self._is_done = False
        self.usage: Usage | None = None
        self.usage_shrank = False
        self.answer_bytes = 0
        self.has_begun = False
        """Whether the provider has said something, be it that all of it is still held."""
        self.is_answer = False

    async def feed(self, data: bytes, *, is_last: bool) -> bytes:
        """The bytes that may go on now; nothing until the first chunk that says something.

        Raises:
            FailedAttempt: an error event, an unreadable event, an end before the provider's own, or a no of policy.
        """
        for item in await self._judged(self._read(data, is_last=is_last)):
            try:
                self._held += self._write(item)
            except Unreadable:
                raise FailedAttempt(UPSTREAM_INVALID) from None
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

    def _read(self, data: bytes, *, is_last: bool) -> list[StreamItem]:
        try:
            items = self._reader.feed(data)
            if is_last and isinstance(self._reader, Finishes) and not self._reader.has_rest:
                items += self._reader.finish()
        except EventTooLarge:
            raise FailedAttempt(UPSTREAM_TOO_LARGE) from None
        except Unreadable:
            raise FailedAttempt(UPSTREAM_INVALID) from None
        except ProviderFailed:
            raise FailedAttempt(UPSTREAM_ERROR) from None
        return [item for item in items if self._hear(item)]

    async def _judged(self, items: list[StreamItem]) -> list[StreamItem]:
        if self._guard is None or not items:
            return items
        try:
            ready = await self._guard.stream(items)
        except Stopped as stopped:
            raise FailedAttempt(stopped.kind, is_final=True) from None
        if self._guard.held_chars > self._max_held:
            raise FailedAttempt(UPSTREAM_TOO_LARGE)
        return ready

    def _hear(self, item: StreamItem) -> bool:
        """Count what the provider says; whether it is to be passed on."""
        if self._is_done:
            return False
        if self._keeper is not None:
            self._keeper.hear(item)
        match item:
            case Done():
                self._is_done = self.has_begun = True
            case Chunk(value):
                self.has_begun = self.has_begun or openai.says_something(value)
                self.answer_bytes += answer_bytes(value, "delta")
                if "usage" in value:
                    self._hear_usage(openai.read_usage(value))
            case _:
                pass
        return True

    def _write(self, item: StreamItem) -> bytes:
        match item:
            case Ping() if not self._has_spoken:
                return b""
            case Done():
                self._has_spoken = True
            case Chunk(value):
                self._has_spoken = self._has_spoken or openai.says_something(value)
            case _:
                pass
        return self._writer.write(item)

    def _hear_usage(self, told: Usage | None) -> None:
        """Keep the largest where usage is told more than once: it only grows, so a smaller one takes nothing back."""
        if told is None:
            return
        if self.usage is None or _tokens(told) >= _tokens(self.usage):
            self.usage = told
        else:
            self.usage_shrank = True


def _tokens(usage: Usage) -> int:
    return usage.input_tokens + usage.output_tokens
