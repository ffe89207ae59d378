"""An OpenAI chat request → the body of Bedrock's Converse and ConverseStream.

What Converse has no word for is refused. Three kinds of fields are dropped: those that change nothing about the answer
(``store``, ``prediction``, ``prompt_cache_key`` and the like), a value that only says what is so anyway (``n: 1``, a
penalty of 0), and ``user`` and ``metadata`` where Converse's ``requestMetadata`` cannot hold them. A field that is not
OpenAI's is refused unless it is null. ``response_format.json_schema.strict`` is dropped: Converse is always strict.
Source: Bedrock API reference, "Converse", and botocore 1.44.5's model of it, 2026-11. ``bedrock_messages`` has the
conversation.
"""

import re
from collections.abc import Mapping
from typing import Any

from extproc.dialects.bedrock_messages import TOOL_NAME, has_tool_blocks, refuse, write_messages
from extproc.dialects.strict_json import serialise

_HARMLESS = frozenset(
    {"model", "messages", "stream", "stream_options", "user", "metadata", "store", "safety_identifier", "prediction"}
    | {"prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"}
)
_WRITTEN = frozenset(
    {"max_tokens", "max_completion_tokens", "temperature", "top_p", "stop", "tools", "tool_choice", "response_format"}
    | {"service_tier", "reasoning_effort"}
)
# Allowed only where they ask for what Converse does anyway.
_ANYWAY: Mapping[str, tuple[object, ...]] = {
    "n": (1,),
    "logprobs": (False,),
    "logit_bias": ({},),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "parallel_tool_calls": (True,),
    "modalities": (["text"],),
}
_TIERS = {"auto": None, "default": None, "flex": "flex", "priority": "priority"}
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_METADATA_TEXT = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}")
_MAX_METADATA = 16
_MAX_STOPS = 2500


def write_converse(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a Converse call.

    Raises:
        Refusal: Converse cannot express something that the request asks for.
    """
    given = {name: value for name, value in payload.items() if value is not None}
    for name, value in given.items():
        if name not in _HARMLESS and name not in _WRITTEN and not _is_anyway(name, value):
            raise refuse(name, "cannot be expressed for this model")
    system, messages = write_messages(given["messages"])
    parts = {
        "messages": messages,
        "system": system,
        "inferenceConfig": _inference(given),
        "toolConfig": _tool_config(given, has_blocks=has_tool_blocks(messages)),
        "outputConfig": _output(given),
        "serviceTier": _tier(given),
        "requestMetadata": _metadata(given),
    }
    return {name: value for name, value in parts.items() if value}


def _is_anyway(name: str, value: object) -> bool:
    return any(value == each and isinstance(value, bool) == isinstance(each, bool) for each in _ANYWAY.get(name, ()))


def _inference(given: Mapping[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for name in ("max_tokens", "max_completion_tokens"):
        if name in given:
            config["maxTokens"] = given[name]
    for name, theirs in (("temperature", "temperature"), ("top_p", "topP")):
        if name in given:
            value = given[name]
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise refuse(name, "must be a number from 0 to 1 for this model")
            config[theirs] = value
    if "stop" in given:
        stops = [given["stop"]] if isinstance(given["stop"], str) else given["stop"]
        if not isinstance(stops, list) or len(stops) > _MAX_STOPS or not all(isinstance(s, str) and s for s in stops):
            raise refuse("stop", "must be a non-empty string or an array of them")
        config["stopSequences"] = stops
    return config


def _tool_config(given: Mapping[str, Any], *, has_blocks: bool) -> dict[str, Any]:
    tools, choice = given.get("tools", []), given.get("tool_choice")
    if not isinstance(tools, list):
        raise refuse("tools", "must be an array")
    if has_blocks and (not tools or choice == "none"):
        # Converse validates a conversation with tool blocks against toolConfig, and has no way to forbid their use.
        name = "tool_choice" if tools else "tools"
        raise refuse(name, "must leave tools usable for this model while the messages have tool calls")
    config = {"tools": [_tool(tool, f"tools[{at}]") for at, tool in enumerate(tools)]}
    match choice:
        case "none":
            return {}
        case _ if choice is not None and not tools:
            raise refuse("tool_choice", "needs tools")
        case None:
            return config if tools else {}
        case "auto":
            return {**config, "toolChoice": {"auto": {}}}
        case "required":
            return {**config, "toolChoice": {"any": {}}}
        case {"type": "function", "function": {"name": str(name)}} if any(
            tool["toolSpec"]["name"] == name for tool in config["tools"]
        ):
            return {**config, "toolChoice": {"tool": {"name": name}}}
        case _:
            raise refuse("tool_choice", "must be none, auto, required or one of the functions")


def _tool(tool: object, place: str) -> dict[str, Any]:
    match tool:
        case {"type": "function", "function": {"name": str(name), **rest}} if TOOL_NAME.fullmatch(name):
            pass
        case {"type": "function"}:
            raise refuse(f"{place}.function.name", "must be 1 to 64 of a-z, A-Z, 0-9, _ and -")
        case _:
            raise refuse(f"{place}.type", "must be function for this model")
    schema = rest.get("parameters") or {"type": "object", "properties": {}}
    if not isinstance(schema, dict):
        raise refuse(f"{place}.function.parameters", "must be an object")
    spec: dict[str, Any] = {"name": name, "inputSchema": {"json": schema}}
    if rest.get("description"):
        if not isinstance(rest["description"], str):
            raise refuse(f"{place}.function.description", "must be a string")
        spec["description"] = rest["description"]
    if rest.get("strict"):
        spec["strict"] = True
    return {"toolSpec": spec}


def _output(given: Mapping[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = {}
    match given.get("response_format"):
        case None | {"type": "text"}:
            pass
        case {"type": "json_schema", "json_schema": {"schema": dict(schema), **rest}}:
            words = {name: rest[name] for name in ("name", "description") if isinstance(rest.get(name), str)}
            structure = {"jsonSchema": {"schema": serialise(schema).decode(), **words}}
            config["textFormat"] = {"type": "json_schema", "structure": structure}
        case _:
            raise refuse("response_format", "must be text or a json_schema with a schema for this model")
    if "reasoning_effort" in given:
        if given["reasoning_effort"] not in _EFFORTS:
            raise refuse("reasoning_effort", "must be low, medium, high, xhigh or max for this model")
        config["effort"] = given["reasoning_effort"]
    return config


def _tier(given: Mapping[str, Any]) -> dict[str, Any]:
    tier = given.get("service_tier", "auto")
    if not isinstance(tier, str) or tier not in _TIERS:
        raise refuse("service_tier", "must be auto, default, flex or priority for this model")
    return {"type": _TIERS[tier]} if _TIERS[tier] else {}


def _metadata(given: Mapping[str, Any]) -> dict[str, str]:
    """What invocation logs are filtered by: it says who asked, and changes no answer."""
    own = given.get("metadata")
    user = {"user": given["user"]} if "user" in given else {}
    entries: dict[str, Any] = {**user, **(own if isinstance(own, dict) else {})}
    valid = {name: value for name, value in entries.items() if _fits(name) and name and _fits(value)}
    return dict(list(valid.items())[:_MAX_METADATA])


def _fits(text: object) -> bool:
    return isinstance(text, str) and _METADATA_TEXT.fullmatch(text) is not None
