import json
from dataclasses import replace
from typing import Any

import pytest

from extproc.adapters.memory_guard import MemoryRuleRunner
from extproc.exchange.delivery import Delivery
from extproc.exchange.events import (
    Break,
    DeliveryAction,
    ReleaseHead,
    Reply,
    ResponseChunk,
    ResponseTrailers,
    Send,
    TimedOut,
)
from extproc.model.exchange import Usage
from extproc.model.guard import Result
from extproc.model.guard_policy import Action, Check
from extproc.model.ids import DeploymentName
from tests.guard_world import CANARY, guard, words
from tests.unit.exchange.test_delivery import ANSWER, DONE, MAX_BYTES, STOP, USAGE, code, context, event, head, sent


def guarded(
    *checks: Check, is_stream: bool = True, deployments: int = 1, surface: str = "openai", **more: Any
) -> Delivery:
    """A delivery whose answer is judged."""
    spoken = replace(context(is_stream=is_stream, deployments=deployments), surface=surface)
    return Delivery(spoken, DeploymentName("d0"), 1, MAX_BYTES, guard(*checks, **more))


def tell(text: str) -> ResponseChunk:
    return ResponseChunk(event({"choices": [{"index": 0, "delta": {"content": text}}]}), is_last=False)


async def run(door: Delivery, *events: object) -> list[DeliveryAction]:
    return [action for each in events for action in await door.handle(each)]  # type: ignore[arg-type]


async def test_a_judged_stream_is_delivered_whole_and_every_byte_of_it_counted() -> None:
    door = guarded(words(Action.BLOCK))
    actions = await run(door, head(), ResponseChunk(ANSWER, is_last=True))
    assert [each["choices"][0]["delta"] for each in map(json.loads, sent(actions).decode().split("data: ")[1:3])] == [
        {"role": "assistant", "content": ""},
        {"content": "hi"},
    ]
    assert (door.record.is_complete, door.record.judged_bytes) == (True, len(sent(actions)))
    assert [verdict.result for verdict in door.record.verdicts] == [Result.CLEAN]


async def test_nothing_of_a_blocked_answer_goes_nor_is_anybody_else_asked() -> None:
    plain = guarded(words(Action.BLOCK), is_stream=False, deployments=2)
    body = json.dumps({"choices": [{"index": 0, "message": {"content": CANARY}}], "usage": USAGE["usage"]}).encode()
    actions = await run(plain, head(200, "application/json"), ResponseChunk(body, is_last=True))
    assert code(actions) == (400, "completion_blocked")
    assert (plain.record.usage, plain.record.failure) == (Usage(3, 2), "completion_blocked")
    assert plain.record.verdicts[0].result is Result.BLOCKED
    assert plain.record.is_complete
    stream = guarded(words(Action.BLOCK), deployments=2)
    assert code(await run(stream, head(), tell("so: "), tell(CANARY + " " * 99))) == (400, "completion_blocked")
    assert stream.record.answer_bytes == len("so: ") + len(CANARY) + 99


@pytest.mark.parametrize("surface", ["openai", "anthropic"])
async def test_a_block_in_mid_stream_is_an_event_and_a_break(surface: str) -> None:
    door = guarded(words(Action.BLOCK), surface=surface)
    early = await run(door, head(), tell("harmless words, " * 9), tell("and more, " * 20))
    assert b"harmless" in sent(early)
    *_, told, end = await run(door, tell(CANARY), tell(" and more" * 20))
    assert isinstance(told, Send)
    assert b"completion_blocked" in told.data
    assert CANARY.encode() not in told.data
    assert end == Break("completion_blocked")
    assert door.record.judged_bytes == len(sent(early)) + len(told.data)


async def test_a_scanner_that_is_down_closes_before_anything_goes() -> None:
    door = guarded(words(Action.BLOCK), runner=MemoryRuleRunner(is_down=True))
    assert code(await run(door, head(), ResponseChunk(ANSWER, is_last=True))) == (503, "scanner_unavailable")
    assert [verdict.result for verdict in door.record.verdicts] == [Result.FAILED_CLOSED]


async def test_what_is_held_is_bounded() -> None:
    door = guarded(words(Action.BLOCK, "x" * 200_000))
    text = "harmless words, " * 500
    actions: list[DeliveryAction] = await run(door, head())
    for _ in range(MAX_BYTES // len(text) + 1):
        actions += await run(door, tell(text))
    assert code(actions) == (502, "upstream_response_too_large")


async def test_the_head_waits_no_longer_than_its_moment_for_text_that_is_held() -> None:
    door = guarded(words(Action.BLOCK))
    assert await run(door, head(), tell("hi")) == []
    assert door.is_held_back
    (released,) = await run(door, TimedOut())
    assert isinstance(released, ReleaseHead)
    assert (door.is_flowing, door.has_sent) == (True, False)
    rest = await run(door, ResponseChunk(event(STOP) + event(DONE), is_last=True))
    assert b'"hi"' in sent(rest)
    assert door.has_sent


async def test_an_attempt_that_is_given_up_leaves_no_verdicts() -> None:
    door = guarded(words(Action.BLOCK), deployments=2)
    await run(door, head(), tell("held " * 30), ResponseChunk(event({"error": {"message": "x"}}), is_last=False))
    assert (door.record.failure, door.record.verdicts) == ("upstream_error", ())


async def test_a_providers_own_headers_do_not_pass_beside_a_judged_answer() -> None:
    body = b'{"choices":[{"index":0,"message":{"content":"hi"}}]}'
    named = head(200, "application/json; charset=canary", ("retry-after", "canary"), ("date", "canary"))
    released, _ = await run(guarded(words(Action.BLOCK), is_stream=False), named, ResponseChunk(body, is_last=True))
    assert released == ReleaseHead(None, (("content-type", "application/json"),), ("retry-after", "date"))


async def test_a_providers_mistake_is_not_told_where_it_quotes_what_may_not_be_said() -> None:
    body = json.dumps({"error": {"message": f"no: {CANARY}", "param": CANARY}}).encode()
    door = guarded(words(Action.BLOCK), is_stream=False)
    (reply,) = await run(door, head(400, "application/json"), ResponseChunk(body, is_last=True))
    assert isinstance(reply, Reply)
    assert CANARY.encode() not in reply.body
    assert (json.loads(reply.body)["error"]["param"], door.record.verdicts) == (None, ())


async def test_a_blocked_answer_that_ends_with_trailers_is_a_reply_and_nothing_more() -> None:
    body = json.dumps({"choices": [{"index": 0, "message": {"content": CANARY}}]}).encode()
    door = guarded(words(Action.BLOCK), is_stream=False)
    actions = await run(
        door, head(200, "application/json"), ResponseChunk(body, is_last=False), ResponseTrailers(("x",))
    )
    assert code(actions) == (400, "completion_blocked")
