"""How a scripted provider of each dialect speaks: it answers, fails and breaks off as that provider would.

What is said stands in tests/golden/failover/<dialect>.json: ``answer`` and ``events`` are the provider's, ``canonical``
is what an OpenAI client must get of them; ``error`` is a failure's body, ``error_event`` one within a stream. The first
``silent_events`` say nothing of the answer. Which of it a provider plays is in the request's text; read ``yard`` next.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import aws_messages
from tests.e2e.provider import Turn

DIALECTS = ("openai", "azure", "anthropic", "bedrock", "vertex", "vertex-anthropic")
GOLDEN_DIRECTORY = Path(__file__).parents[1] / "golden" / "failover"
PROVIDER_WORDS = "secret words of theirs"
"""In every failure that a provider tells of. No client may hear them."""


@dataclass(frozen=True, slots=True)
class Speech:
    """One dialect's golden, and how its events are written."""

    dialect: str
    golden: Mapping[str, Any]

    @property
    def media(self) -> str:
        return "application/vnd.amazon.eventstream" if self.dialect == "bedrock" else "text/event-stream"

    def is_stream(self, turn: Turn) -> bool:
        """Whether a stream was asked for: some say it in the path, some in the body."""
        path = turn.request.line.split(" ")[1]
        if self.dialect in {"bedrock", "vertex"}:
            return path.endswith(("/converse-stream", ":streamGenerateContent?alt=sse"))
        return bool(turn.request.json.get("stream"))

    def event(self, value: Any) -> bytes:
        """One event of a stream, as it is on the wire."""
        if self.dialect == "bedrock":
            if "exception" in value:
                return aws_messages.exception(value["exception"], value["message"])
            return aws_messages.event(*value)
        data = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        name = f"event: {value['type']}\n".encode() if "anthropic" in self.dialect else b""
        return name + b"data: " + data + b"\n\n"


SPEECHES: Mapping[str, Speech] = {
    name: Speech(name, json.loads((GOLDEN_DIRECTORY / f"{name}.json").read_text())) for name in DIALECTS
}

Play = Callable[[Turn, Speech], Awaitable[None]]


async def answer(turn: Turn, speech: Speech) -> None:
    """All is well."""
    if speech.is_stream(turn):
        await say(turn, speech, speech.golden["events"])
        await turn.end()
    else:
        await turn.plain(json.dumps(speech.golden["answer"]).encode())


async def say(turn: Turn, speech: Speech, events: list[Any]) -> None:
    """The head of a stream and these events, each in a chunk of its own."""
    await turn.head(200, speech.media, "transfer-encoding: chunked")
    for value in events:
        await turn.chunk(speech.event(value))


async def before_a_word(turn: Turn, speech: Speech) -> None:
    """What comes before the first piece of an answer: events of a stream, or only the head of a plain one."""
    if speech.is_stream(turn):
        await say(turn, speech, speech.golden["events"][: speech.golden["silent_events"]])
    else:
        await turn.head(200, "application/json", "content-length: 100")


async def rate_limited(turn: Turn, speech: Speech) -> None:
    await turn.plain(json.dumps(speech.golden["error"]).encode(), 429, "retry-after: 30")


async def unavailable(turn: Turn, speech: Speech) -> None:
    await turn.plain(json.dumps(speech.golden["error"]).encode(), 503)


async def hang(turn: Turn, speech: Speech) -> None:
    del speech
    await turn.until_gone()


async def silence(turn: Turn, speech: Speech) -> None:
    await before_a_word(turn, speech)
    await turn.until_gone()


async def error_inside(turn: Turn, speech: Speech) -> None:
    """The status promises an answer and the body is a failure; a stream is held open after it."""
    if speech.is_stream(turn):
        await before_a_word(turn, speech)
        await turn.chunk(speech.event(speech.golden["error_event"]))
        await turn.until_gone()
    else:
        await turn.plain(json.dumps(speech.golden["error"]).encode())


PLAYS: Mapping[str, Play] = {
    "answer": answer,
    "429": rate_limited,
    "503": unavailable,
    "hang": hang,
    "silence": silence,
    "error": error_inside,
}
"""What a request's text can ask a provider to do. A refused connection needs no provider."""
