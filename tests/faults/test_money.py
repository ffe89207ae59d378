"""Hard caps through the real Envoy, with real counters and the real ledger: whatever the end, one defensible row."""

import asyncio
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest
import redis
import yaml
from psycopg.rows import dict_row

from extproc.adapters.postgres_limits import PostgresLimits
from extproc.adapters.postgres_pool import open_pool
from extproc.model.keys import Deed
from extproc.model.limit_records import LimitChange, Source
from extproc.model.limits import Budget, Limit, LimitId, Rate, Scope, Span, Unit, Window
from tests.e2e.money_worker import POSTGRES_DSN, REDIS_URL
from tests.e2e.provider import STOP, Turn, word
from tests.e2e.rig import Rig, chat, error_code, gateway_text, make_rig
from tests.servers import Postgres, Valkey, eventually, run_postgres, run_valkey, wait_until
from tests.webhook import Webhook, serving

OUTPUT_NANO_USD = 1_000_000
"""A token of output costs 1,000 micro-USD, one of input nothing: what is reserved is what max_tokens says."""
TOKENS = 40
COST = TOKENS * OUTPUT_NANO_USD // 1000
TRIES = 6
"""Envoy takes the workers in turn, so one of them may get every admission and the other every delivery."""

DEED = Deed("test", "CHG-1")
SHORT = {"connect_s": 1.0, "first_token_s": 3.0, "total_s": 3.0, "idle_s": 3.0}


@dataclass(slots=True)
class World:
    rig: Rig
    valkey: Valkey
    postgres: Postgres
    dsn: str
    webhook: Webhook

    def declare(self, *limits: Limit) -> None:
        """Put exactly these in force, and wait until every worker has them."""

        async def change() -> int:
            async with open_pool(self.dsn, most_connections=1) as pool:
                store = PostgresLimits(pool)
                known = await store.read()
                versions = {each.limit.id: each.version for each in known.limits}
                wanted = {limit.id: limit for limit in limits}
                changes = [
                    LimitChange(name, wanted.get(name), Source.FILE, versions.get(name, 0))
                    for name in {**versions, **wanted}
                ]
                return await store.change(changes, DEED)

        version = asyncio.run(change())
        said = re.compile(rf"limits_taken\b.*\bversion\W+{version}\b")
        wait_until(lambda: len(said.findall(self.rig.logs())) >= self.rig.gateway.workers, "the limits in force", 10)

    def rows(self, exchange: str) -> list[dict[str, Any]]:
        with psycopg.connect(self.dsn, row_factory=dict_row) as connection:
            return connection.execute("select * from ledger where exchange = %s", (exchange,)).fetchall()

    def await_row(self, exchange: str, is_so: str) -> dict[str, Any]:
        """The exchange's one row, once it is as said."""
        found: list[dict[str, Any]] = []

        def check() -> bool:
            found[:] = self.rows(exchange)
            return len(found) == 1 and bool(eval(is_so, {}, dict(found[0])))  # noqa: S307

        wait_until(check, f"{is_so}: {found}", 10)
        return found[0]


def priced(provider_port: int, other_port: int) -> dict[str, Any]:
    """The rig's deployments, each with a price."""
    base = yaml.safe_load(gateway_text(provider_port, other_port, timeouts=SHORT))
    price = {"input_per_million_usd": 0, "output_per_million_usd": OUTPUT_NANO_USD // 1000}
    return {"deployments": [{**each, "price": dict(price)} for each in base["deployments"]]}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with (
        run_valkey() as valkey,
        run_postgres() as postgres,
        serving(Webhook()) as webhook,
        pytest.MonkeyPatch.context() as patch,
    ):

        def changes(provider_port: int, other_port: int) -> dict[str, Any]:
            return {**priced(provider_port, other_port), "alerts": {"webhook_url": webhook.url}}

        dsn = postgres.dsn("migrated")
        patch.setenv(REDIS_URL, valkey.url)
        patch.setenv(POSTGRES_DSN, dsn)
        for rig in make_rig(changes, SHORT, worker_module="tests.e2e.money_worker"):
            yield World(rig, valkey, postgres, dsn, webhook)


async def used_up(turn: Turn) -> None:
    """An answer of as many tokens as were asked for."""
    usage = {"prompt_tokens": 5, "completion_tokens": TOKENS, "total_tokens": TOKENS + 5}
    message = {"role": "assistant", "content": "word " * TOKENS}
    choice = {"index": 0, "message": message, "finish_reason": "length"}
    body = {"id": "a", "object": "chat.completion", "choices": [choice], "usage": usage}
    await turn.plain(json.dumps(body).encode())


def budget(amount: int, **more: Any) -> Budget:
    return Budget(LimitId(f"b-{uuid.uuid4().hex}"), Scope("acme"), Unit.MICRO_USD, amount, Window(Span.DAY), **more)


async def ask(rig: Rig, script: str, **fields: Any) -> httpx.Response:
    async with rig.client() as client:
        body = chat(x_script=script, max_tokens=TOKENS, **fields)
        return await client.post("/v1/chat/completions", json=body)


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


async def ask_and_leave(rig: Rig, script: str, *, after: str | None, **fields: Any) -> str:
    """Ask for a stream and go away: at once, or when these words have come. The exchange's id."""
    before = {each["exchange"] for each in rig.journal("exchange")}
    async with rig.client() as client:
        body = chat(x_script=script, max_tokens=TOKENS, stream=True, **fields)
        try:
            async with client.stream("POST", "/v1/chat/completions", json=body, timeout=1.0) as response:
                async for text in response.aiter_text():
                    if after is not None and after in text:
                        break
        except httpx.ReadTimeout:
            assert after is None
    wait_until(lambda: len({each["exchange"] for each in rig.journal("exchange")} - before) == 1, "its record", 10)
    (exchange,) = {each["exchange"] for each in rig.journal("exchange")} - before
    return str(exchange)


async def silent(turn: Turn) -> None:
    await turn.until_gone()


async def three_words(turn: Turn) -> None:
    await turn.open_stream()
    for each in ("one ", "two ", "three "):
        await turn.event(word(each))
    await turn.until_gone()


async def without_usage(turn: Turn) -> None:
    await turn.open_stream()
    await turn.event(word("word " * TOKENS))
    await turn.event(STOP)
    await turn.event(b"[DONE]")
    await turn.end()


async def held(world: World, limit: Budget) -> tuple[int, int]:
    """Used and held of the budget's counter, in Redis."""
    with redis.Redis.from_url(world.valkey.url) as client:
        keys = [key for key in client.keys("b:{acme}:c:*") if limit.id.encode() in key]
        found = [client.hmget(key, "u", "h") for key in keys]
    return sum(int(used) for used, _ in found), sum(int(each) for _, each in found)


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
                await asyncio.wait_for(anext(texts), 1.0)
            except httpx.RemoteProtocolError:
                return exchange, True
            except TimeoutError:
                return exchange, False
        raise AssertionError("it went on")

    async with world.rig.client() as client:
        tasks = [asyncio.create_task(listen(client)) for _ in range(8)]
        await eventually(lambda: len(begun) == 8, "the streams", 5)
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
    assert sent["max_completion_tokens"] == TOKENS * 2
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
        await eventually(lambda expected=expected: len(told()) >= len(expected), "the event", 10)
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


async def eventually_held(world: World, limit: Budget, expected: tuple[int, int]) -> None:
    """Redis agrees with the ledger, and holds nothing any more."""
    for _ in range(200):
        if await held(world, limit) == expected:
            return
        await asyncio.sleep(0.05)
    assert await held(world, limit) == expected
