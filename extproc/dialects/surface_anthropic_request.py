"""The body of Anthropic's Messages API and of its token counting → a canonical request.

What the API defines is mapped, put into an extension, or refused by name: a field that we do not know is a 400, as it
is at Anthropic. ``metadata.user_id`` is ``user``; ``output_config`` is ``reasoning_effort`` and ``response_format``;
``max_tokens`` is ``max_completion_tokens``, which every newer model of OpenAI's demands. A stream's usage is always
told. Tools that are not the caller's own are refused: their results are blocks that the canonical form has no place
for.

Source: Messages API reference, "Create a Message", "Count tokens in a Message", and the types of the anthropic SDK
2.12, read 2026-11. Read next: ``surface_anthropic_turns``, ``extension``.
"""

from collections.abc import Mapping
from typing import Any

from extproc.dialects.extension import EXTENSION, extended
from extproc.dialects.strict_json import parse_object
from extproc.dialects.surface_anthropic_turns import (
    check_keys,
    read_cache_control,
    read_system,
    read_turns,
    refusal,
)
from extproc.model.catalog import Operation
from extproc.model.chat import ModelRequest

_COUNTED = frozenset({"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config"}) | {
    "cache_control"
}
_KNOWN = _COUNTED | {
    *("max_tokens", "stream", "stop_sequences", "temperature", "top_p", "top_k", "metadata", "service_tier")
}
_TOOL_EXTRAS = frozenset(
    {"cache_control", "eager_input_streaming", "input_examples", "defer_loading", "allowed_callers"}
)
_EFFORTS = frozenset({"low", "medium", "high", "xhigh", "max"})
_MAX_TOKENS = 2**31 - 1
_MIN_BUDGET = 1024


def read_messages(operation: Operation, body: bytes) -> ModelRequest:
    """The client's body, judged.

    Raises:
        Refusal: the JSON is not strict, or a field is not what the API says or cannot be carried.
    """
    given = parse_object(body)
    check_keys(given, _COUNTED if operation is Operation.COUNT_TOKENS else _KNOWN, "")
    model = given.get("model")
    if not isinstance(model, str) or not model:
        raise refusal("model", "must be a non-empty string")
    is_stream = _boolean(given, "stream")
    payload: dict[str, Any] = {"model": model}
    payload["messages"] = [*read_system(given.get("system")), *read_turns(given.get("messages"))]
    if operation is not Operation.COUNT_TOKENS:
        payload["max_completion_tokens"] = _limit(given)
    if is_stream:
        payload["stream"] = True
    payload |= _sampling(given) | _tools(given) | _output(given.get("output_config")) | _user(given.get("metadata"))
    payload[EXTENSION] = _extension(given)
    return ModelRequest(operation, model, is_stream=is_stream, wants_usage=True, payload=payload, surface="anthropic")


def _limit(given: Mapping[str, Any]) -> int:
    limit = given.get("max_tokens")
    if type(limit) is not int or not 1 <= limit <= _MAX_TOKENS:
        raise refusal("max_tokens", "is required and must be a positive integer")
    return limit


