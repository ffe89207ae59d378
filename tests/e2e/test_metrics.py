"""Metrics through the real Envoy and workers: what a request leaves at a real receiver, and that it waits for none.

Workers export over OTLP as the environment says; the ledger and the counters behind them are real ones.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.money_worker import POSTGRES_DSN, REDIS_URL
from tests.e2e.rig import Rig, chat, error_code, make_rig
from tests.faults.test_money import SHORT, TOKENS, priced, used_up
from tests.otlp_sink import Sink, serving_http
from tests.servers import eventually, run_postgres, run_valkey

DEADLINE_S = 20.0


@dataclass(slots=True)
class World:
    rig: Rig
    sink: Sink


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with (
        run_valkey() as valkey,
        run_postgres() as postgres,
        serving_http(Sink()) as sink,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv(REDIS_URL, valkey.url)
        patch.setenv(POSTGRES_DSN, postgres.dsn("migrated"))
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url)
        patch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "200")
        for rig in make_rig(priced, SHORT, worker_module="tests.e2e.money_worker"):
            rig.provider.scripts["used-up"] = used_up
            yield World(rig, sink)


async def test_what_became_of_each_request_arrives_at_the_receiver(world: World) -> None:
    sink = world.sink
    async with world.rig.client() as client:
        body = chat(x_script="used-up", max_tokens=TOKENS)
        for _ in range(3):
            assert (await client.post("/v1/chat/completions", json=body)).status_code == 200
        dead = await client.post("/v1/chat/completions", json={**body, "model": "dead"})
        assert dead.status_code == 503
        unknown = await client.post("/v1/chat/completions", json=body, headers={"authorization": "Bearer gk_no"})
        assert error_code(unknown) == "invalid_api_key"

    asked = {"surface": "openai", "operation": "chat.completions"}
    expected = {
        ("gateway_exchanges_total", "answered"): lambda: sink.total(
            "gateway_exchanges_total", outcome="answered", **asked
        ),
        ("gateway_exchanges_total", "refused"): lambda: sink.total("gateway_exchanges_total", outcome="refused"),
        ("gateway_exchanges_total", "failed"): lambda: sink.total("gateway_exchanges_total", outcome="failed", **asked),
        ("gateway_refusals_total", ""): lambda: sink.total("gateway_refusals_total", code="invalid_api_key"),
        ("gateway_attempts_total", ""): lambda: sink.total(
            "gateway_attempts_total", deployment="main", result="answered"
        ),
        ("gateway_attempts_total", "dead"): lambda: sink.total(
            "gateway_attempts_total", deployment="dead", result="unreachable"
        ),
        ("gateway_exchange_duration_seconds", ""): lambda: sink.total("gateway_exchange_duration_seconds"),
        ("gateway_tokens_total", "output"): lambda: sink.total(
            "gateway_tokens_total", model="chat", deployment="main", kind="output"
        ),
        ("gateway_cost_micro_usd_total", ""): lambda: sink.total("gateway_cost_micro_usd_total", model="chat"),
    }
    wanted = [3, 1, 1, 1, 3, 1, 5, 3 * TOKENS, 3 * TOKENS * 1000]
    await eventually(lambda: [read() for read in expected.values()] == wanted, "all of it", DEADLINE_S)
    assert {"gateway_ledger_unwritten_rows", "gateway_ledger_full_ratio"} <= sink.names()
    # Two workers, told apart.
    assert len({each["service.instance.id"] for each in sink.resources()}) == 2


async def test_no_id_of_a_request_or_a_key_reaches_the_receiver(world: World) -> None:
    async with world.rig.client() as client:
        answer = await client.post("/v1/chat/completions", json=chat(x_script="used-up", user="ada@example.com"))
    before = world.sink.total("gateway_exchanges_total")
    await eventually(lambda: world.sink.total("gateway_exchanges_total") >= before, "an export", DEADLINE_S)
    sent = b"".join(each.SerializeToString() for each in world.sink.got)
    for each in (answer.headers["x-request-id"], "key_e2e", "ada@example.com", "acme", "Say hello"):
        assert each.encode() not in sent


async def test_a_receiver_that_hangs_changes_nothing_for_whoever_asks(world: World) -> None:
    world.sink.answers.clear()
    asked = world.sink.asked
    await eventually(lambda: world.sink.asked >= asked + 2, "exports that hang", DEADLINE_S)
    try:
        began_s = time.monotonic()
        async with world.rig.client() as client:
            for _ in range(20):
                answer = await client.post("/v1/chat/completions", json=chat(x_script="used-up", max_tokens=TOKENS))
                assert answer.status_code == 200
        assert time.monotonic() - began_s < DEADLINE_S
        assert world.rig.envoy is not None
    finally:
        world.sink.answers.set()
    await eventually(
        lambda: world.sink.total("gateway_exchanges_total", outcome="answered") >= 23, "what was counted", DEADLINE_S
    )
