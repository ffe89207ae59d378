"""What a caller and a record are told of a judged request: places in the request, and never what was found."""

import json
from dataclasses import replace
from typing import Any

import pytest

from extproc.adapters.memory_guard import MemoryRuleRunner
from extproc.exchange.admission import Admission
from extproc.exchange.events import Go, Reply
from extproc.exchange.spending import SpendingDesk
from extproc.model.guard_policy import Action, Check, GuardPolicies, GuardPolicy
from extproc.model.ledger import LedgerRow
from extproc.model.limits import Outage
from extproc.policy.allowance import Allowances
from extproc.policy.guard import GuardDesk
from extproc.policy.reserve import Limits
from tests.unit.exchange.worlds import World, chat

WORD = "hunter2"
WATCHED = (("words", (WORD,)),)


def says(*texts: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "text", "text": text} for text in texts]}]


def calls(arguments: str, **more: Any) -> list[dict[str, Any]]:
    function = {"name": "f", "arguments": arguments}
    call = {"id": "c1", "type": "function", "function": function, **more}
    return [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": str(more.get("id", "c1")), "content": "y"},
    ]


def tool(**function: Any) -> list[dict[str, Any]]:
    return [{"type": "function", "function": {"name": "f", **function}}]


def schema(**parameters: Any) -> list[dict[str, Any]]:
    return tool(parameters={"type": "object", **parameters})


async def admit(action: Action, fields: dict[str, Any]) -> tuple[Go | Reply, list[LedgerRow]]:
    world = World()
    noted: list[LedgerRow] = []
    spending = SpendingDesk(Limits, None, lambda _: Outage(), Allowances(), noted.append)  # type: ignore[arg-type]
    policy = GuardPolicy("v1", input=(Check("topics", action, options=WATCHED),))
    guard = GuardDesk(lambda: GuardPolicies(default=policy), MemoryRuleRunner(), dict)
    desk = replace(world.desk, guard=guard, spending=spending if action is Action.BLOCK else None)
    admission = Admission(desk)
    await admission.handle(world.head())
    done = await admission.handle(chat(**fields))
    assert isinstance(done, Go | Reply)
    return done, noted


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": says(f"it is {WORD}")}, "messages[0].content[0].text"),
        ({"messages": says("x", "it is hunt", "er2")}, "messages[0].content[1].text"),
        ({"user": WORD}, "user"),
        ({"metadata": {"a": "b", "password": WORD}}, "metadata.*"),
        ({"metadata": {WORD: "b"}}, "metadata"),
        ({"stop": ["x", WORD]}, "stop[1]"),
        ({"messages": calls('{"a": "hunt", "b": "er2"}')}, "messages[1].tool_calls[0].function.arguments"),
        ({"messages": calls('{"a": "\\u0068unter2"}')}, "messages[1].tool_calls[0].function.arguments"),
        ({"tools": schema(properties={WORD: {"type": "string"}})}, "tools[0].function.parameters.properties"),
        (
            {"tools": schema(properties={"a": {"enum": ["x", WORD]}})},
            "tools[0].function.parameters.properties.*.enum[1]",
        ),
    ],
)
async def test_a_block_names_a_place_in_the_request_and_so_does_the_record(fields: dict[str, Any], param: str) -> None:
    reply, (row,) = await admit(Action.BLOCK, fields)
    assert isinstance(reply, Reply)
    error = json.loads(reply.body)["error"]
    assert (error["code"], error["param"]) == ("content_blocked", param)
    (verdict,) = map(json.loads, row.verdicts)
    assert verdict["result"] == "blocked"
    assert verdict["findings"]
    assert "#" not in str(verdict)
    assert WORD not in str(verdict)


@pytest.mark.parametrize(
    "fields",
    [
        {"stop": ["x", WORD]},
        {"messages": calls("{}", id=f"call {WORD}")},
        {"messages": [{"role": "user", "name": WORD, "content": "x"}]},
        {"tools": tool(name=WORD)},
        {"tools": schema(properties={WORD: {"type": "string"}})},
        {"tools": schema(properties={"a": {"enum": ["x", WORD]}})},
        {"tools": tool(), "tool_choice": {"type": "function", "function": {"name": WORD}}},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"https://x/{WORD}"}}]}]},
        {"user": "x", "messages": says(f"it is {WORD}"), "stop": WORD},
    ],
)
async def test_what_cannot_be_taken_out_where_it_is_stops_the_request(fields: dict[str, Any]) -> None:
    reply, _ = await admit(Action.REDACT, fields)
    assert isinstance(reply, Reply), json.loads(reply.body)
    error = json.loads(reply.body)["error"]
    assert error["code"] == "content_blocked"
    assert WORD not in str(error)
    assert "content" not in error["param"] or "image_url" in error["param"]


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": says(f"it is {WORD}")},
        {"messages": calls(json.dumps({"a": WORD, WORD: ["x", {"b": f"my {WORD}"}]}))},
        {"tools": tool(description=f"it is {WORD}")},
        {"tools": schema(properties={"a": {"type": "string", "description": f"it is {WORD}"}})},
        {"metadata": {"a": WORD, WORD: "b"}},
        {"user": WORD},
    ],
)
async def test_what_can_be_is_and_what_was_json_still_is(fields: dict[str, Any]) -> None:
    go, _ = await admit(Action.REDACT, fields)
    assert isinstance(go, Go), go
    sent = json.loads(go.body)
    assert WORD not in str(sent)
    for message in sent["messages"]:
        for call in message.get("tool_calls", ()):
            json.loads(call["function"]["arguments"])