def _sampling(given: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("temperature", "top_p"):
        value = given.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise refusal(name, "must be a number from 0 to 1")
        found[name] = value
    stops = given.get("stop_sequences")
    if stops is not None:
        if not isinstance(stops, list) or not all(isinstance(each, str) and each for each in stops):
            raise refusal("stop_sequences", "must be an array of non-empty strings")
        found |= {"stop": stops} if stops else {}
    return found


def _tools(given: Mapping[str, Any]) -> dict[str, Any]:
    tools = [] if given.get("tools") is None else given["tools"]
    if not isinstance(tools, list):
        raise refusal("tools", "must be an array")
    choice = _tool_choice(given.get("tool_choice"))
    if not tools:
        if choice.get("tool_choice") not in (None, "auto", "none"):
            raise refusal("tool_choice", "needs tools")
        return {}
    return {"tools": [_tool(each, f"tools.{index}") for index, each in enumerate(tools)], **choice}


def _tool(tool: object, place: str) -> dict[str, Any]:
    if not isinstance(tool, dict):
        raise refusal(place, "must be an object")
    if tool.get("type") not in (None, "custom"):
        raise refusal(f"{place}.type", "must be custom: tools that the provider runs cannot be carried")
    check_keys(tool, _TOOL_EXTRAS | {"type", "name", "description", "input_schema", "strict"}, place)
    name, schema, description = tool.get("name"), tool.get("input_schema"), tool.get("description")
    if not isinstance(name, str) or not name:
        raise refusal(f"{place}.name", "must be a non-empty string")
    if not isinstance(schema, dict):
        raise refusal(f"{place}.input_schema", "must be a JSON schema")
    function: dict[str, Any] = {"name": name, "parameters": schema}
    if description is not None:
        if not isinstance(description, str):
            raise refusal(f"{place}.description", "must be a string")
        function["description"] = description
    if _boolean(tool, "strict", f"{place}."):
        function["strict"] = True
    own = {name: tool[name] for name in sorted(_TOOL_EXTRAS) if _says_something(name, tool.get(name))}
    read_cache_control(tool.get("cache_control"), place)
    return extended({"type": "function", "function": function}, own)


def _says_something(name: str, value: object) -> bool:
    return value is not None and value is not False and not (name == "allowed_callers" and value == ["direct"])


def _tool_choice(choice: Any) -> dict[str, Any]:
    match choice:
        case None:
            return {}
        case {"type": "auto" | "any" | "tool" | "none", **rest}:
            check_keys(rest, frozenset({"name", "disable_parallel_tool_use"}), "tool_choice")
            alone = (
                {"parallel_tool_calls": False} if _boolean(rest, "disable_parallel_tool_use", "tool_choice.") else {}
            )
        case _:
            raise refusal("tool_choice", "must be auto, any, tool or none")
    match choice:
        case {"type": "any"}:
            return {"tool_choice": "required", **alone}
        case {"type": "tool", "name": str(name)}:
            return {"tool_choice": {"type": "function", "function": {"name": name}}, **alone}
        case {"type": "tool"}:
            raise refusal("tool_choice.name", "must be a string")
        case _:
            return {"tool_choice": choice["type"], **alone}


def _output(config: object) -> dict[str, Any]:
    if config is None:
        return {}
    if not isinstance(config, dict):
        raise refusal("output_config", "must be an object")
    check_keys(config, frozenset({"effort", "format"}), "output_config")
    found: dict[str, Any] = {}
    effort = config.get("effort")
    if effort is not None:
        if not isinstance(effort, str) or effort not in _EFFORTS:
            raise refusal("output_config.effort", "must be low, medium, high, xhigh or max")
        found["reasoning_effort"] = effort
    match config.get("format"):
        case None:
            pass
        case {"type": "json_schema", "schema": dict(schema), **rest} if not rest:
            named = {"name": "answer", "schema": schema, "strict": True}
            found["response_format"] = {"type": "json_schema", "json_schema": named}
        case _:
            raise refusal("output_config.format", "must be a json_schema with a schema")
    return found


def _user(metadata: object) -> dict[str, Any]:
    match metadata:
        case None:
            return {}
        case {"user_id": str(user), **rest} if not rest:
            return {"user": user}
        case {"user_id": None, **rest} if not rest:
            return {}
        case dict() if not metadata:
            return {}
        case _:
            raise refusal("metadata", "can only have a user_id that is a string")


def _extension(given: Mapping[str, Any]) -> dict[str, Any]:
    found = {**_thinking(given), **read_cache_control(given.get("cache_control"), "")}
    top_k = given.get("top_k")
    if top_k is not None:
        if type(top_k) is not int or top_k < 0:
            raise refusal("top_k", "must be a whole number")
        found["top_k"] = top_k
    tier = given.get("service_tier")
    if tier is not None:
        if tier not in ("auto", "standard_only"):
            raise refusal("service_tier", "must be auto or standard_only")
        found["service_tier"] = tier
    return found


def _thinking(given: Mapping[str, Any]) -> dict[str, Any]:
    thinking = given.get("thinking")
    match thinking:
        case None:
            return {}
        case {"type": "enabled", "budget_tokens": budget, **rest}:
            if type(budget) is not int or budget < _MIN_BUDGET:
                raise refusal("thinking.budget_tokens", f"must be at least {_MIN_BUDGET}")
        case {"type": "adaptive" | "disabled" | "between_tools", **rest}:
            pass
        case _:
            raise refusal("thinking", "must be enabled with budget_tokens, adaptive, between_tools or disabled")
    check_keys(rest, frozenset({"display"}), "thinking")
    if rest.get("display") not in (None, "summarized", "omitted"):
        raise refusal("thinking.display", "must be summarized or omitted")
    return {"thinking": thinking}


def _boolean(given: Mapping[Any, Any], name: str, place: str = "") -> bool:
    value = given.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise refusal(place + name, "must be true or false")
    return value
