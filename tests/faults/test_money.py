"""Hard caps through the real Envoy, with real counters and the real ledger: whatever the end, one defensible row."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from extproc.model.limits import LimitId, Rate, Scope
from tests.e2e.provider import STOP, Turn, word
from tests.e2e.rig import chat, error_code
from tests.faults.money_world import (
    COST,
    TOKENS,
    World,
    ask,
    ask_and_leave,
    budget,
    eventually_held,
    run_world,
    three_words,
    used_up,
)
from tests.servers import eventually

TRIES = 6
"""Envoy takes the workers in turn, so one of them may get every admission and the other every delivery."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    yield from run_world()


async def test_of_two_hundred_at_once_exactly_as_many_are_served_as_there_is_money_for(world: World) -> None:
    world.rig.provider.scripts["used-up"] = used_up
    await asyncio.to_thread(world.declare, budget(COST * 5 // 2))
    async with world.rig.client() as client:
        body = chat(x_script="used-up", max_tokens=TOKENS)
        answers = await asyncio.gather(*(client.post("/v1/chat/completions", json=body) for _ in range(200)))
    served = [each for each in answers if each.status_code == 200]
    refused = [each for each in answers if each.status_code == 429]
    assert (len(served), len(refused)) == (2, 198)
    assert len(world.rig.provider.got("used-up")) == 2
    assert {error_code(each) for each in refused} == {"insufficient_quota"}
    assert {each.headers["x-should-retry"] for each in refused} == {"false"}
    for each in served:
        row = await asyncio.to_thread(world.await_row, each.headers["x-request-id"], "is_final and micro_usd > 0")
        assert (row["micro_usd"], row["outcome"]) == (COST, "answered")
    for each in refused:
        row = await asyncio.to_thread(world.await_row, each.headers["x-request-id"], "is_final and refusal")
        assert (row["micro_usd"], row["outcome"], row["status"]) == (0, "refused", 429)
        assert (row["key_id"], row["model"], row["refusal"]) == ("key_e2e", "chat", "insufficient_quota")


async def silent(turn: Turn) -> None:
    await turn.until_gone()


async def without_usage(turn: Turn) -> None:
    await turn.open_stream()
    await turn.event(word("word " * TOKENS))
    await turn.event(STOP)
    await turn.event(b"[DONE]")
    await turn.end()


async def test_a_client_gone_before_the_headers_is_settled_by_the_journal_alone_and_once(world: World) -> None:
    world.rig.provider.scripts["silent"] = silent
    limit = budget(COST * 100)
    await asyncio.to_thread(world.declare, limit)
    exchange = await ask_and_leave(world.rig, "silent", after=None)
    row = await asyncio.to_thread(world.await_row, exchange, "is_final")
    assert (row["outcome"], row["micro_usd"], row["rank"]) == ("abandoned", COST, 1)
    assert "abandoned_estimate" in row["flags"]
    await eventually_held(world, limit, (COST, 0))


async def test_a_request_whose_every_attempt_failed_to_connect_costs_nothing(world: World) -> None:
    limit = budget(COST * 100)
    await asyncio.to_thread(world.declare, limit)
    response = await ask(world.rig, "any", model="dead")
    assert response.status_code == 503
    row = await asyncio.to_thread(world.await_row, response.headers["x-request-id"], "is_final")
    assert (row["outcome"], row["micro_usd"]) == ("failed", 0)
    await eventually_held(world, limit, (0, 0))


async def test_a_client_gone_in_the_middle_leaves_one_row_of_what_it_got(world: World) -> None:
    world.rig.provider.scripts["three"] = three_words
    limit = budget(COST * 100)
    await asyncio.to_thread(world.declare, limit)
    exchange = await ask_and_leave(world.rig, "three", after="three")
    row = await asyncio.to_thread(world.await_row, exchange, "is_final and rank == 2")
    assert row["outcome"] == "abandoned"
    assert 0 < row["micro_usd"] <= COST
    assert set(row["flags"]) & {"estimated", "abandoned_estimate"}
    await eventually_held(world, limit, (row["micro_usd"], 0))


async def test_a_provider_that_omits_usage_is_counted_here_and_flagged(world: World) -> None:
    world.rig.provider.scripts["without-usage"] = without_usage
    limit = budget(COST * 100)
    await asyncio.to_thread(world.declare, limit)
    response = await ask(world.rig, "without-usage", stream=True)
    assert response.text.endswith("data: [DONE]\n\n")
    row = await asyncio.to_thread(world.await_row, response.headers["x-request-id"], "is_final and rank == 2")
    assert row["outcome"] == "answered"
    assert "estimated" in row["flags"]
    assert row["micro_usd"] > COST // 2
    await eventually_held(world, limit, (row["micro_usd"], 0))


async def test_a_worker_killed_in_the_middle_leaves_a_row_of_each_of_its_streams_and_holds_nothing(
    world: World,
) -> None:
    world.rig.provider.scripts["three"] = three_words
    limit = budget(COST * 100)
    await asyncio.to_thread(world.declare, limit)
    total, broken = 0, 0
    for _ in range(TRIES):
        ended = await kill_under_streams(world)
        for exchange, is_broken in ended.items():
            # Another worker's word of the same exchange may be written a moment later.
            rank = 1 if is_broken else 2
            row = await asyncio.to_thread(world.await_row, exchange, f"is_final and rank == {rank}")
            assert row["micro_usd"] > 0
            total += row["micro_usd"]
            broken += is_broken
        await eventually_held(world, limit, (total, 0))
        if broken:
            break
    assert broken


async def kill_under_streams(world: World) -> dict[str, bool]:
    """Kill a worker while eight streams run, and start it again: which exchanges there were, and whether they broke."""
    is_killed = asyncio.Event()
    begun: list[str] = []

    async def listen(client: httpx.AsyncClient) -> tuple[str, bool]:
        body = chat(x_script="three", max_tokens=TOKENS, stream=True)
        async with client.stream("POST", "/v1/chat/completions", json=body) as response:
            exchange = response.headers["x-request-id"]
            texts = response.aiter_text()
            while "three" not in await anext(texts):
                pass
            begun.append(exchange)
            await is_killed.wait()
            try:
                # Envoy closes the connection of a broken answer after a second; after three, a silent stream is ended.
                await asyncio.wait_for(anext(texts), 2.0)
            except httpx.RemoteProtocolError:
                return exchange, True
            except TimeoutError:
                return exchange, False
        raise AssertionError("it went on")

    async with world.rig.client() as client:
        tasks = [asyncio.create_task(listen(client)) for _ in range(8)]
        await eventually(lambda: len(begun) == 8, "the streams")
        victim = world.rig.workers[0]
        victim.kill()
        await asyncio.to_thread(victim.wait, 10)
        is_killed.set()
        ended = dict(await asyncio.gather(*tasks))
    world.rig.socket(0).unlink()
    world.rig.start_worker(0)
    await asyncio.to_thread(world.rig.wait_worker, 0)
    return ended


async def test_a_request_without_a_maximum_is_given_one_that_there_is_money_for(world: World) -> None:
    world.rig.provider.scripts["used-up"] = used_up
    await asyncio.to_thread(world.declare, budget(COST * 2))
    async with world.rig.client() as client:
        response = await client.post("/v1/chat/completions", json=chat(x_script="used-up"))
    assert response.status_code == 200
    sent = world.rig.provider.got("used-up")[-1].json
    assert sent["max_tokens"] == TOKENS * 2
    row = await asyncio.to_thread(world.await_row, response.headers["x-request-id"], "is_final and rank == 2")
    assert row["micro_usd"] == COST


async def test_each_crossing_of_a_budget_is_posted_exactly_once_whichever_worker_saw_it(world: World) -> None:
    world.rig.provider.scripts["used-up"] = used_up
    limit = budget(COST * 10, is_hard=False, alert_percents=(50, 100))
    await asyncio.to_thread(world.declare, limit)

    def told() -> list[tuple[int, int]]:
        return [(each["percent"], each["used"]) for each in world.webhook.events if each["budget"] == limit.id]

    for expected, more in (([], 4), ([50], 4), ([50, 100], 6)):
        answers = await asyncio.gather(*(ask(world.rig, "used-up") for _ in range(more)))
        assert {each.status_code for each in answers} == {200}
        await eventually(lambda expected=expected: len(told()) >= len(expected), "the event")
    await eventually_held(world, limit, (COST * 14, 0))
    assert [percent for percent, _ in told()] == [50, 100]
    assert all(used * 100 >= COST * 10 * percent for percent, used in told())


async def test_rates_are_refused_with_the_time_to_wait_and_told_with_every_answer(world: World) -> None:
    world.rig.provider.scripts["used-up"] = used_up
    await asyncio.to_thread(world.declare, Rate(LimitId("rpm"), Scope("acme"), requests_per_minute=3))
    answers = [await ask(world.rig, "used-up") for _ in range(4)]
    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    assert [each.headers["x-ratelimit-remaining-requests"] for each in answers[:3]] == ["2", "1", "0"]
    assert error_code(answers[3]) == "rate_limit_exceeded"
    assert 1 <= int(answers[3].headers["retry-after"]) <= 20
    await asyncio.to_thread(world.declare)
