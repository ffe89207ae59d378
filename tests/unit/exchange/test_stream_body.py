import pytest

from extproc.dialects.openai import OpenAi
from extproc.exchange.plain_body import FailedAttempt
from extproc.exchange.stream_body import StreamBody
from extproc.model.refusals import UPSTREAM_INVALID, UPSTREAM_TOO_LARGE
from tests.unit.exchange.test_delivery import DONE, ROLE, STOP, USAGE, WORD, event


def stream(max_held_bytes: int = 10_000) -> StreamBody:
    return StreamBody(OpenAi(), wants_usage=False, max_held_bytes=max_held_bytes)


def test_nothing_is_ready_until_something_is_said() -> None:
    body = stream()
    assert body.feed(event(ROLE), is_last=False) == b""
    assert body.feed(event(WORD), is_last=False) == event(ROLE) + event(WORD)
    assert body.feed(event(STOP), is_last=False) == event(STOP)


def test_an_empty_answer_is_an_answer_once_it_is_done() -> None:
    body = stream()
    assert body.feed(event(ROLE) + event(USAGE) + event(DONE), is_last=True) == event(ROLE) + event(DONE)
    assert body.is_answer


def test_what_is_held_is_bounded() -> None:
    body = stream(max_held_bytes=100)
    with pytest.raises(FailedAttempt) as caught:
        body.feed(event({**ROLE, "padding": "x" * 200}), is_last=False)
    assert caught.value.kind is UPSTREAM_TOO_LARGE


@pytest.mark.parametrize("rest", [b"", event(WORD), event(DONE) + b"data: half"])
def test_an_end_without_done_is_no_end(rest: bytes) -> None:
    body = stream()
    with pytest.raises(FailedAttempt) as caught:
        body.feed(event(WORD) + rest, is_last=True)
    assert caught.value.kind is UPSTREAM_INVALID
    assert not body.is_answer


def test_an_event_of_several_lines_becomes_one() -> None:
    assert (
        stream()
        .feed(b'data: {"choices":\ndata: []}\n\n' + event(WORD), is_last=False)
        .startswith(b'data: {"choices":[]}\n\n')
    )
