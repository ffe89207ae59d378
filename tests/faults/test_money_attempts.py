"""Attempts that gave no answer, through the real Envoy: what may be billed is held, charged once, and told apart."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from tests.e2e.provider import Script, Turn
from tests.e2e.rig import error_code
from tests.faults.money_world import (
    COST,
    TOKENS,
    World,
    ask,
    ask_and_leave,
    budget,
    eventually_held,
    run_world,
    used_up,
)

OTHER = 3 * COST
"""The same answer at the dearer deployment."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    yield from run_world({"other": 3})


async def silent(turn: Turn) -> None:
    await turn.until_gone()


async def cut(turn: Turn) -> None:
    turn.reset()


async def cut_in_the_middle(turn: Turn) -> None:
    await turn.head(200, "application/json", "content-length: 500")
    await turn.send(b'{"id": "a"')
    turn.reset()


async def unreadable(turn: Turn) -> None:
    await turn.plain(b"<html>")


async def refused(turn: Turn) -> None:
    await turn.plain(json.dumps({"error": {"message": "slow down"}}).encode(), 429)


async def broken(turn: Turn) -> None:
    await turn.plain(json.dumps({"error": {"message": "oh"}}).encode(), 503)


FIRST = {
    "silent": (silent, COST),
    "cut": (cut, COST),
    "cut-in-the-middle": (cut_in_the_middle, COST),
    "unreadable": (unreadable, COST),
    "refused": (refused, 0),
    "broken": (broken, 0),
}


async def exchange_of(world: World, first: Script, second: Script, model: str = "pair") -> tuple[int, str]:
    """Ask two deployments, which do this: the status, and the exchange's id."""
    world.rig.provider.scripts["two"] = first
    world.rig.other.scripts["two"] = second
    response = await ask(world.rig, "two", model=model)
    return response.status_code, response.headers["x-request-id"]


@pytest.mark.parametrize("name", FIRST)
async def test_an_attempt_before_the_answer_costs_its_estimate_where_it_may_be_billed(world: World, name: str) -> None:
    first, estimate = FIRST[name]
    limit = budget(COST + OTHER)
    await asyncio.to_thread(world.declare, limit)
    status, exchange = await exchange_of(world, first, used_up)
    assert status == 200
    is_so = f"is_final and rank == 2 and micro_usd == {OTHER + estimate}"
    row = await asyncio.to_thread(world.await_row, exchange, is_so)
    assert (row["unanswered_micro_usd"], row["attempts"], row["deployment"]) == (estimate, 2, "other")
    assert ("unanswered_attempts" in row["flags"]) is (estimate > 0)
    assert row["output_tokens"] == TOKENS
    await eventually_held(world, limit, (OTHER + estimate, 0))


async def test_an_attempt_that_could_not_connect_before_the_answer_is_free(world: World) -> None:
    limit = budget(COST + OTHER)
    await asyncio.to_thread(world.declare, limit)
    status, exchange = await exchange_of(world, used_up, used_up, model="refused-pair")
    assert status == 200
    row = await asyncio.to_thread(world.await_row, exchange, f"is_final and rank == 2 and micro_usd == {OTHER}")
    assert (row["unanswered_micro_usd"], row["freed"], row["flags"]) == (0, ["dead"], [])
    await eventually_held(world, limit, (OTHER, 0))


@pytest.mark.parametrize(
    ("first", "second", "costs"),
    [
        (silent, silent, COST + OTHER),
        (cut, broken, COST),
        (unreadable, refused, COST),
        (refused, unreadable, OTHER),
        (broken, cut, OTHER),
        (refused, broken, 0),
    ],
)
async def test_where_nobody_answered_each_attempt_that_may_be_billed_costs_what_its_own_deployment_takes(
    world: World, first: Script, second: Script, costs: int
) -> None:
    limit = budget(COST + OTHER)
    await asyncio.to_thread(world.declare, limit)
    status, exchange = await exchange_of(world, first, second)
    assert status >= 429
    row = await asyncio.to_thread(world.await_row, exchange, f"is_final and micro_usd == {costs}")
    assert (row["outcome"], row["attempts"]) == ("failed", 2)
    await eventually_held(world, limit, (costs, 0))
    # Nor does it change when everybody has said their word.
    row = await asyncio.to_thread(world.await_row, exchange, "is_final")
    assert row["micro_usd"] == costs
    assert f",{costs}," in row["charges"]


async def test_a_client_that_leaves_a_second_attempt_is_charged_for_both(world: World) -> None:
    limit = budget(COST + OTHER)
    await asyncio.to_thread(world.declare, limit)
    world.rig.provider.scripts["leave"] = unreadable
    world.rig.other.scripts["leave"] = silent
    exchange = await ask_and_leave(world.rig, "leave", after=None, model="pair")
    row = await asyncio.to_thread(world.await_row, exchange, f"is_final and micro_usd == {COST + OTHER}")
    assert (row["outcome"], row["unanswered_micro_usd"], row["attempts"]) == ("abandoned", COST, 2)
    await eventually_held(world, limit, (COST + OTHER, 0))


async def test_what_is_held_is_enough_for_every_attempt_and_who_has_less_hears_so(world: World) -> None:
    await asyncio.to_thread(world.declare, budget(COST + OTHER - 1))
    world.rig.provider.scripts["two"] = world.rig.other.scripts["two"] = used_up
    response = await ask(world.rig, "two", model="pair")
    assert (response.status_code, error_code(response)) == (429, "insufficient_quota")
    assert "at the 2 deployments that may be asked" in response.json()["error"]["message"]
    alone = await ask(world.rig, "two")
    assert alone.status_code == 200
