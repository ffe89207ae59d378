"""A rig with real counters and the real ledger, and what its tests ask of both."""

import asyncio
import json
import re
import uuid
from collections.abc import Iterator, Mapping
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
from extproc.model.limits import Budget, Limit, LimitId, Scope, Span, Unit, Window
from tests.e2e.money_worker import POSTGRES_DSN, REDIS_URL
from tests.e2e.provider import Turn, word
from tests.e2e.rig import Rig, chat, gateway_text, make_rig
from tests.servers import Postgres, Valkey, run_postgres, run_valkey, wait_until
from tests.webhook import Webhook, serving

OUTPUT_NANO_USD = 1_000_000
"""A token of output costs 1,000 micro-USD, one of input nothing: what is reserved is what max_tokens says."""
TOKENS = 40
COST = TOKENS * OUTPUT_NANO_USD // 1000

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
        wait_until(lambda: len(said.findall(self.rig.logs())) >= self.rig.gateway.workers, "the limits in force")

    def rows(self, exchange: str) -> list[dict[str, Any]]:
        with psycopg.connect(self.dsn, row_factory=dict_row) as connection:
            return connection.execute("select * from ledger where exchange = %s", (exchange,)).fetchall()

    def await_row(self, exchange: str, is_so: str) -> dict[str, Any]:
        """The exchange's one row, once it is as said."""
        found: list[dict[str, Any]] = []

        def check() -> bool:
            found[:] = self.rows(exchange)
            return len(found) == 1 and bool(eval(is_so, {}, dict(found[0])))  # noqa: S307

        try:
            wait_until(check, is_so)
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {found}") from None
        return found[0]


def priced(provider_port: int, other_port: int, dearness: Mapping[str, int]) -> dict[str, Any]:
    """The rig's deployments, each with a price."""
    base = yaml.safe_load(gateway_text(provider_port, other_port, timeouts=SHORT))

    def price(name: str) -> dict[str, int]:
        return {"input_per_million_usd": 0, "output_per_million_usd": OUTPUT_NANO_USD // 1000 * dearness.get(name, 1)}

    return {"deployments": [{**each, "price": price(each["name"])} for each in base["deployments"]]}


def run_world(dearness: Mapping[str, int] | None = None, more: Mapping[str, Any] | None = None) -> Iterator[World]:
    """A world whose deployments take so many times the price of a token, once where nothing is said.

    ``more``: what its gateway.yaml says besides.
    """
    with (
        run_valkey() as valkey,
        run_postgres() as postgres,
        serving(Webhook()) as webhook,
        pytest.MonkeyPatch.context() as patch,
    ):

        def changes(provider_port: int, other_port: int) -> dict[str, Any]:
            alerts = {"alerts": {"webhook_url": webhook.url}}
            return {**priced(provider_port, other_port, dearness or {}), **alerts, **(more or {})}

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
    wait_until(lambda: len({each["exchange"] for each in rig.journal("exchange")} - before) == 1, "its record")
    (exchange,) = {each["exchange"] for each in rig.journal("exchange")} - before
    return str(exchange)


async def three_words(turn: Turn) -> None:
    await turn.open_stream()
    for each in ("one ", "two ", "three "):
        await turn.event(word(each))
    await turn.until_gone()


async def held(world: World, limit: Budget) -> tuple[int, int]:
    """Used and held of the budget's counter, in Redis."""
    with redis.Redis.from_url(world.valkey.url) as client:
        keys = [key for key in client.keys("b:{acme}:c:*") if limit.id.encode() in key]
        found = [client.hmget(key, "u", "h") for key in keys]
    return sum(int(used) for used, _ in found), sum(int(each) for _, each in found)


async def eventually_held(world: World, limit: Budget, expected: tuple[int, int]) -> None:
    """Redis agrees with the ledger, and holds nothing any more."""
    for _ in range(200):
        if await held(world, limit) == expected:
            return
        await asyncio.sleep(0.05)
    assert await held(world, limit) == expected
