from typing import Any

import pytest

from extproc.dialects.vertex_request import write_payload
from extproc.model.refusals import Refusal

SCHEMA = {"type": "object", "description": "own"}


def config(model: str = "gemini-2.5-flash", **fields: Any) -> dict[str, Any]:
    body = write_payload({"model": "m", "messages": [{"role": "user", "content": "Hi"}], **fields}, model)
    found: dict[str, Any] = body.get("generationConfig", {})
    return found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("logit_bias", {"7": 1}),
        ("audio", {"voice": "alloy"}),
        ("modalities", ["text", "audio"]),
        ("functions", [{"name": "f"}]),
        ("function_call", "auto"),
        ("web_search_options", {}),
        ("verbosity", "low"),
        ("service_tier", "flex"),
        ("top_k", 3),
        ("x_new", False),
        ("seed", 2**31),
        ("seed", 1.5),
        ("stop", 7),
        ("stop", ["a", 7]),
        ("top_logprobs", 3),
        ("response_format", "json"),
        ("response_format", {"type": "grammar"}),
        ("response_format", {"type": "json_schema", "json_schema": {"name": "x"}}),
        ("reasoning_effort", "max"),
        ("reasoning_effort", "xhigh"),
        ("reasoning_effort", 3),
    ],
)
def test_what_gemini_has_no_form_for_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(Refusal) as caught:
        config(**{name: value})
    assert caught.value.param == name


@pytest.mark.parametrize("top", [-1, 21, True, "3"])
def test_log_probabilities_are_asked_for_by_a_number(top: object) -> None:
    with pytest.raises(Refusal) as caught:
        config(logprobs=True, top_logprobs=top)
    assert caught.value.param == "top_logprobs"


def test_no_alternatives_are_asked_for_where_none_are_wanted() -> None:
    assert config(logprobs=True, top_logprobs=0) == {"responseLogprobs": True}
    assert config(logprobs=False) == {}


@pytest.mark.parametrize(
    "name",
    ["user", "safety_identifier", "metadata", "store", "prediction", "prompt_cache_key", "prompt_cache_retention"],
)
def test_what_changes_no_answer_is_left_out(name: str) -> None:
    request = {"messages": [{"role": "user", "content": "Hi"}]}
    assert write_payload({**request, name: "x"}, "gemini-2.5-pro") == write_payload(request, "gemini-2.5-pro")


@pytest.mark.parametrize(
    "fields",
    [
        *({"logit_bias": {}}, {"modalities": ["text"]}, {"verbosity": "medium"}, {"service_tier": "default"}),
        *({"x_new": None}, {"audio": None}, {"response_format": {"type": "text"}}, {"temperature": None}),
    ],
)
def test_what_says_nothing_is_taken(fields: dict[str, Any]) -> None:
    assert config(**fields) == {}


@pytest.mark.parametrize(
    ("model", "effort", "thinking"),
    [
        ("gemini-3-pro-preview", "low", {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-3.5-flash", "minimal", {"thinkingLevel": "MINIMAL", "includeThoughts": True}),
        ("gemini-4-pro", "xhigh", {"thinkingLevel": "XHIGH", "includeThoughts": True}),
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0, "includeThoughts": False}),
        ("gemini-2.5-pro", "high", {"thinkingBudget": 24576, "includeThoughts": True}),
    ],
)
def test_effort_is_said_as_the_models_version_takes_it(model: str, effort: str, thinking: dict[str, Any]) -> None:
    assert config(model, reasoning_effort=effort) == {"thinkingConfig": thinking}


@pytest.mark.parametrize(
    ("model", "effort"), [("gemini-3-pro", "none"), ("gemini-2.0-flash", "low"), ("gemma-3", "low"), ("x", "high")]
)
def test_an_effort_that_a_model_does_not_have_is_refused(model: str, effort: str) -> None:
    with pytest.raises(Refusal):
        config(model, reasoning_effort=effort)


def test_a_schemas_own_description_stays() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "description": "other", "schema": SCHEMA}}
    assert config(response_format=form)["responseJsonSchema"] == SCHEMA


def test_a_field_of_a_schema_that_we_do_not_know_is_refused() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "grammar": "y"}}
    with pytest.raises(Refusal):
        config(response_format=form)
