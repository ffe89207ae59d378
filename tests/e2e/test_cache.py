"""Remembered answers through the real Envoy: who gets them, what they cost, and what a client sees of it."""

from collections.abc import Iterator

import pytest

from tests.e2e.cache_world import COST, EXACT, CacheWorld, heard, run_cache_world
from tests.e2e.rig import error_code


@pytest.fixture(scope="module")
def world() -> Iterator[CacheWorld]:
    yield from run_cache_world(EXACT)


@pytest.mark.parametrize("is_stream", [False, True])
async def test_the_second_ask_is_answered_from_the_cache_and_costs_nothing(
    world: CacheWorld, *, is_stream: bool
) -> None:
    text = f"What is remembered ({is_stream})?"
    first = await world.ask(text, stream=is_stream)
    assert (first.status_code, first.headers["x-gateway-cache"]) == (200, "miss")
    paid = world.row(first.headers["x-request-id"])
    assert (paid["outcome"], paid["micro_usd"], paid["saved_micro_usd"]) == ("answered", COST, 0)
    second = await world.ask_until(text, "hit", stream=is_stream)
    assert second.status_code == 200
    assert heard(second) == heard(first) == "Hello."
    assert second.headers["content-type"] == first.headers["content-type"]
    assert second.headers["x-gateway-cache-similarity"] == "1.0000"
    assert int(second.headers["x-gateway-cache-age"]) >= 0
    free = world.row(second.headers["x-request-id"])
    assert (free["outcome"], free["micro_usd"], free["saved_micro_usd"]) == ("cached", 0, COST)
    assert (free["deployment"], free["status"], free["is_stream"]) == ("cache", 200, is_stream)


async def test_only_if_cached_never_asks_a_provider(world: CacheWorld) -> None:
    before = len(world.rig.provider.requests)
    refused = await world.ask("Never asked before", headers={"cache-control": "only-if-cached"})
    assert (refused.status_code, error_code(refused)) == (504, "not_cached")
    assert len(world.rig.provider.requests) == before
