import json
from dataclasses import replace

import pytest

from extproc.exchange.events import Replay
from extproc.exchange.replay import CACHE_DEPLOYMENT, Unplayable, replay
from extproc.model.cache import Recalled, Tier
from tests.cache_entries import make_entry
from tests.unit.exchange.remembered import Remembering
from tests.unit.exchange.test_delivery import context

TEXT = "One two, three.\n\nFour  five\tsix seven."
ANSWER = {
    "id": "",
    "object": "chat.completion",
    "created": 0,
    "model": "gpt-x",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "One two, three.\n\nFour  five\tsix seven.",
                "reasoning": "Hm.",
                "reasoning_content": "Hm.",
            },
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}


def hit(answer: object = ANSWER) -> Recalled:
    return Recalled(make_entry("q", answer=json.dumps(answer).encode()), Tier.EXACT, 1.0, 7.5)


async def play(answer: object = ANSWER, *, is_stream: bool, wants_usage: bool = False) -> Replay:
    found = context(is_stream=is_stream, wants_usage=wants_usage)
    plan = (replace(found.plan[0], deployment=CACHE_DEPLOYMENT),)
    return await replay(hit(answer), replace(found, plan=plan, started_at_s=1_800_000_000.0), None, 100_000)


async def test_a_plain_answer_is_given_with_the_exchanges_own_id_and_time() -> None:
    replayed = await play(is_stream=False)
    said = json.loads(replayed.reply.body)
    assert (said["id"], said["created"]) == ("chatcmpl-x-1", 1_800_000_000)
    assert {name: said[name] for name in ("object", "model", "choices", "usage")} == {
        name: ANSWER[name] for name in ("object", "model", "choices", "usage")
    }
    assert dict(replayed.reply.headers)["content-type"] == "application/json"
    assert (replayed.record.deployment, replayed.record.is_complete) == ("cache", True)


@pytest.mark.parametrize("wants_usage", [False, True])
async def test_a_stream_says_the_same_in_pieces_with_usage_as_asked(*, wants_usage: bool) -> None:
    replayed = await play(is_stream=True, wants_usage=wants_usage)
    assert dict(replayed.reply.headers)["content-type"] == "text/event-stream"
    *events, done, rest = replayed.reply.body.decode().split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events]
    assert {chunk["id"] for chunk in chunks} == {"chatcmpl-x-1"}
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert "".join(delta.get("content", "") for delta in deltas) == TEXT
    for name in ("reasoning", "reasoning_content"):
        assert "".join(delta.get(name, "") for delta in deltas) == "Hm."
    assert sum("content" in delta for delta in deltas) > 2
    assert [chunk["usage"] for chunk in chunks if chunk.get("usage")] == ([ANSWER["usage"]] if wants_usage else [])


@pytest.mark.parametrize(
    "broken",
    [
        [],
        {},
        {**ANSWER, "object": "list"},
        {**ANSWER, "choices": []},
        {**ANSWER, "choices": [{"message": {"content": None}}]},
        {**ANSWER, "choices": ANSWER["choices"] * 2},  # type: ignore[operator]
    ],
)
async def test_what_is_no_answer_of_ours_cannot_be_given(broken: object) -> None:
    with pytest.raises(Unplayable):
        await play(broken, is_stream=False)


async def test_clients_of_the_other_dialect_hear_it_in_theirs() -> None:
    world = Remembering()
    fields = {"max_tokens": 10, "surface": "anthropic", "headers": {"anthropic-version": "2023-06-01"}}
    first = await world.ask(**fields)  # type: ignore[arg-type]
    second = await world.ask(**fields)  # type: ignore[arg-type]
    assert (first.cache, second.cache) == ("miss", "hit")
    one, other = json.loads(first.body), json.loads(second.body)
    assert other["content"] == one["content"] == [{"type": "text", "text": "Hello."}]
    assert one.keys() == other.keys()


async def test_a_hit_is_free_and_says_what_it_saved() -> None:
    world = Remembering()
    await world.ask()
    world.clock.advance(9.0)
    asked = await world.ask()
    cached = asked.record.context.cached
    assert (cached.tier, cached.similarity, cached.age_s, cached.exchange) == ("exact", 1.0, 9.0, "req-1")
    headers = dict(asked.headers)
    assert (headers["x-gateway-cache-similarity"], headers["x-gateway-cache-age"]) == ("1.0000", "9")
