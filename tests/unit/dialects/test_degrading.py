"""What a deployment does without, by its operator's leave."""

import json
from dataclasses import replace
from typing import Any

import pytest

from extproc.dialects.degrading import write_for
from extproc.dialects.dialect import Outgoing
from extproc.dialects.openai import read_request
from extproc.dialects.registry import DIALECTS
from extproc.model.catalog import Operation
from extproc.model.degradation import ALWAYS_LEFT_OUT, DEGRADABLE
from extproc.model.refusals import Refusal
from tests.dialect_deployments import DEPLOYMENTS

CHAT = {"model": "chat", "messages": [{"role": "user", "content": "hi"}]}
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
# Values that at least one dialect cannot express, by the field that an operator lists.
BEYOND: dict[str, dict[str, Any]] = {
    "temperature": {"temperature": 1.7},
    "top_p": {"top_p": 2},
    "seed": {"seed": 2**40},
    "frequency_penalty": {"frequency_penalty": 0.5},
    "presence_penalty": {"presence_penalty": 0.5},
    "logit_bias": {"logit_bias": {"5": 1}},
    "n": {"n": 2},
    "logprobs": {"logprobs": True, "top_logprobs": 3},
    "response_format": {"response_format": {"type": "json_object"}},
    "parallel_tool_calls": {"tools": TOOLS, "parallel_tool_calls": False},
    "reasoning_effort": {"reasoning_effort": "extreme"},
    "verbosity": {"verbosity": "low"},
    "service_tier": {"service_tier": "scale"},
}
REFUSED = [(dialect, name) for dialect in DEGRADABLE if dialect not in ALWAYS_LEFT_OUT for name in DEGRADABLE[dialect]]


def write(dialect: str, fields: dict[str, Any], degrade: frozenset[str] = frozenset()) -> Outgoing:
    request = read_request(Operation.CHAT, json.dumps({**CHAT, **fields}).encode())
    return write_for(DIALECTS[dialect], request, replace(DEPLOYMENTS[dialect], degrade=degrade), (), 0.0)


@pytest.mark.parametrize(("dialect", "name"), REFUSED)
def test_a_field_that_is_refused_is_left_out_where_the_deployment_lists_it(dialect: str, name: str) -> None:
    fields = BEYOND[name]
    rest = {key: value for key, value in fields.items() if key not in {name, "top_logprobs"}}
    with pytest.raises(Refusal):
        write(dialect, fields)
    others = frozenset(DEGRADABLE[dialect]) - {name}
    with pytest.raises(Refusal):
        write(dialect, fields, others)
    outgoing = write(dialect, fields, frozenset({name}))
    assert outgoing.body == write(dialect, rest).body
    assert outgoing.degraded == (name,)


@pytest.mark.parametrize("dialect", DEGRADABLE)
def test_what_can_be_expressed_is_sent_though_it_is_listed(dialect: str) -> None:
    fields = {"temperature": 0.5} if dialect not in ALWAYS_LEFT_OUT else {"stop": ["x"]}
    outgoing = write(dialect, fields, frozenset(DEGRADABLE[dialect]))
    assert outgoing.body == write(dialect, fields).body
    assert outgoing.degraded == ()


@pytest.mark.parametrize("dialect", sorted(ALWAYS_LEFT_OUT))
def test_a_server_that_takes_the_openai_dialect_never_sees_what_its_deployment_lists(dialect: str) -> None:
    outgoing = write(dialect, {"seed": 7, "logprobs": True, "top_logprobs": 2}, frozenset({"seed", "logprobs", "n"}))
    assert outgoing.body == write(dialect, {}).body
    assert outgoing.degraded == ("logprobs", "seed")


def test_several_fields_are_left_out_one_after_the_other() -> None:
    fields = {"seed": 1, "n": 2, "logit_bias": {"5": 1}, "temperature": 0.5}
    outgoing = write("bedrock", fields, frozenset({"seed", "n", "logit_bias"}))
    assert outgoing.degraded == ("logit_bias", "n", "seed")
    assert outgoing.body == write("bedrock", {"temperature": 0.5}).body


def test_a_mistake_elsewhere_is_refused_still() -> None:
    with pytest.raises(Refusal) as caught:
        write("anthropic", {"seed": 1, "tools": [7]}, frozenset(DEGRADABLE["anthropic"]))
    assert caught.value.param == "tools[0]"
