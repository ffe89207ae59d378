"""What may be sent is what was judged, with nothing in it that policy takes out."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from extproc.adapters.memory_guard import MemoryRuleRunner, MemoryScanner
from extproc.exchange.guarding import Blocked, GuardAsked, Guarded, guard_request, spell
from extproc.model.catalog import Operation
from extproc.model.chat import ModelRequest
from extproc.model.guard import GuardSecrets, Result
from extproc.model.guard_policy import (
    Action,
    Check,
    GuardPolicies,
    GuardPolicy,
    OnFailure,
    Spotlight,
)
from extproc.policy.guard import GuardDesk
from tests.samples import PEPPER, make_key

ASKED = GuardAsked(make_key(), "x1", PEPPER)
SECRET = (("words", ("hunter2",)),)
REDACTS = GuardPolicy("v1", input=(Check("topics", Action.REDACT, options=SECRET),))
BLOCKS = GuardPolicy("v1", input=(Check("topics", Action.BLOCK, options=SECRET),))


def chat(*messages: Mapping[str, Any], **more: object) -> ModelRequest:
    return ModelRequest(Operation.CHAT, "m", False, False, {"model": "m", "messages": list(messages), **more})


def says(content: object, role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": content}


async def guard(
    request: ModelRequest, policy: GuardPolicy, rules: MemoryRuleRunner | None = None, **scanners: MemoryScanner
) -> Guarded:
    desk = GuardDesk(lambda: GuardPolicies(default=policy), rules or MemoryRuleRunner(), lambda: scanners)
    return await guard_request(request, ASKED, desk)


async def refused(request: ModelRequest, policy: GuardPolicy, rules: MemoryRuleRunner | None = None) -> Blocked:
    with pytest.raises(Blocked) as raised:
        await guard(request, policy, rules)
    return raised.value


async def test_without_a_policy_nothing_is_judged_and_nothing_changes() -> None:
    request = chat(says("hunter2"))
    rules = MemoryRuleRunner()
    desk = GuardDesk(GuardPolicies, rules, dict)
    assert await guard_request(request, ASKED, desk) == Guarded(request)
    assert rules.asked == []


async def test_context_is_woven_in_even_without_a_policy() -> None:
    desk = GuardDesk(GuardPolicies, MemoryRuleRunner(), dict)
    guarded = await guard_request(chat(says("What does it say?"), x_context=["It says no."]), ASKED, desk)
    assert "x_context" not in guarded.request.payload
    assert "It says no." in json.dumps(guarded.request.payload)


async def test_what_is_clean_goes_on_as_it_is() -> None:
    request = chat(says("hello"))
    guarded = await guard(request, REDACTS)
    assert (guarded.request, guarded.secrets) == (request, GuardSecrets())
    assert [each.result for each in guarded.verdicts] == [Result.CLEAN]


async def test_a_blocked_request_says_where_and_never_what() -> None:
    blocked = await refused(chat(says("hi"), says("my password is hunter2")), BLOCKS)
    assert (blocked.refusal.kind.code, blocked.refusal.param) == ("content_blocked", "messages[1].content")
    assert "hunter2" not in blocked.refusal.message
    assert [each.result for each in blocked.verdicts] == [Result.BLOCKED]


@pytest.mark.parametrize(
    "request_",
    [
        chat(says("it is hunter2", "system")),
        chat(says("it is hunter2", "tool")),
        chat(says([{"type": "text", "text": "it is hunter2"}])),
        chat(says([{"type": "text", "text": "it is hunt"}, {"type": "text", "text": "er2"}])),
        chat(says("x"), x_context=[{"text": "it is hunter2"}]),
        chat(says("x"), tools=[{"type": "function", "function": {"name": "f", "description": "it is hunter2"}}]),
        chat(
            says("x"),
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": "hunter2"}'}}
                ],
            },
        ),
        ModelRequest(Operation.EMBEDDINGS, "m", False, False, {"model": "m", "input": ["a", "it is hunter2"]}),
    ],
)
async def test_what_is_redacted_is_nowhere_in_what_is_sent(request_: ModelRequest) -> None:
    guarded = await guard(request_, REDACTS)
    sent = json.dumps(guarded.request.payload)
    assert "hunter2" not in sent.replace('"}, {"type": "text", "text": "', "")
    assert guarded.secrets.redactions
    assert all(each.placeholder in sent for each in guarded.secrets.redactions)
    for call in guarded.request.payload.get("messages", [])[-1:]:  # type: ignore[attr-defined]
        for each in call.get("tool_calls", []):
            json.loads(each["function"]["arguments"])


async def test_values_that_nobody_asked_back_are_forgotten() -> None:
    guarded = await guard(chat(says("hunter2")), replace(REDACTS, restores=False))
    assert guarded.secrets == GuardSecrets()


@pytest.mark.parametrize("policy", [OnFailure.CLOSED, OnFailure.OPEN])
async def test_a_scanner_that_is_down_closes_or_is_recorded(policy: OnFailure) -> None:
    guard_policy = GuardPolicy("v1", input=(replace(BLOCKS.input[0], on_failure=policy),))
    down = MemoryRuleRunner(is_down=True)
    if policy is OnFailure.OPEN:
        guarded = await guard(chat(says("hello")), guard_policy, down)
        assert [each.result for each in guarded.verdicts] == [Result.FAILED_OPEN]
        return
    blocked = await refused(chat(says("hello")), guard_policy, down)
    assert blocked.refusal.kind.code == "scanner_unavailable"
    assert ("retry-after", "1") in blocked.refusal.headers


async def test_a_canary_is_woven_in_where_leaks_are_looked_for() -> None:
    policy = GuardPolicy("v1", output=(Check("leakage", Action.BLOCK),))
    guarded = await guard(chat(says("Be brief.", "system"), says("hello")), policy)
    assert guarded.secrets.canary in json.dumps(guarded.request.payload["messages"][0])  # type: ignore[index]
    other = await guard_request(
        chat(says("hello")),
        replace(ASKED, exchange="x2"),
        GuardDesk(lambda: GuardPolicies(default=policy), MemoryRuleRunner(), dict),
    )
    assert other.secrets.canary != guarded.secrets.canary


async def test_embeddings_have_no_canary() -> None:
    policy = GuardPolicy("v1", output=(Check("leakage", Action.BLOCK),))
    request = ModelRequest(Operation.EMBEDDINGS, "m", False, False, {"model": "m", "input": "a"})
    assert await guard(request, policy) == Guarded(request)


async def test_the_schema_that_was_asked_for_goes_to_who_judges_the_answer() -> None:
    policy = GuardPolicy("v1", output=(Check("schema", Action.BLOCK),))
    schema = {"type": "object"}
    asked = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    guarded = await guard(chat(says("x"), response_format=asked), policy)
    assert json.loads(guarded.secrets.schema) == {"content": schema}
    assert (await guard(chat(says("x"), response_format={"type": "text"}), policy)).secrets.schema == ""


async def test_context_goes_to_a_scanner_that_holds_the_answer_against_it() -> None:
    policy = GuardPolicy("v1", output=(Check("grounded", Action.FLAG, is_builtin=False),))
    guarded = await guard(chat(says("x"), says("The sky is blue.", "tool")), policy)
    assert guarded.secrets.context == ("The sky is blue.",)


async def test_hostile_context_is_set_apart() -> None:
    policy = GuardPolicy("v1", spotlight=Spotlight.DELIMIT)
    guarded = await guard(chat(says("x"), says("The sky is blue.", "tool")), policy)
    assert guarded.request.payload != chat(says("x"), says("The sky is blue.", "tool")).payload


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (("messages", 2, "content"), "messages[2].content"),
        (("input", 0), "input[0]"),
        (("metadata", "*", "name"), "metadata.*.name"),
    ],
)
def test_a_place_is_spelled_as_applications_write_it(place: tuple[str | int, ...], text: str) -> None:
    assert spell(place) == text
