"""A rig that remembers answers, in a real Redis, with a real ledger, and what its tests ask of it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest
import yaml
from psycopg.rows import dict_row

from tests.e2e.cache_worker import CACHE_URL
from tests.e2e.money_worker import POSTGRES_DSN, REDIS_URL
from tests.e2e.provider import STOP, USAGE, Turn, word
from tests.e2e.rig import Rig, chat, gateway_text, make_rig
from tests.servers import Valkey, run_postgres, run_valkey, wait_until

EXACT = {"policies": [{"name": "exact"}], "default": "exact"}
SEMANTIC = {"policies": [{"name": "semantic", "semantic": True}], "default": "semantic"}
COST = 5
"""Micro-USD of the provider's answer: three tokens in, two out, at a dollar a million each."""


@dataclass(slots=True)
class CacheWorld:
    rig: Rig
    valkey: Valkey
    """That limits are in."""
    store: Valkey
    """That answers are remembered in."""
    dsn: str

    async def ask(
        self, text: str, *, script: str = "answer", headers: Mapping[str, str] | None = None, **fields: Any
    ) -> httpx.Response:
        async with self.rig.client(headers=dict(headers or {})) as client:
            return await client.post("/v1/chat/completions", json=chat(text, x_script=script, **fields))

    async def ask_until(self, text: str, result: str, **fields: Any) -> httpx.Response:
        """Ask until the cache says this: remembering is done behind the answer's back."""
        found: list[httpx.Response] = []
        for _ in range(100):
            found.append(await self.ask(text, **fields))
            if found[-1].headers.get("x-gateway-cache") == result:
                return found[-1]
        raise AssertionError([(each.status_code, each.headers.get("x-gateway-cache")) for each in found[-3:]])

    def row(self, exchange: str, is_so: str = "is_final and rank == 2") -> dict[str, Any]:
        """The exchange's one row, once it is as said."""
        found: list[dict[str, Any]] = []

        def check() -> bool:
            with psycopg.connect(self.dsn, row_factory=dict_row) as connection:
                query = "select * from ledger where exchange = %s"
                found[:] = connection.execute(query, (exchange,)).fetchall()
            return len(found) == 1 and bool(eval(is_so, {}, dict(found[0])))  # noqa: S307

        try:
            wait_until(check, is_so, 20)
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {found}") from None
        return found[0]


def run_cache_world(cache: Mapping[str, Any], more: Mapping[str, Any] | None = None) -> Iterator[CacheWorld]:
    """A world with this ``cache`` in its gateway.yaml, and what else it says."""
    with (
        run_valkey() as valkey,
        run_valkey() as store,
        run_postgres() as postgres,
        pytest.MonkeyPatch.context() as patch,
    ):

        def changes(provider_port: int, other_port: int) -> dict[str, Any]:
            base = yaml.safe_load(gateway_text(provider_port, other_port))
            price = {"input_per_million_usd": 1, "output_per_million_usd": 1}
            deployments = [{**each, "price": dict(price)} for each in base["deployments"]]
            return {"deployments": deployments, "cache": dict(cache), **(more or {})}

        dsn = postgres.dsn("migrated")
        patch.setenv(REDIS_URL, valkey.url)
        patch.setenv(CACHE_URL, store.url)
        patch.setenv(POSTGRES_DSN, dsn)
        for rig in make_rig(changes, worker_module="tests.e2e.cache_worker"):
            rig.provider.scripts["say"] = say
            yield CacheWorld(rig, valkey, store, dsn)


async def say(turn: Turn) -> None:
    """An answer that the request's system message has."""
    text = turn.request.json["messages"][0]["content"]
    if not turn.request.json.get("stream"):
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = USAGE["usage"]
        body = {**word(""), "object": "chat.completion", "choices": [choice], "usage": usage}
        await turn.plain(json.dumps(body).encode())
        return
    await turn.open_stream()
    for piece in text.split(" "):
        await turn.event(word(piece + " "))
    await turn.event(STOP)
    await turn.event(USAGE)
    await turn.event(b"[DONE]")
    await turn.end()


def heard(response: httpx.Response) -> str:
    """The text of an answer, plain or streamed."""
    if response.headers["content-type"].startswith("application/json"):
        text: str = response.json()["choices"][0]["message"]["content"]
        return text
    chunks = [
        json.loads(line.removeprefix("data: ")) for line in response.text.splitlines() if line.startswith("data: {")
    ]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
