import asyncio
from dataclasses import replace
from typing import Any

import pytest

from extproc.exchange.events import Go, Replay
from extproc.exchange.remembering import Lookup
from extproc.model.cache import CachePolicy
from extproc.model.guard_policy import Action, GuardPolicies, GuardPolicy
from tests.guard_world import words
from tests.unit.exchange.remembered import EXACT, SEMANTIC, Remembering, desk_of


async def test_the_same_question_is_answered_once_by_a_provider() -> None:
    world = Remembering()
    first, second = await world.ask("What?"), await world.ask("What?")
    assert (first.cache, second.cache) == ("miss", "hit")
    assert second.text == first.text == "Hello."
    assert world.lookups == [Lookup("", "absent"), Lookup("exact", "hit")]


async def test_who_remembers_nothing_hears_nothing_of_it() -> None:
    world = Remembering(policy=CachePolicy())
    assert (await world.ask()).cache == (await world.ask()).cache == ""
    assert world.lookups == []
    assert world.embedder.asked == 0


async def test_a_question_in_other_words_has_the_answer_only_where_no_guard_speaks() -> None:
    world = Remembering(policy=SEMANTIC)
    await world.ask("abc def")
    near = await world.ask("def abc")
    assert (near.cache, dict(near.headers)["x-gateway-cache-similarity"]) == ("hit", "1.0000")
    world.differs = lambda *_: "negation"
    assert (await world.ask("fed abc")).cache == "miss"


@pytest.mark.parametrize(
    ("said", "second", "third"),
    [
        ("no-store", "bypass", "miss"),
        ("no-cache", "bypass", "hit"),
        ("max-age=0", "miss", "hit"),
        ("max-age=600", "hit", "hit"),
        ("only-if-cached", "hit", "hit"),
    ],
)
async def test_cache_control_is_obeyed(said: str, second: str, third: str) -> None:
    world = Remembering()
    if said != "no-store":
        await world.ask()
        world.clock.advance(1.0)
    assert (await world.ask(headers={"cache-control": said})).cache == second
    assert (await world.ask()).cache == third


async def test_only_if_cached_is_refused_where_there_is_nothing() -> None:
    world = Remembering()
    asked = await world.ask(headers={"cache-control": "only-if-cached"})
    assert (asked.status, asked.text) == (504, "not_cached")


CALL = {"index": 0, "id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    "answer",
    [
        {"finish_reason": "length", "message": {"content": "Hel"}},
        {"finish_reason": "content_filter", "message": {"content": "Hel"}},
        {
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "I'm sorry, but I can't help with that."},
        },
        {"finish_reason": "stop", "message": {"role": "assistant", "content": None, "refusal": "No."}},
        {
            "finish_reason": "tool_calls",
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [CALL],
            },
        },
    ],
)
@pytest.mark.parametrize("is_stream", [False, True])
async def test_what_is_no_whole_answer_is_not_remembered(answer: dict[str, Any], *, is_stream: bool) -> None:
    world = Remembering()
    assert (await world.ask(answer=answer, stream=is_stream)).status == 200
    assert (await world.ask(stream=is_stream)).cache == "miss"


async def test_an_error_is_not_remembered() -> None:
    world = Remembering()
    assert (await world.ask(status=500)).status == 502
    assert (await world.ask()).cache == "miss"


@pytest.mark.parametrize("action", [Action.BLOCK, Action.REDACT])
async def test_an_answer_that_policy_changed_is_not_remembered(action: Action) -> None:
    policies = GuardPolicies(GuardPolicy(version="g", output=(words(action, "secret"),)))
    world = Remembering(guard=desk_of(policies))
    await world.ask(answer="It is secret.")
    assert (await world.ask()).cache == "miss"


async def test_a_request_that_policy_changed_is_not_looked_for() -> None:
    policies = GuardPolicies(GuardPolicy(version="g", input=(words(Action.REDACT, "secret"),)))
    world = Remembering(guard=desk_of(policies))
    assert [(await world.ask("my secret")).cache for _ in range(2)] == ["bypass", "bypass"]
    assert [(await world.ask("my name")).cache for _ in range(2)] == ["miss", "hit"]


async def test_an_answer_is_judged_by_the_policy_in_force_when_it_is_given() -> None:
    held = [GuardPolicies(GuardPolicy(version="g", output=(words(Action.FLAG, "never"),)))]
    base = desk_of(held[0])
    world = Remembering(guard=replace(base, policies=lambda: held[0]))
    await world.ask(answer="It is a secret.")
    # The version is the same on purpose: a new one would be a miss already.
    held[0] = GuardPolicies(GuardPolicy(version="g", output=(words(Action.BLOCK, "secret"),)))
    asked = await world.ask()
    assert isinstance(asked.action, Replay)
    assert (asked.status, asked.text) == (400, "completion_blocked")
    assert [each.result for each in asked.record.verdicts] == ["blocked"]


