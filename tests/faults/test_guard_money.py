"""An answer that policy stops was made all the same: it costs what was made of it, once."""

import asyncio
import json
import threading
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.provider import Turn, word
from tests.e2e.rig import chat, error_code
from tests.faults.money_world import COST, TOKENS, World, ask, budget, eventually_held, run_world
from tests.guard_world import CANARY

GUARD = {
    "default": "watched",
    "policies": [
        {"name": "watched", "output": {"topics": {"action": "block", "options": {"substrings": [CANARY]}}}},
    ],
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    yield from run_world(more={"guard": GUARD})


async def whole(turn: Turn) -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": TOKENS, "total_tokens": TOKENS + 5}
    message = {"role": "assistant", "content": "word " * 30 + CANARY}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    await turn.plain(json.dumps({"id": "a", "choices": [choice], "usage": usage}).encode())


async def test_a_whole_answer_that_is_stopped_costs_what_its_provider_says(world: World) -> None:
    world.rig.provider.scripts["whole"] = whole
    limit = budget(COST * 100)
    await asyncio.to_thread(world.declare, limit)
    response = await ask(world.rig, "whole")
    assert (response.status_code, error_code(response)) == (400, "completion_blocked")
    row = await asyncio.to_thread(world.await_row, response.headers["x-request-id"], "is_final and rank == 2")
    assert (row["micro_usd"], row["outcome"]) == (COST, "failed")
    assert any("topics" in each and "blocked" in each for each in row["verdicts"])
    await eventually_held(world, limit, (COST, 0))


async def test_a_stream_that_is_stopped_before_a_byte_of_it_went_costs_what_was_made(world: World) -> None:
    async def at_once(turn: Turn) -> None:
        await turn.open_stream()
        for each in said:
            await turn.event(word(each))
        await turn.until_gone()

    said = (f"so: {CANARY}", " and more" * 30)
    world.rig.provider.scripts["at-once"] = at_once
    limit = budget(COST * 100)
    await asyncio.to_thread(world.declare, limit)
    response = await ask(world.rig, "at-once", stream=True)
    assert (response.status_code, error_code(response)) == (400, "completion_blocked")
    row = await asyncio.to_thread(world.await_row, response.headers["x-request-id"], "is_final and rank == 2")
    # Counted here, at three bytes a token.
    assert row["micro_usd"] == -(-len("".join(said)) // 3) * COST // TOKENS
    assert "estimated" in row["flags"]
    await eventually_held(world, limit, (row["micro_usd"], 0))


async def test_a_stream_that_is_stopped_in_the_middle_costs_what_was_made(world: World) -> None:
    gate = threading.Event()

    async def later(turn: Turn) -> None:
        await turn.open_stream()
        for _ in range(20):
            await turn.event(word("one two "))
        await turn.until(gate)
        await turn.event(word(CANARY))
        await turn.event(word(" and more" * 5))
        await turn.until_gone()

    world.rig.provider.scripts["later"] = later
    limit = budget(COST * 100)
    await asyncio.to_thread(world.declare, limit)
    got = bytearray()

    async def read(response: httpx.Response) -> None:
        async for data in response.aiter_raw():
            got.extend(data)
            gate.set()

    async with world.rig.client() as client:
        body = chat(x_script="later", max_tokens=TOKENS, stream=True)
        async with client.stream("POST", "/v1/chat/completions", json=body) as response:
            exchange = response.headers["x-request-id"]
            with pytest.raises(httpx.RemoteProtocolError):
                await read(response)
    assert b"one two " in got
    assert b"completion_blocked" in got
    row = await asyncio.to_thread(world.await_row, exchange, "is_final and rank == 2")
    assert row["micro_usd"] > 0
    assert row["outcome"] == "failed"
    await eventually_held(world, limit, (row["micro_usd"], 0))
