"""Metrics through the real Envoy and workers: what a request leaves at a real receiver, and that it waits for none.

Workers export over OTLP as the environment says; the ledger and the counters behind them are real ones.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.rig import Rig, chat, error_code
from tests.faults.money_world import COST, TOKENS, World, ask, budget, run_world, used_up
from tests.otlp_sink import Sink, serving_http
from tests.servers import eventually

DEADLINE_S = 60.0


@dataclass(slots=True)
class Place:
    world: World
    sink: Sink

    @property
    def rig(self) -> Rig:
        return self.world.rig


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with serving_http(Sink()) as sink, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url)
        patch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "200")
        for world in run_world():
            world.rig.provider.scripts["used-up"] = used_up
            yield Place(world, sink)


async def test_what_became_of_each_request_arrives_at_the_receiver(place: Place) -> None:
    sink = place.sink
    async with place.rig.client() as client:
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


async def test_no_id_of_a_request_or_a_key_reaches_the_receiver(place: Place) -> None:
    async with place.rig.client() as client:
        answer = await client.post("/v1/chat/completions", json=chat(x_script="used-up", user="ada@example.com"))
    before = place.sink.total("gateway_exchanges_total")
    await eventually(lambda: place.sink.total("gateway_exchanges_total") >= before, "an export", DEADLINE_S)
    sent = b"".join(each.SerializeToString() for each in place.sink.got)
    for each in (answer.headers["x-request-id"], "key_e2e", "ada@example.com", "acme", "Say hello"):
        assert each.encode() not in sent


async def test_a_receiver_that_hangs_changes_nothing_for_whoever_asks(place: Place) -> None:
    place.sink.answers.clear()
    asked = place.sink.asked
    await eventually(lambda: place.sink.asked >= asked + 2, "exports that hang", DEADLINE_S)
    try:
        began_s = time.monotonic()
        async with place.rig.client() as client:
            for _ in range(20):
                answer = await client.post("/v1/chat/completions", json=chat(x_script="used-up", max_tokens=TOKENS))
                assert answer.status_code == 200
        assert time.monotonic() - began_s < DEADLINE_S
        assert place.rig.envoy is not None
    finally:
        place.sink.answers.set()
    await eventually(
        lambda: place.sink.total("gateway_exchanges_total", outcome="answered") >= 23, "what was counted", DEADLINE_S
    )


async def test_a_share_of_a_budget_that_is_reached_is_counted_once_with_whose_budget_it_is(place: Place) -> None:
    await asyncio.to_thread(place.world.declare, budget(COST * 5 // 4))
    assert (await ask(place.rig, "used-up")).status_code == 200
    await eventually(
        lambda: place.sink.series("gateway_budget_alerts_total") == {(("level", "organisation"), ("percent", "80")): 1},
        "the alert",
        DEADLINE_S,
    )
    assert [each["percent"] for each in place.world.webhook.events] == [80]
    refused = await ask(place.rig, "used-up")
    assert error_code(refused) == "insufficient_quota"
    await eventually(
        lambda: place.sink.total("gateway_refusals_total", code="insufficient_quota") == 1, "the refusal", DEADLINE_S
    )
    await asyncio.to_thread(place.world.declare)
