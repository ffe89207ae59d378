"""Server-sent events, read incrementally. Source: WHATWG HTML, "Server-sent events", 2024."""

from dataclasses import dataclass, field

MAX_EVENT_BYTES = 8 * 1024 * 1024


class EventTooLarge(Exception):  # noqa: N818 - reads as a claim
    """One event is larger than MAX_EVENT_BYTES: the provider is broken or hostile."""


@dataclass(slots=True)
class SseReader:
    """Feed bytes in any split, get whole events.

    An event is its ``data`` lines joined by newlines; events without data (comments, pings) come out as ``b""``.
    A started event at the end of the stream is not an event (the standard discards it); ``has_rest`` tells.
    """

    _buffer: bytearray = field(default_factory=bytearray)
    _scanned: int = 0
    _is_start: bool = True

    def feed(self, data: bytes) -> list[bytes]:
        """The events that became whole with these bytes.

        Raises:
            EventTooLarge: the buffer would outgrow one event's limit.
        """
        buffer = self._buffer
        buffer += data
        events: list[bytes] = []
        if self._is_start and len(buffer) >= len(_BOM):
            self._is_start = False
            if buffer.startswith(_BOM):
                del buffer[: len(_BOM)]
        consumed = 0
        search = max(self._scanned, 0)
        while (end := _event_end(buffer, consumed, max(search, consumed))) is not None:
            block_end, consumed_to = end
            events.append(_data_of(bytes(buffer[consumed:block_end])))
            consumed = consumed_to
        if consumed:
            del buffer[:consumed]
        # A separator is at most four bytes; what lies before cannot become one.
        self._scanned = max(len(buffer) - 4, 0)
        if len(buffer) > MAX_EVENT_BYTES:
            raise EventTooLarge
        return events

    @property
    def has_rest(self) -> bool:
        """Whether bytes of an unfinished event are held."""
        return bool(self._buffer.strip())


_BOM = b"\xef\xbb\xbf"


def _event_end(buffer: bytearray, start: int, search: int) -> tuple[int, int] | None:
    """Where the first blank line at or after ``search`` is: (end of the event's lines, start of the next event)."""
    # The usual separator is tried first; mixed line ends (CRLF, CR) are rare and handled by the same comparison.
    best: tuple[int, int] | None = None
    for separator in (b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n", b"\r\n\n"):
        at = buffer.find(separator, max(search - len(separator), start))
        if at >= 0 and (best is None or at < best[0]):
            best = (at, at + len(separator))
    return best


def _data_of(block: bytes) -> bytes:
    if block.startswith(b"data: ") and b"\n" not in block and b"\r" not in block:
        return block[6:]
    lines = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    data = []
    for line in lines:
        if line.startswith(b"data:"):
            value = line[5:]
            data.append(value.removeprefix(b" "))
        elif line == b"data":
            data.append(b"")
    return b"\n".join(data)
