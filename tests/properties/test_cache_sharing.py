"""Who shares an answer: through admission, delivery and the writer as they run, over a cache in memory.

Whatever one field of a request says differently, and whoever else asks, the answer is not the same one. The embedder
takes all texts of the same letters for the same, and no guard speaks: what keeps requests apart here is the partition.
"""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.model.cache import Scope
from extproc.model.ids import KeyId, OrganisationId, ProjectId, TeamId
from tests.unit.exchange.remembered import SEMANTIC, Remembering

USER = {"role": "user", "content": "abc"}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
OTHER_TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object", "properties": {}}}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
OTHER_IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,BBBB"}}
FIELDS: dict[str, list[Any]] = {
    "temperature": [0, 0.5, 1],
    "top_p": [0.5, 1],
    "seed": [1, 2],
    "max_tokens": [10, 20],
    "max_completion_tokens": [30, 31],
    "stop": [["END"], "END", ["STOP"]],
    "presence_penalty": [0.1, 0.2],
    "frequency_penalty": [0.1, 0.2],
    "logit_bias": [{"1": 1}, {"1": 2}],
    "reasoning_effort": ["low", "high"],
    "verbosity": ["low", "high"],
    "response_format": [{"type": "json_object"}, {"type": "text"}],
    "tools": [[TOOL], [OTHER_TOOL], [TOOL, OTHER_TOOL]],
    "tool_choice": ["auto", "none"],
    "parallel_tool_calls": [True, False],
    "modalities": [["text"], ["text", "audio"]],
    "service_tier": ["auto", "flex"],
    "metadata": [{"locale": "en"}, {"locale": "de"}],
    "web_search_options": [{}, {"search_context_size": "low"}],
    "x_unheard_of": [1, 2, "1"],
}
CONVERSATIONS: list[list[Any]] = [
    [USER],
    [{"role": "system", "content": "Be brief."}, USER],
    [{"role": "system", "content": "Be long."}, USER],
    [{"role": "developer", "content": "Be brief."}, USER],
    [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}, USER],
    [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Good day."}, USER],
    [{**USER, "name": "ann"}],
    [{**USER, "name": "bob"}],
    [{"role": "user", "content": [{"type": "text", "text": "abc"}]}],
    [{"role": "user", "content": [{"type": "text", "text": "abc"}, IMAGE]}],
    [{"role": "user", "content": [{"type": "text", "text": "abc"}, OTHER_IMAGE]}],
    [{"role": "user", "content": [IMAGE, {"type": "text", "text": "abc"}]}],
]
ABSENT = object()


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """A request with any of these fields."""
    names = draw(st.sets(st.sampled_from(sorted(FIELDS))))
    fields = {name: draw(st.sampled_from(FIELDS[name])) for name in sorted(names)}
    return {**fields, "messages": draw(st.sampled_from(CONVERSATIONS)), "model": draw(st.sampled_from(["one", "two"]))}


@st.composite
def neighbours(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two requests that differ in one field."""
    base = draw(requests())
    name = draw(st.sampled_from(["messages", "model", *sorted(FIELDS)]))
    values: list[Any] = {"messages": CONVERSATIONS, "model": ["one", "two"]}.get(name, [*FIELDS.get(name, []), ABSENT])
    had = base.get(name, ABSENT)
    other = draw(st.sampled_from([each for each in values if repr(each) != repr(had)]))
    changed = {**base, name: other}
    if other is ABSENT:
        del changed[name]
    return base, changed


@given(neighbours())
@settings(max_examples=300, deadline=None)
def test_requests_that_differ_in_one_field_never_share(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    async def play() -> None:
        world = Remembering(policy=SEMANTIC)
        one, other = pair
        first = await world.ask(**one)
        if first.status != 200 or first.cache != "miss":
            return
        assert (await world.ask(**other)).cache in {"miss", "bypass", ""}
        assert (await world.ask(**one)).cache == "hit"

    asyncio.run(play())


WHO = {
    "organisation": OrganisationId("globex"),
    "team": TeamId("loans"),
    "project": ProjectId("voice"),
    "id": KeyId("key_2"),
}


@pytest.mark.parametrize(
    ("scope", "apart"),
    [
        (Scope.TEAM, {"organisation", "team"}),
        (Scope.PROJECT, {"organisation", "team", "project"}),
        (Scope.USER, {"organisation", "team", "project", "id"}),
    ],
)
@pytest.mark.parametrize("who", sorted(WHO))
async def test_only_who_is_of_the_same_scope_shares(scope: Scope, apart: set[str], who: str) -> None:
    world = Remembering(policy=replace(SEMANTIC, scope=scope))
    await world.ask("abc")
    assert (await world.ask("abc")).cache == "hit"
    world.world.put(**{who: WHO[who]})
    assert (await world.ask("abc")).cache == ("miss" if who in apart else "hit")


@pytest.mark.parametrize("scope", Scope)
async def test_two_users_share_unless_the_scope_is_the_user(scope: Scope) -> None:
    world = Remembering(policy=replace(SEMANTIC, scope=scope))
    await world.ask("abc", user="ann")
    assert (await world.ask("abc", user="ann")).cache == "hit"
    for text, user in (("abc", "bob"), ("cba", "cid")):
        assert (await world.ask(text, user=user)).cache == ("miss" if scope is Scope.USER else "hit")


async def test_how_an_answer_travels_is_no_other_question() -> None:
    world = Remembering(policy=SEMANTIC)
    await world.ask("abc")
    assert (await world.ask("abc", stream=True)).text == "Hello."
    usage = await world.ask("abc", stream=True, stream_options={"include_usage": True})
    assert (usage.cache, b'"usage"' in usage.body) == ("hit", True)


async def test_another_configuration_is_another_question() -> None:
    world = Remembering(policy=SEMANTIC)
    await world.ask("abc")
    world.policy = replace(SEMANTIC, version="v2")
    assert (await world.ask("abc")).cache == "miss"
    world.world.catalog = replace(world.world.catalog, version="v2")
    assert (await world.ask("abc")).cache == "miss"
    world.embedder.name = "another"
    assert (await world.ask("abc")).cache == "miss"


async def test_an_erased_user_and_a_revoked_key_are_answered_nothing() -> None:
    world = Remembering(policy=SEMANTIC)
    await world.ask("abc", user="ann")
    (entry,) = world.memory._entries.values()
    assert await world.memory.purge("acme", owner=":" + entry.owner.partition(":")[2], partition=None) == 1
    assert (await world.ask("abc", user="ann")).cache == "miss"
    world.world.put(revoked_at_s=0.0)
    asked = await world.ask("abc", user="ann")
    assert (asked.status, asked.text) == (401, "invalid_api_key")
