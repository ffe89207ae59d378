"""What a provider would refuse, or what would mean something else, is never changed by a stretch."""

import pytest

from extproc.guard.fixed import is_fixed
from extproc.model.guard import Place

CALL: Place = ("messages", 1, "tool_calls", 0)
TOOL: Place = ("tools", 0, "function")


@pytest.mark.parametrize(
    "place",
    [
        ("model",),
        ("stop",),
        ("stop", 0),
        ("logit_bias", "50256", "#key"),
        ("messages", 0, "name"),
        ("messages", 0, "tool_call_id"),
        ("messages", 0, "whatever"),
        ("messages", 0, "content", 0, "image_url", "url"),
        ("messages", 0, "content", 0, "file", "file_data"),
        ("messages", 0, "content", 0, "type"),
        ("messages", 0, "content", 0, "text", "#key"),
        (*CALL, "id"),
        (*CALL, "function", "name"),
        (*TOOL, "name"),
        (*TOOL, "parameters", "properties", "a", "#key"),
        (*TOOL, "parameters", "properties", "a", "enum", 0),
        (*TOOL, "parameters", "required", 0),
        (*TOOL, "parameters", "properties", "a", "default"),
        ("functions", 0, "name"),
        ("tool_choice", "function", "name"),
        ("response_format", "json_schema", "name"),
        ("response_format", "json_schema", "schema", "properties", "a", "pattern"),
        ("prediction", "type"),
        ("something", "new"),
    ],
)
def test_names_ids_addresses_and_schemas_stay(place: Place) -> None:
    assert is_fixed(place)


@pytest.mark.parametrize(
    "place",
    [
        ("messages", 0, "content"),
        ("messages", 0, "content", "#at", 12),
        ("messages", 0, "content", 0),
        ("messages", 0, "content", 1, "text"),
        ("messages", 0, "refusal"),
        ("messages", 0, "reasoning_content"),
        (*CALL, "function", "arguments"),
        (*CALL, "function", "arguments", "#json", 3),
        (*CALL, "custom", "input"),
        ("messages", 1, "function_call", "arguments"),
        ("prediction", "content"),
        ("prediction", "content", 0, "text"),
        (*TOOL, "description"),
        (*TOOL, "parameters", "properties", "a", "description"),
        ("response_format", "json_schema", "description"),
        ("input",),
        ("input", 3),
        ("x_context", 0, "text"),
        ("metadata", "a"),
        ("metadata", "a", "#key"),
        ("user",),
    ],
)
def test_words_descriptions_and_notes_may_change(place: Place) -> None:
    assert not is_fixed(place)
