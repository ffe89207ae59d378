"""A remembered answer is judged like any other: each check runs once each way, plain and streamed, for both clients."""

import json
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.cache_world import EXACT, CacheWorld, run_cache_world
from tests.e2e.rig_values import TOKEN

INPUT = {"topics": {"action": "flag", "options": {"words": ["rivals"]}}, "injection": {"action": "flag"}}
OUTPUT = {"secrets": {"action": "redact"}, "markers": {"action": "flag"}, "urls": {"action": "flag"}}
GUARD = {"default": "watched", "policies": [{"name": "watched", "input": INPUT, "output": OUTPUT}]}
ONCE = Counter([*(("input", each) for each in INPUT), *(("output", each) for each in OUTPUT)])


@pytest.fixture(scope="module")
def world() -> Iterator[CacheWorld]:
    yield from run_cache_world(EXACT, {"guard": GUARD})


async def ask(world: CacheWorld, surface: str, text: str, *, is_stream: bool) -> httpx.Response:
    if surface == "openai":
        return await world.ask(text, stream=is_stream)
    body = {"model": "chat", "max_tokens": 50, "stream": is_stream, "messages": [{"role": "user", "content": text}]}
    headers = {"anthropic-version": "2023-06-01", "x-api-key": TOKEN}
    async with httpx.AsyncClient(base_url=world.rig.url, timeout=60, trust_env=False) as client:
        return await client.post("/v1/messages", json=body, headers=headers)


@pytest.mark.parametrize("surface", ["openai", "anthropic"])
@pytest.mark.parametrize("is_stream", [False, True])
async def test_every_check_runs_once_each_way_on_a_remembered_answer(
    world: CacheWorld, surface: str, *, is_stream: bool
) -> None:
    text = f"What do our rivals do ({surface}, {is_stream})?"
    answer = await ask(world, surface, text, is_stream=is_stream)
    assert (answer.status_code, answer.headers["x-gateway-cache"]) == (200, "miss"), answer.text
    for _ in range(100):
        if answer.headers["x-gateway-cache"] == "hit":
            break
        answer = await ask(world, surface, text, is_stream=is_stream)
    assert answer.headers["x-gateway-cache"] == "hit"
    identity = answer.headers.get("x-request-id") or answer.headers["request-id"]
    row = world.row(identity)
    assert row["outcome"] == "cached"
    verdicts = [json.loads(each) for each in row["verdicts"]]
    assert Counter((each["direction"], each["scanner"]) for each in verdicts) == ONCE
    results = {(each["direction"], each["scanner"]): each["result"] for each in verdicts}
    assert results["input", "topics"] == "flagged"
