from typing import Any

import pytest

from extproc.dialects.vertex_tools import read_tools
from extproc.model.refusals import Refusal

TOOL = {"type": "function", "function": {"name": "f", "description": "F.", "parameters": {"type": "object"}}}
STRICT = {"type": "function", "function": {"name": "s", "strict": True}}


def allowed(mode: str, *names: str) -> dict[str, Any]:
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}


@pytest.mark.parametrize(
    ("choice", "tools", "calling"),
    [
        (None, [TOOL], None),
        (None, [TOOL, STRICT], {"mode": "VALIDATED"}),
        ("auto", [TOOL], {"mode": "AUTO"}),
        ("auto", [STRICT], {"mode": "VALIDATED"}),
        ("none", [STRICT], {"mode": "NONE"}),
        ("required", [STRICT], {"mode": "ANY"}),
        ({"type": "function", "function": {"name": "f"}}, [TOOL], {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (allowed("required", "s"), [TOOL, STRICT], {"mode": "ANY", "allowedFunctionNames": ["s"]}),
        (allowed("auto", "f", "s"), [TOOL, STRICT], {"mode": "VALIDATED", "allowedFunctionNames": ["f", "s"]}),
    ],
)
def test_a_choice_of_tools_means_the_same_in_both_dialects(
    choice: object, tools: list[dict[str, Any]], calling: dict[str, Any] | None
) -> None:
    config = read_tools({"tools": tools, "tool_choice": choice}).get("toolConfig")
    assert config == (None if calling is None else {"functionCallingConfig": calling})


@pytest.mark.parametrize(
    "payload", [{}, {"tools": None}, {"tools": []}, {"tool_choice": "auto"}, {"tool_choice": "none"}]
)
def test_without_tools_nothing_is_said_of_them(payload: dict[str, Any]) -> None:
    assert read_tools({**payload, "parallel_tool_calls": False}) == {}


@pytest.mark.parametrize(
    ("payload", "param"),
    [
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice"),
        ({"tools": [TOOL], "parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"tools": {"a": 1}}, "tools"),
        ({"tools": ["f"]}, "tools[0].type"),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].type"),
        ({"tools": [{**TOOL, "cache_control": {}}]}, "tools[0].cache_control"),
        ({"tools": [{"type": "function", "function": {"name": "f", "x": 1}}]}, "tools[0].function.x"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tools": [TOOL], "tool_choice": "any"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "custom", "custom": {"name": "f"}}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": allowed("auto", "g")}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": allowed("none", "f")}, "tool_choice"),
        (
            {"tools": [TOOL], "tool_choice": {**allowed("auto"), "allowed_tools": {"mode": "auto", "tools": [7]}}},
            "tool_choice",
        ),
    ],
)
def test_what_gemini_has_no_form_for_is_refused_by_its_name(payload: dict[str, Any], param: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_tools(payload)
    assert caught.value.param == param
