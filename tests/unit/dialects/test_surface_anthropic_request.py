"""What Anthropic's clients may ask. The whole forms are in tests/golden/surface-anthropic."""

import contextlib
import json
from typing import Any

import pytest
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from extproc.dialects.anthropic import Anthropic
from extproc.dialects.extension import EXTENSION
from extproc.dialects.surface_anthropic_request import read_messages
from extproc.model.catalog import Operation
from extproc.model.refusals import Refusal
from tests.unit.dialects.anthropic_goldens import DEPLOYMENT
from tests.unit.dialects.surface_goldens import REQUESTS, asking, canonical, read

TOOL: dict[str, Any] = {"name": "f", "input_schema": {"type": "object"}}
# The SDK's types have none of the sampling parameters any more; the API's older version has.
_OLD = ("temperature", "top_p", "top_k")


@pytest.mark.parametrize("case", REQUESTS.values(), ids=REQUESTS)
def test_a_request_becomes_what_its_golden_file_says(case: dict[str, Any]) -> None:
    request = read(**case["request"])
    assert request.payload == canonical(case["canonical"])
    assert (request.surface, request.wants_usage) == ("anthropic", True)
    assert request.is_stream is case["request"].get("stream", False)


@pytest.mark.parametrize("case", REQUESTS.values(), ids=REQUESTS)
def test_a_golden_file_asks_and_sends_what_the_sdk_calls_a_request(case: dict[str, Any]) -> None:
    for body in (case["request"], case["sent"]):
        form: Any = MessageCreateParamsStreaming if body.get("stream") else MessageCreateParamsNonStreaming
        TypeAdapter(form).validate_python({name: each for name, each in body.items() if name not in _OLD})


@pytest.mark.parametrize("case", REQUESTS.values(), ids=REQUESTS)
def test_nothing_is_lost_on_the_way_to_an_anthropic_deployment(case: dict[str, Any]) -> None:
    sent = json.loads(Anthropic().write(read(**case["request"]), DEPLOYMENT, (), 0).body)
    assert sent == case["sent"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"model": None}, "model"),
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"stream": "yes"}, "stream"),
        ({"temperature": 1.1}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"top_p": "x"}, "top_p"),
        ({"top_k": -1}, "top_k"),
        ({"stop_sequences": "x"}, "stop_sequences"),
        ({"stop_sequences": [""]}, "stop_sequences"),
        ({"metadata": {"user_id": 7}}, "metadata"),
        ({"metadata": {"user": "x"}}, "metadata"),
        ({"service_tier": "priority"}, "service_tier"),
        ({"cache_control": {"type": "persistent"}}, "cache_control"),
        ({"thinking": {"type": "enabled"}}, "thinking"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1000}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "adaptive", "display": "loud"}}, "thinking.display"),
        ({"thinking": {"type": "adaptive", "mood": "x"}}, "thinking.mood"),
        ({"output_config": []}, "output_config"),
        ({"output_config": {"effort": "none"}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "json_object"}}}, "output_config.format"),
        ({"output_config": {"task_budget": {}}}, "output_config.task_budget"),
        ({"tools": {}}, "tools"),
        ({"tools": [7]}, "tools.0"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools.0.type"),
        ({"tools": [{"name": "f"}]}, "tools.0.input_schema"),
        ({"tools": [{**TOOL, "name": ""}]}, "tools.0.name"),
        ({"tools": [{**TOOL, "description": 7}]}, "tools.0.description"),
        ({"tools": [{**TOOL, "strict": 1}]}, "tools.0.strict"),
        ({"tools": [{**TOOL, "cache_control": 1}]}, "tools.0.cache_control"),
        ({"tools": [{**TOOL, "mood": 1}]}, "tools.0.mood"),
        ({"tools": [TOOL], "tool_choice": "auto"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"tools": [TOOL], "tool_choice": {"type": "auto", "mood": 1}}, "tool_choice.mood"),
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
        ({"mcp_servers": [{"type": "url"}]}, "mcp_servers"),
        ({"container": "c"}, "container"),
        ({"x_unknown": 1}, "x_unknown"),
        ({"api_base": "http://evil.example"}, "api_base"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_cannot_be_carried_is_refused_by_its_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Refusal) as caught:
        asking(**fields)
    assert (caught.value.kind.code, caught.value.param) == ("invalid_request", param)


@pytest.mark.parametrize(
    "fields",
    [
        {"stop_sequences": []},
        {"metadata": {}},
        {"metadata": {"user_id": None}},
        {"tools": []},
        {"tools": None, "tool_choice": {"type": "none"}},
        {"container": None},
        {"system": ""},
        {"output_config": {}},
    ],
)
def test_what_says_nothing_changes_nothing(fields: dict[str, Any]) -> None:
    assert asking(**fields).payload == asking().payload


def test_a_count_needs_no_limit_and_takes_none() -> None:
    messages = [{"role": "user", "content": "hi"}]
    request = read(Operation.COUNT_TOKENS, model="chat", messages=messages)
    assert request.operation is Operation.COUNT_TOKENS
    assert request.payload == {"model": "chat", "messages": messages, EXTENSION: {}}
    with pytest.raises(Refusal):
        read(Operation.COUNT_TOKENS, model="chat", messages=messages, max_tokens=9)


def test_no_client_can_write_an_extension() -> None:
    with pytest.raises(Refusal):
        read_messages(Operation.CHAT, json.dumps({"model": "m", EXTENSION: {"top_k": 1}}).encode())


_WORDS = ("role", "content", "type", "text", "image", "source", "tool_use", "tool_result", "input", "id", "thinking")
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["user", "assistant", "text", "tool_use", "enabled"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_WORDS), inner, max_size=4),
    max_leaves=12,
)
_FIELDS = ("messages", "system", "tools", "tool_choice", "thinking", "metadata", "output_config", "stop_sequences")


@given(st.dictionaries(st.sampled_from(_FIELDS), _JSON, max_size=3))
def test_whatever_is_asked_is_read_or_refused(fields: dict[str, Any]) -> None:
    with contextlib.suppress(Refusal):
        asking(**fields)
