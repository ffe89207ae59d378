"""A canary in any string or key of any answer that is known here never reaches a client of either dialect."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from extproc.dialects.registry import DIALECTS
from extproc.exchange.output_guard import OutputGuard
from extproc.exchange.plain_body import FailedAttempt, PlainBody
from extproc.exchange.stream_body import StreamBody
from extproc.model.guard_policy import Action
from extproc.model.refusals import COMPLETION_BLOCKED
from tests.aws_messages import event as aws_event
from tests.guard_world import CANARY, guard, words
from tests.unit.exchange.worlds import voice

GOLDEN = Path(__file__).parents[1] / "golden"
PLACES = ("openai", "azure", "anthropic", "bedrock", "vertex")
PLAIN, STREAMED = ("answer", "response"), ("events", "stream")
SURFACES = ("openai", "anthropic")
Case = tuple[str, str, Any]


def cases(names: tuple[str, ...]) -> Iterator[Case]:
    for dialect in PLACES:
        for path in sorted((GOLDEN / dialect).glob("*.json")):
            golden = json.loads(path.read_text())
            for name in names:
                if name in golden and not (dialect == "vertex" and name == "answer"):
                    yield dialect, f"{dialect}/{path.stem}", golden[name]
    for path in sorted((GOLDEN / "failover").glob("*.json")):
        golden = json.loads(path.read_text())
        for name in names:
            if name in golden:
                yield path.stem, f"failover/{path.stem}", golden[name]


def spots(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], bool]]:
    """The way to every string, and to every key."""
    if isinstance(value, str):
        yield place, False
    elif isinstance(value, dict):
        for name, each in value.items():
            yield (*place, name), True
            yield from spots(each, (*place, name))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from spots(each, (*place, index))


def spoiled(value: Any, place: tuple[Any, ...], *, is_key: bool) -> Any:
    """The same with the canary there; a key is added beside the one that is meant."""
    result = copy.deepcopy(value)
    box = result
    for step in place[:-1]:
        box = box[step]
    if is_key:
        box[f"x {CANARY}"] = box[place[-1]]
    else:
        box[place[-1]] += CANARY
    return result


def written(dialect: str, events: list[Any]) -> bytes:
    if dialect == "bedrock":
        return b"".join(aws_event(*each) for each in events)
    return b"".join(
        b"data: " + (each if isinstance(each, str) else json.dumps(each)).encode() + b"\n\n" for each in events
    )


async def told(dialect: str, value: Any, surface: str, through: OutputGuard | None, *, is_stream: bool) -> bytes:
    """What a client gets.

    Raises:
        FailedAttempt
    """
    speaking = voice(wants_usage=True, surface=surface)
    if not is_stream:
        plain = PlainBody(DIALECTS[dialect], speaking, 200, 1 << 24, guard=through)
        return await plain.feed(json.dumps(value).encode(), is_last=True)
    body = StreamBody(DIALECTS[dialect], speaking.open_writer(), max_held_bytes=1 << 24, guard=through)
    return await body.feed(written(dialect, value), is_last=True)


async def blocked(case: Case, *, is_stream: bool) -> int:
    """How many canaries were stopped; fails where one was not."""
    dialect, _, value = case
    count = 0
    for place, is_key in spots(value):
        bad = spoiled(value, place, is_key=is_key)
        for surface in SURFACES:
            try:
                data = await told(dialect, bad, surface, guard(words(Action.BLOCK)), is_stream=is_stream)
            except FailedAttempt as failed:
                count += failed.kind is COMPLETION_BLOCKED
                continue
            assert CANARY.encode() not in data, place
    return count


@pytest.mark.parametrize("case", [*cases(PLAIN)], ids=lambda case: case[1])
async def test_no_string_of_a_plain_answer_is_unjudged(case: Case) -> None:
    assert await blocked(case, is_stream=False) >= 2


@pytest.mark.parametrize("case", [*cases(STREAMED)], ids=lambda case: case[1])
async def test_no_string_of_a_stream_is_unjudged(case: Case) -> None:
    assert await blocked(case, is_stream=True) >= 2


@pytest.mark.parametrize("case", [*cases(STREAMED), *cases(PLAIN)], ids=lambda case: case[1])
@pytest.mark.parametrize("surface", SURFACES)
async def test_what_is_harmless_is_delivered_as_without_a_guard(case: Case, surface: str) -> None:
    dialect, _, value = case
    is_stream = isinstance(value, list)
    said = []
    for through in (None, guard(words(Action.BLOCK))):
        try:
            data = await told(dialect, copy.deepcopy(value), surface, through, is_stream=is_stream)
            said.append(values(data, is_stream=is_stream))
        except FailedAttempt as failed:
            said.append([failed.kind])
    assert said[0] == said[1]


def values(data: bytes, *, is_stream: bool) -> list[Any]:
    if not is_stream:
        return [json.loads(data)]
    lines = [line.removeprefix("data: ") for line in data.decode().splitlines() if line.startswith("data: ")]
    said = [json.loads(line) if line.startswith("{") else line for line in lines]
    # A ping waits for nothing, so it may come before what is held.
    return [each for each in said if each != {"type": "ping"}]
