"""Every worker of a host killed at once under load: what was answered has its row, and nothing stays held."""

import asyncio
from collections.abc import Iterator

import httpx
import psycopg
import pytest
import redis

from extproc.model.limits import Budget
from extproc.model.seams import JOURNAL_CLUSTER
from tests.e2e.rig import chat
from tests.faults.money_world import (
    COST,
    TOKENS,
    World,
    ask,
    budget,
    eventually_held,
    run_world,
    three_words,
    used_up,
)
from tests.servers import eventually, wait_until

CALLERS = 6
STREAMS = 4


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    yield from run_world()


class Load:
    """Callers that ask again and again, and streams that go on, until everything is gone."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.answered: list[str] = []
        self.streams: list[str] = []
        self.is_over = asyncio.Event()

    async def call(self) -> None:
        async with self.world.rig.client() as client:
            while not self.is_over.is_set():
                response = await client.post("/v1/chat/completions", json=chat(x_script="used-up", max_tokens=TOKENS))
                if response.status_code != 200:
                    return
                self.answered.append(response.headers["x-request-id"])

    async def stream(self) -> None:
        body = chat(x_script="three", max_tokens=TOKENS, stream=True)
        async with (
            self.world.rig.client() as client,
            client.stream("POST", "/v1/chat/completions", json=body) as response,
        ):
            texts = response.aiter_text()
            while "three" not in await anext(texts):
                pass
            self.streams.append(response.headers["x-request-id"])
            with pytest.raises(httpx.RemoteProtocolError):
                await anext(texts)


def kill_all(world: World) -> None:
    """Nobody has a moment to write anything down; then wait until Envoy has found nobody to tell."""
    rig = world.rig
    for worker in rig.workers.values():
        worker.kill()
    for worker in rig.workers.values():
        worker.wait(10)
    wait_until(lambda: rig.stat("cluster[.]extproc[.]membership_healthy") == 0, "Envoy to see that all are gone")
    nobody_takes(world)


def nobody_takes(world: World) -> None:
    """Wait until Envoy has tried once more to tell somebody."""
    failures = f"cluster[.]{JOURNAL_CLUSTER}[.]upstream_cx_connect_fail"
    before = world.rig.stat(failures)
    wait_until(lambda: world.rig.stat(failures) > before, "a record that nobody takes")


def start_all(world: World) -> None:
    rig = world.rig
    for index in range(rig.gateway.workers):
        rig.socket(index).unlink()
        rig.start_worker(index)
    for index in range(rig.gateway.workers):
        rig.wait_worker(index)


async def test_every_worker_killed_at_once_leaves_a_row_of_all_that_was_answered_and_holds_nothing(
    world: World,
) -> None:
    world.rig.provider.scripts["used-up"] = used_up
    world.rig.provider.scripts["three"] = three_words
    limit = budget(COST * 100_000)
    await asyncio.to_thread(world.declare, limit)
    load = Load(world)
    calls = [asyncio.create_task(load.call()) for _ in range(CALLERS)]
    streams = [asyncio.create_task(load.stream()) for _ in range(STREAMS)]
    await eventually(lambda: len(load.streams) == STREAMS and len(load.answered) > CALLERS * 5, "the load")
    await asyncio.to_thread(kill_all, world)
    load.is_over.set()
    await asyncio.gather(*calls, *streams)
    assert len(load.streams) == STREAMS
    turned_away = [await ask(world.rig, "used-up") for _ in range(CALLERS)]
    assert {each.status_code for each in turned_away} == {503}
    await asyncio.to_thread(nobody_takes, world)
    await asyncio.to_thread(start_all, world)

    for exchange in load.answered:
        row = await asyncio.to_thread(world.await_row, exchange, "is_final and micro_usd > 0")
        assert (row["micro_usd"], row["outcome"]) == (COST, "answered")
    for exchange in load.streams:
        row = await asyncio.to_thread(world.await_row, exchange, "is_final and micro_usd > 0")
        assert (row["micro_usd"], row["outcome"]) == (COST, "failed")
    for each in turned_away:
        row = await asyncio.to_thread(world.await_row, each.headers["x-request-id"], "is_final")
        assert (row["micro_usd"], row["outcome"]) == (0, "failed")
    await asyncio.to_thread(let_undecided_run_out, world, {*load.answered, *load.streams})
    last = await ask(world.rig, "used-up")
    assert last.status_code == 200
    await asyncio.to_thread(world.await_row, last.headers["x-request-id"], "is_final and rank == 2")
    await eventually_held(world, limit, (charged(world, limit), 0))


def let_undecided_run_out(world: World, answered: set[str]) -> None:
    """Requests whose worker died while it decided were never sent: nobody settles them, they run out by themselves."""
    with redis.Redis.from_url(world.valkey.url, decode_responses=True) as client:

        def pending() -> set[str]:
            return set(client.hkeys("b:{acme}:p")) - {"#"}

        wait_until(lambda: not pending() & answered, "what was answered to be settled")
        wait_until(lambda: all(is_undecided(world, each) for each in pending()), "all that was sent to be settled")
        for each in pending():
            client.zadd("b:{acme}:x", {each: 1})


def is_undecided(world: World, exchange: str) -> bool:
    rows = world.rows(exchange)
    return not rows or not rows[0]["key_id"]


def charged(world: World, limit: Budget) -> int:
    with psycopg.connect(world.dsn) as connection:
        question = "select coalesce(sum(amount), 0)::bigint from ledger_totals where part like %s"
        ((amount,),) = connection.execute(question, (f"{limit.id}%",)).fetchall()
    return int(amount)