async def test_another_policy_of_the_firewall_is_another_question() -> None:
    held = [GuardPolicies(GuardPolicy(version="one"))]
    world = Remembering(guard=replace(desk_of(held[0]), policies=lambda: held[0]))
    await world.ask()
    held[0] = GuardPolicies(GuardPolicy(version="two"))
    assert (await world.ask()).cache == "miss"


async def test_a_cache_that_is_away_is_a_miss() -> None:
    world = Remembering(policy=SEMANTIC)
    await world.ask("abc")
    world.embedder.is_down = True
    assert (await world.ask("cba")).cache == "miss"
    world.memory.is_down = True
    assert (await world.ask("abc")).cache == "miss"
    assert world.bugs == []


async def test_a_cache_that_hangs_is_a_miss() -> None:
    world = Remembering(policy=SEMANTIC, patience_s=0.05)

    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    world.memory = replace_method(world.memory, "get", hang)
    async with asyncio.timeout(10):
        assert (await world.ask("abc")).cache == "miss"


async def test_a_bug_in_the_cache_is_a_miss_that_is_told() -> None:
    world = Remembering()

    async def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    world.memory = replace_method(world.memory, "get", fail)
    asked = await world.ask()
    assert (asked.status, asked.cache) == (200, "miss")
    assert [type(each) for each in world.bugs] == [RuntimeError]


async def test_an_entry_that_is_no_answer_is_a_miss_and_is_replaced() -> None:
    world = Remembering()
    await world.ask()
    ((key, entry),) = world.memory._entries.items()
    world.memory._entries[key] = replace(entry, answer=b'{"object":"list"}')
    assert (await world.ask()).cache == "miss"
    assert (await world.ask()).cache == "hit"


async def test_who_asks_the_same_meanwhile_waits_for_the_one_answer() -> None:
    world = Remembering()
    is_asked, may_answer = asyncio.Event(), asyncio.Event()

    async def hold(_: Go) -> None:
        is_asked.set()
        await may_answer.wait()

    world.before = hold
    first = asyncio.create_task(world.ask())
    await is_asked.wait()
    others = [asyncio.create_task(world.ask()) for _ in range(5)]
    for _ in range(20):
        await asyncio.sleep(0)
    may_answer.set()
    async with asyncio.timeout(10):
        results = [await first, *[await each for each in others]]
    assert [each.cache for each in results] == ["miss", *["hit"] * 5]


async def test_where_nobody_waits_each_asks_a_provider() -> None:
    world = Remembering(policy=replace(EXACT, waits=False))
    is_asked, may_answer = asyncio.Event(), asyncio.Event()

    async def hold(_: Go) -> None:
        is_asked.set()
        await may_answer.wait()

    world.before = hold
    first = asyncio.create_task(world.ask())
    await is_asked.wait()
    is_asked.clear()
    second = asyncio.create_task(world.ask())
    async with asyncio.timeout(10):
        await is_asked.wait()
        may_answer.set()
        assert [(await each).cache for each in (first, second)] == ["miss", "miss"]


async def test_a_refusal_after_the_cache_lets_the_others_go_on() -> None:
    world = Remembering()
    world.world.vault.secrets.clear()
    assert (await world.ask()).status == 503
    await world.writer.flush(5.0)
    assert not world.memory._asking


async def test_who_got_no_answer_lets_the_others_go_on() -> None:
    world = Remembering()
    await world.ask(status=500)
    assert not world.memory._asking


def replace_method(memory: Any, name: str, method: Any) -> Any:
    """The same memory, one of whose methods is another."""

    class Other:
        def __getattr__(self, wanted: str) -> Any:
            return method if wanted == name else getattr(memory, wanted)

    return Other()


async def test_a_share_of_near_answers_is_compared_with_new_ones() -> None:
    world = Remembering(policy=replace(SEMANTIC, shadow_share=1.0))
    await world.ask("abc", answer="The answer.")
    asked = await world.ask("cba", answer="The answer.")
    assert asked.cache == "miss"
    assert [(each.is_equal, each.is_same) for each in world.compared] == [(True, True)]
    await world.ask("bca", answer="Something quite different 123")
    assert [(each.is_equal, each.is_same) for each in world.compared[1:]] == [(False, False)]


async def test_the_same_question_is_never_sampled() -> None:
    world = Remembering(policy=replace(SEMANTIC, shadow_share=1.0))
    await world.ask("abc")
    assert (await world.ask("abc")).cache == "hit"
