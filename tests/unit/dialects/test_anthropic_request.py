"""What a request for the Messages API is, and what has no form there: against goldens and the SDK's own types."""

import contextlib
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from extproc.dialects.anthropic_request import write_messages
from extproc.model.refusals import Refusal
from tests.unit.dialects.anthropic_goldens import CASES, DEPLOYMENT, asking, judged

FIELDS = ("tools", "tool_choice", "stop", "response_format", "reasoning_effort", "n", "temperature", "user", "top_k")
WORDS = ("type", "function", "name", "parameters", "json_schema", "schema", "description", "strict")
TOOL = {"type": "function", "function": {"name": "f"}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def written(**fields: Any) -> dict[str, Any]:
    return write_messages(asking(**fields), DEPLOYMENT.options)


def _listed(value: Any) -> Any:
    """The validated value with its lazy iterators read."""
    if isinstance(value, dict):
        return {name: _listed(each) for name, each in value.items()}
    return value if isinstance(value, str) or not isinstance(value, Iterable) else [_listed(each) for each in value]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_request_is_written_as_its_golden_file_says(case: dict[str, Any]) -> None:
    body = write_messages(judged(case["request"]), DEPLOYMENT.options)
    assert {"model": "claude-x", **body} == case["sent"]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_sdks_own_types_take_what_is_written(case: dict[str, Any]) -> None:
    form = MessageCreateParamsStreaming if case["request"].get("stream") else MessageCreateParamsNonStreaming
    body = {"model": "claude-x", **write_messages(judged(case["request"]), DEPLOYMENT.options)}
    # The SDK is of API version 2026-10-21, which has no sampling parameters.
    known = {name: value for name, value in body.items() if name not in {"temperature", "top_p", "top_k"}}
    # What the types do not know is left out of the result.
    assert _listed(TypeAdapter(form).validate_python(known)) == known


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"logprobs": 0}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logit_bias": {"1": 5}}, "logit_bias"),
        ({"seed": 1}, "seed"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"presence_penalty": -1}, "presence_penalty"),
        ({"audio": {"voice": "alloy"}}, "audio"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"verbosity": "low"}, "verbosity"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"function_call": "auto"}, "function_call"),
        ({"x_unknown": 1}, "x_unknown"),
        ({"temperature": 1.5}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"top_k": 1.5}, "top_k"),
        ({"stop": "\n"}, "stop"),
        ({"stop": ["a", 7]}, "stop"),
        ({"reasoning_effort": "minimal"}, "reasoning_effort"),
        ({"reasoning_effort": ["high"]}, "reasoning_effort"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, "response_format"),
        ({"user": 7}, "user"),
        ({"tools": "f"}, "tools"),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0]"),
        ({"tools": [TOOL, {"type": "function", "function": {}}]}, "tools[1]"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": 7}}]},
            "tools[0].function.parameters",
        ),
        ({"tools": [TOOL], "tool_choice": {"type": "allowed_tools", "allowed_tools": {}}}, "tool_choice"),
        ({"tools": [TOOL], "parallel_tool_calls": "no"}, "parallel_tool_calls"),
        ({"tool_choice": "required"}, "tool_choice"),
    ],
)
def test_what_has_no_form_here_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Refusal) as caught:
        written(**fields)
    assert (caught.value.kind.code, caught.value.param) == ("invalid_request", param)
    assert param in caught.value.message


@pytest.mark.parametrize(
    ("choice", "alone", "expected"),
    [
        (None, None, None),
        ("auto", True, {"type": "auto"}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("none", False, {"type": "none"}),
        ("required", None, {"type": "any"}),
        (
            {"type": "function", "function": {"name": "f"}},
            False,
            {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        ),
    ],
)
def test_a_tool_choice_keeps_its_meaning(choice: object, alone: bool | None, expected: object) -> None:
    body = written(tools=[TOOL], tool_choice=choice, parallel_tool_calls=alone)
    assert body.get("tool_choice") == expected


@pytest.mark.parametrize("choice", [None, "auto", "none"])
def test_a_choice_among_no_tools_is_none(choice: str | None) -> None:
    assert set(written(tools=[], tool_choice=choice, parallel_tool_calls=False)) == {"max_tokens", "messages"}


def test_a_limit_is_always_sent_the_clients_or_the_deployments() -> None:
    assert written()["max_tokens"] == 4096
    assert written(max_tokens=5)["max_tokens"] == 5
    assert write_messages(asking(), {"max_tokens": "77"})["max_tokens"] == 77
    assert write_messages(asking(), {})["max_tokens"] == 4096


def test_sampling_is_left_out_where_the_operator_says_so_and_still_judged() -> None:
    options = {"sampling": "omit"}
    fields = {"temperature": 0.2, "top_p": 0.5, "top_k": 7}
    assert fields.items() <= written(**fields).items()
    assert set(write_messages(asking(**fields), options)) == {"max_tokens", "messages"}
    with pytest.raises(Refusal):
        write_messages(asking(temperature=2), options)


@pytest.mark.parametrize("version", ["2026-10-21", "2027-01-01", "vertex-2026-10-21"])
def test_a_version_without_sampling_refuses_what_it_would_change(version: str) -> None:
    options = {"version": version}
    assert set(write_messages(asking(temperature=1.0, top_p=1), options)) == {"max_tokens", "messages"}
    with pytest.raises(Refusal) as caught:
        write_messages(asking(temperature=0.2), options)
    assert caught.value.param == "temperature"
    assert write_messages(asking(temperature=0.2), {**options, "sampling": "omit"})
    assert write_messages(asking(temperature=0.2), {"version": "vertex-2023-10-16"})["temperature"] == 0.2


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(FIELDS), _JSON, max_size=3))
def test_whatever_is_asked_is_written_or_refused(fields: dict[str, Any]) -> None:
    request = replace(asking(), payload={**asking().payload, **fields})
    with contextlib.suppress(Refusal):
        json.dumps(write_messages(request, DEPLOYMENT.options))


def test_the_newer_name_of_the_user_goes_first() -> None:
    assert written(user="a", safety_identifier="b")["metadata"] == {"user_id": "b"}
    assert "metadata" not in written(user="")
