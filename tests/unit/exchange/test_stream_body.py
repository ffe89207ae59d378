import json

import pytest

from extproc.dialects.dialect import Chunk, Done, ProviderFailed, StreamItem, StreamReader
from extproc.dialects.openai import OpenAi, OpenAiStream
from extproc.exchange.plain_body import FailedAttempt
from extproc.exchange.stream_body import StreamBody
from extproc.model.exchange import Usage
from extproc.model.refusals import UPSTREAM_ERROR, UPSTREAM_INVALID, UPSTREAM_TOO_LARGE
from tests.unit.exchange.test_delivery import DONE, ROLE, STOP, USAGE, WORD, event
from tests.unit.exchange.worlds import at_once, voice


def stream(max_held_bytes: int = 10_000) -> StreamBody:
    return StreamBody(OpenAi(), voice(wants_usage=False).open_writer(), max_held_bytes=max_held_bytes)


def test_nothing_is_ready_until_something_is_said() -> None:
    body = stream()
    assert at_once(body.feed(event(ROLE), is_last=False)) == b""
    assert at_once(body.feed(event(WORD), is_last=False)) == event(ROLE) + event(WORD)
    assert at_once(body.feed(event(STOP), is_last=False)) == event(STOP)


def test_an_empty_answer_is_an_answer_once_it_is_done() -> None:
    body = stream()
    assert at_once(body.feed(event(ROLE) + event(USAGE) + event(DONE), is_last=True)) == event(ROLE) + event(DONE)
    assert body.is_answer


def test_what_is_held_is_bounded() -> None:
    body = stream(max_held_bytes=100)
    with pytest.raises(FailedAttempt) as caught:
        at_once(body.feed(event({**ROLE, "padding": "x" * 200}), is_last=False))
    assert caught.value.kind is UPSTREAM_TOO_LARGE


@pytest.mark.parametrize("rest", [b"", event(WORD), event(DONE) + b"data: half"])
def test_an_end_without_done_is_no_end(rest: bytes) -> None:
    body = stream()
    with pytest.raises(FailedAttempt) as caught:
        at_once(body.feed(event(WORD) + rest, is_last=True))
    assert caught.value.kind is UPSTREAM_INVALID
    assert not body.is_answer


def test_an_event_of_several_lines_becomes_one() -> None:
    ready = at_once(stream().feed(b'data: {"choices":\ndata: []}\n\n' + event(WORD), is_last=False))
    assert ready.startswith(b'data: {"choices":[]}\n\n')


class Unmarked(OpenAi):
    """A dialect without an end marker; ``ending`` is what its reader makes of the body's end."""

    def __init__(self, ending: list[StreamItem] | ProviderFailed) -> None:
        self.ending = ending

    def open_stream(self) -> StreamReader:
        return UnmarkedStream(self.ending)


class UnmarkedStream(OpenAiStream):
    def __init__(self, ending: list[StreamItem] | ProviderFailed) -> None:
        super().__init__()
        self.ending = ending

    def finish(self) -> list[StreamItem]:
        if isinstance(self.ending, ProviderFailed):
            raise self.ending
        return self.ending


def unmarked(ending: list[StreamItem] | ProviderFailed) -> StreamBody:
    return StreamBody(Unmarked(ending), voice(wants_usage=False).open_writer(), max_held_bytes=10_000)


def test_a_dialect_without_an_end_marker_says_at_the_bodys_end_that_its_answer_is_whole() -> None:
    body = unmarked([Chunk(STOP, json.dumps(STOP).encode()), Done()])
    assert at_once(body.feed(event(WORD), is_last=False)) == event(WORD)
    assert at_once(body.feed(b"", is_last=True)) == event(STOP) + event(DONE)
    assert body.is_answer


@pytest.mark.parametrize(
    ("ending", "rest", "kind"),
    [
        ([], b"", UPSTREAM_INVALID),
        ([Chunk(STOP)], b"", UPSTREAM_INVALID),
        ([Done()], b"data: half", UPSTREAM_INVALID),
        (ProviderFailed(), b"", UPSTREAM_ERROR),
    ],
)
def test_without_its_reader_saying_so_no_answer_is_whole(
    ending: list[StreamItem] | ProviderFailed, rest: bytes, kind: object
) -> None:
    body = unmarked(ending)
    with pytest.raises(FailedAttempt) as caught:
        at_once(body.feed(event(WORD) + rest, is_last=True))
    assert caught.value.kind is kind
    assert not body.is_answer


def test_the_text_of_a_stream_is_counted_chunk_by_chunk() -> None:
    body = stream()
    at_once(body.feed(event(ROLE) + event(WORD) + event(WORD), is_last=False))
    assert body.answer_bytes == 2 * len("hi")


@pytest.mark.parametrize("later", [{"prompt_tokens": 0, "completion_tokens": 0}, {"prompt_tokens": -1}, None, "none"])
def test_usage_that_was_told_is_not_taken_back(later: object) -> None:
    body = stream()
    at_once(body.feed(event(WORD) + event(USAGE) + event({**USAGE, "usage": later}), is_last=False))
    assert body.usage == Usage(3, 2)
    assert body.usage_shrank is (isinstance(later, dict) and later["prompt_tokens"] == 0)


def test_usage_that_runs_along_counts_at_its_end() -> None:
    body = stream()
    running = [{**USAGE, "usage": {"prompt_tokens": 3, "completion_tokens": made}} for made in (1, 2, 7)]
    at_once(body.feed(event(WORD) + b"".join(map(event, running)), is_last=False))
    assert (body.usage, body.usage_shrank) == (Usage(3, 7), False)
