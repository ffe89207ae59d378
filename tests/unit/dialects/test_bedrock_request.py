"""What Converse can and cannot express beside the conversation. The goldens in test_bedrock have whole requests."""

import json
from typing import Any

import pytest

from extproc.model.refusals import Refusal
from tests.unit.dialects.bedrock_cases import chat, write

TOOL = {"type": "function", "function": {"name": "now"}}
CALL = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
TOOL_TURNS = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "12:00"},
]


def sent(**fields: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(write(chat(**fields)).body)
    assert body.pop("messages")
    return body


def refused(**fields: Any) -> str | None:
    with pytest.raises(Refusal) as caught:
        write(chat(**fields))
    assert caught.value.kind.code == "invalid_request"
    assert caught.value.message.startswith(str(caught.value.param))
    return caught.value.param


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 2),
        ("logprobs", True),
        ("top_logprobs", 1),
        ("logit_bias", {"1": 1}),
        ("seed", 1),
        ("seed", 0),
        ("frequency_penalty", 0.1),
        ("presence_penalty", -1),
        ("parallel_tool_calls", False),
        ("modalities", ["text", "audio"]),
        ("audio", {"voice": "a", "format": "wav"}),
        ("verbosity", "low"),
        ("web_search_options", {}),
        ("functions", [{}]),
        ("function_call", "auto"),
        ("x_unknown", 0),
        ("x_unknown", ""),
        ("temperature", 1.5),
        ("temperature", True),
        ("temperature", "0"),
        ("top_p", -0.1),
        ("stop", ""),
        ("stop", ["a", ""]),
        ("stop", [1]),
        ("stop", {"a": 1}),
        ("stop", ["x"] * 2501),
        ("response_format", {"type": "json_object"}),
        ("response_format", {"type": "json_schema", "json_schema": {"name": "x"}}),
        ("response_format", "json"),
        ("reasoning_effort", "minimal"),
        ("reasoning_effort", "none"),
        ("reasoning_effort", ["low"]),
        ("service_tier", "scale"),
        ("service_tier", {}),
        ("tools", {}),
        ("tool_choice", "auto"),
        ("tool_choice", "required"),
    ],
)
def test_what_converse_cannot_express_is_refused_by_name(name: str, value: object) -> None:
    assert refused(**{name: value}) == name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 1),
        ("logprobs", False),
        ("logit_bias", {}),
        ("frequency_penalty", 0),
        ("presence_penalty", 0.0),
        ("parallel_tool_calls", True),
        ("modalities", ["text"]),
        ("prediction", {"type": "content", "content": "x"}),
        ("prompt_cache_key", "k"),
        ("safety_identifier", "s"),
        ("store", True),
        ("response_format", {"type": "text"}),
        ("service_tier", "auto"),
        ("service_tier", "default"),
        ("tool_choice", "none"),
        ("tools", []),
        ("seed", None),
        ("x_unknown", None),
    ],
)
def test_what_says_nothing_new_is_dropped(name: str, value: object) -> None:
    assert sent(**{name: value}) == {}


def test_a_boolean_is_not_the_number_that_means_nothing() -> None:
    assert refused(presence_penalty=False) == "presence_penalty"
    assert refused(logprobs=0) == "logprobs"


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_either_token_limit_is_converses(name: str) -> None:
    assert sent(**{name: 7}) == {"inferenceConfig": {"maxTokens": 7}}


@pytest.mark.parametrize("value", [0, 1, 0.5])
def test_temperature_and_top_p_reach_from_0_to_1(value: float) -> None:
    assert sent(temperature=value, top_p=value) == {"inferenceConfig": {"temperature": value, "topP": value}}


@pytest.mark.parametrize("tier", ["flex", "priority"])
def test_a_service_tier_travels(tier: str) -> None:
    assert sent(service_tier=tier) == {"serviceTier": {"type": tier}}


@pytest.mark.parametrize(
    ("tool", "param"),
    [
        ({"type": "custom", "custom": {"name": "x"}}, "tools[1].type"),
        ("now", "tools[1].type"),
        ({"type": "function", "function": {"name": "a b"}}, "tools[1].function.name"),
        ({"type": "function", "function": {"name": "x" * 65}}, "tools[1].function.name"),
        ({"type": "function", "function": "now"}, "tools[1].function.name"),
        ({"type": "function", "function": {"name": "x", "parameters": [1]}}, "tools[1].function.parameters"),
        ({"type": "function", "function": {"name": "x", "description": 1}}, "tools[1].function.description"),
    ],
)
def test_a_tool_that_is_no_function_is_refused_by_its_place(tool: object, param: str) -> None:
    assert refused(tools=[TOOL, tool]) == param


@pytest.mark.parametrize(
    "choice",
    [
        {"type": "function", "function": {"name": "other"}},
        {"type": "function", "function": {}},
        {"type": "allowed_tools", "allowed_tools": {}},
        "any",
        [],
    ],
)
def test_a_tool_choice_that_converse_does_not_know_is_refused(choice: object) -> None:
    assert refused(tools=[TOOL], tool_choice=choice) == "tool_choice"


def test_a_function_without_description_parameters_or_strictness_has_none_of_them() -> None:
    bare = {"name": "now", "description": "", "parameters": None, "strict": False}
    spec = {"name": "now", "inputSchema": {"json": {"type": "object", "properties": {}}}}
    assert sent(tools=[{"type": "function", "function": bare}]) == {"toolConfig": {"tools": [{"toolSpec": spec}]}}


def test_tools_cannot_be_withheld_while_the_conversation_has_tool_calls() -> None:
    assert refused(messages=TOOL_TURNS) == "tools"
    assert refused(messages=TOOL_TURNS, tools=[TOOL], tool_choice="none") == "tool_choice"
    assert "toolConfig" in sent(messages=TOOL_TURNS, tools=[TOOL])


def test_user_and_metadata_become_request_metadata_where_it_can_hold_them() -> None:
    assert sent(user="a@b", metadata={"team": "x"}) == {"requestMetadata": {"user": "a@b", "team": "x"}}
    assert sent(user="ü") == {}
    assert sent(user="x" * 257, metadata={"": "a", "n" * 257: "a", "k": 1, "ok": ""}) == {"requestMetadata": {"ok": ""}}
    assert sent(user=["a"], metadata="a") == {}
    many = {f"k{at}": "v" for at in range(20)}
    kept = sent(user="me", metadata=many)["requestMetadata"]
    assert kept["user"] == "me"
    assert len(kept) == 16
