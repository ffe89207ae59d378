"""OpenAI tools and tool_choice → Gemini function declarations and function calling modes.

    tool_choice      none    auto   required   one function    allowed_tools
    mode             NONE    AUTO   ANY        ANY, one name   ANY or VALIDATED, with names

A ``strict`` function asks that its arguments follow the schema. ANY always does that; AUTO becomes VALIDATED, in
which the model still chooses between text and calls. Schemas go as they are, as ``parametersJsonSchema``. Not
expressible, and refused: custom tools, and ``parallel_tool_calls: false`` (Gemini has no such switch).

Source: ``FunctionDeclaration``, ``FunctionCallingConfig``, ``FunctionCallingConfigMode`` of google-genai 3.4; OpenAI
API reference, "Create chat completion"; read 2026-11.
"""

from collections.abc import Mapping
from typing import Any

from extproc.dialects.vertex_messages import check_keys, refused

_FUNCTION_KEYS = frozenset({"name", "description", "parameters", "strict"})
_MODES = {"none": "NONE", "auto": "AUTO", "required": "ANY"}


def read_tools(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The request's ``tools`` and ``toolConfig``, as far as it has any.

    Raises:
        Refusal: Gemini has no form for something.
    """
    tools = payload.get("tools")
    if not tools:
        if payload.get("tool_choice") not in (None, "none", "auto"):
            raise refused("tool_choice", "needs tools")
        return {}
    if payload.get("parallel_tool_calls") is False:
        raise refused("parallel_tool_calls", "cannot be false for this model")
    if not isinstance(tools, list):
        raise refused("tools", "must be an array")
    declarations = [_declaration(tool, f"tools[{index}]") for index, tool in enumerate(tools)]
    is_strict = any(tool["function"].get("strict") for tool in tools)
    result: dict[str, Any] = {"tools": [{"functionDeclarations": declarations}]}
    calling = _calling(payload.get("tool_choice"), {each["name"] for each in declarations}, is_strict=is_strict)
    if calling:
        result["toolConfig"] = {"functionCallingConfig": calling}
    return result


def _declaration(tool: object, param: str) -> dict[str, Any]:
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(tool, dict) or tool.get("type") != "function" or not isinstance(function, dict):
        raise refused(f"{param}.type", "must be function for this model")
    check_keys(tool, frozenset({"type", "function"}), param)
    check_keys(function, _FUNCTION_KEYS, f"{param}.function")
    if not isinstance(function.get("name"), str):
        raise refused(f"{param}.function.name", "must be a string")
    names = {"name": "name", "description": "description", "parameters": "parametersJsonSchema"}
    return {new: function[old] for old, new in names.items() if function.get(old) is not None}


def _calling(choice: object, known: set[str], *, is_strict: bool) -> dict[str, Any]:
    names: list[str] = []
    match choice:
        case None if not is_strict:
            return {}
        case None:
            mode = "AUTO"
        case "none" | "auto" | "required":
            mode = _MODES[choice]
        case {"type": "function", "function": {"name": str(name)}}:
            mode, names = "ANY", [name]
        case {"type": "allowed_tools", "allowed_tools": {"mode": "auto" | "required" as how, "tools": list(allowed)}}:
            mode, names = _MODES[how], [_allowed(each) for each in allowed]
        case _:
            raise refused("tool_choice", "is not one that this model knows")
    if not known.issuperset(names):
        raise refused("tool_choice", "names a function that is not among the tools")
    if mode == "AUTO" and (names or is_strict):
        # AUTO takes no names and promises nothing of the arguments.
        mode = "VALIDATED"
    return {"mode": mode, "allowedFunctionNames": names} if names else {"mode": mode}


def _allowed(tool: object) -> str:
    match tool:
        case {"type": "function", "function": {"name": str(name)}}:
            return name
        case _:
            raise refused("tool_choice", "may allow functions only")
