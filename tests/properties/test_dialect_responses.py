"""Whatever a provider sends, a dialect reads it or says that it cannot: nothing else ever escapes.

From bytes of any kind, and from the golden answers and streams with pieces cut, doubled and exchanged, which come far
deeper into a reader than noise does.
"""

import contextlib
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.dialects.dialect import Chunk, Finishes, ProviderFailed, Unreadable
from extproc.dialects.registry import DIALECTS
from extproc.dialects.sse import EventTooLarge
from extproc.exchange.plain_body import FailedAttempt
from extproc.exchange.stream_body import StreamBody
from tests.aws_messages import event as aws_event
from tests.dialect_goldens import ANSWERS, STREAMS
from tests.unit.exchange.worlds import at_once, voice

EVENTS = ("messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata")
CLAIMS = (Unreadable, ProviderFailed, EventTooLarge)

_ODD: tuple[Callable[[], Any], ...] = (
    *(lambda: None, lambda: True, lambda: 0, lambda: -1, lambda: 1.5, lambda: float("inf"), lambda: float("nan")),
    *(lambda: "", lambda: "\ud800", lambda: "x", list, dict, lambda: [None], lambda: [[]], lambda: [{}]),
    *(lambda: {"": None}, lambda: 10**30, lambda: ["a", "b"], lambda: {"type": "text"}),
)


def mutate(value: Any, source: random.Random) -> Any:
    """The value with one place of it, anywhere, made into something else."""
    if isinstance(value, dict) and value and source.random() < 0.85:
        name = source.choice(list(value))
        if source.random() < 0.15:
            return {each: kept for each, kept in value.items() if each != name}
        return {**value, name: mutate(value[name], source)}
    if isinstance(value, list) and value and source.random() < 0.85:
        at = source.randrange(len(value))
        return [*value[:at], mutate(value[at], source), *value[at + 1 :]]
    return source.choice(_ODD)()


def shuffle(events: list[Any], source: random.Random) -> list[Any]:
    """A few events of a stream changed, cut, doubled or exchanged."""
    changed = list(events)
    for _ in range(source.randrange(1, 4)):
        at = source.randrange(len(changed)) if changed else 0
        match source.randrange(5) if changed else 4:
            case 0:
                del changed[at]
            case 1:
                changed.insert(at, changed[source.randrange(len(changed))])
            case 2:
                changed[at], changed[-1] = changed[-1], changed[at]
            case _ if changed:
                changed[at] = mutate(changed[at], source)
            case _:
                changed.append({})
    return changed


def wire(dialect: str, events: list[Any]) -> bytes:
    if dialect == "bedrock":
        pairs = [each for each in events if isinstance(each, (list, tuple)) and len(each) == 2]
        return b"".join(aws_event(kind if kind in EVENTS else "unknown", value) for kind, value in pairs)
    return b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in events)


def read_stream(dialect: str, data: bytes) -> None:
    reader = DIALECTS[dialect].open_stream()
    items = reader.feed(data)
    if isinstance(reader, Finishes) and not reader.has_rest:
        items += reader.finish()
    for item in items:
        assert not isinstance(item, Chunk) or item.raw is None or json.loads(item.raw) == item.value


def deliver(dialect: str, data: bytes) -> None:
    for wants_usage in (False, True):
        try:
            body = StreamBody(DIALECTS[dialect], voice(wants_usage=wants_usage).open_writer(), max_held_bytes=10**7)
            released = at_once(body.feed(data, is_last=True))
        except FailedAttempt:
            continue
        assert released.endswith(b"data: [DONE]\n\n")
        for block in released.split(b"\n\n"):
            if block.startswith(b"data: {"):
                assert isinstance(json.loads(block.removeprefix(b"data: ").decode()), dict)


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=200) | st.text().map(lambda text: ("data: " + text + "\n\n").encode(errors="replace")))
def test_noise_is_read_or_named(dialect: str, data: bytes) -> None:
    for read in (DIALECTS[dialect].read_answer, lambda noise: read_stream(dialect, noise)):
        try:
            read(data)
        except CLAIMS:
            continue
    deliver(dialect, data)


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=300, deadline=None)
@given(seed=st.integers(min_value=0, max_value=2**64))
def test_a_changed_answer_is_read_or_named(dialect: str, seed: int) -> None:
    source = random.Random(seed)  # noqa: S311 - changes a test's input, guards nothing
    body = json.dumps(mutate(source.choice(ANSWERS[dialect]), source)).encode()
    try:
        answer = DIALECTS[dialect].read_answer(body)
    except CLAIMS:
        return
    assert isinstance(json.loads(answer.body.decode()), dict)


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=300, deadline=None)
@given(seed=st.integers(min_value=0, max_value=2**64))
def test_a_changed_stream_is_read_or_named(dialect: str, seed: int) -> None:
    source = random.Random(seed)  # noqa: S311
    data = wire(dialect, shuffle(source.choice(STREAMS[dialect]), source))
    with contextlib.suppress(*CLAIMS):
        read_stream(dialect, data)
    deliver(dialect, data)


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=200), seed=st.integers(min_value=0, max_value=2**64))
def test_a_mistake_is_read_from_anything(dialect: str, data: bytes, seed: int) -> None:
    source = random.Random(seed)  # noqa: S311
    error = {"error": {"message": "m", "type": "t", "param": "p", "code": "c", "status": "s", "details": [{}]}}
    for body in (data, json.dumps(mutate(error, source)).encode(), json.dumps([mutate(error, source)]).encode()):
        DIALECTS[dialect].read_mistake(body)
