"""A judged OpenAI request → the body of Anthropic's Messages API, without the model's name.

    write_messages(request, options) → {"messages": …, "max_tokens": …, …}

For the API itself and for every place that serves it: Vertex and others differ in where the model is named.

What OpenAI defines is mapped, or refused where there is nothing like it; a neutral value (null, 0, false, ``n: 1``) is
as good as none. ``temperature: 1`` and ``top_p: 1`` are both providers' defaults and are left out: models since Claude
4.7 and every model under API version 2026-10-21 take no sampling parameters at all. Other values are refused under
that version, and left out where ``options["sampling"]`` says ``omit``, a degradation that the operator chooses.
``reasoning_effort`` is Anthropic's ``effort``; whether a model thinks when it is not told is its own default.
Dropped, because they change nothing in the answer: ``store``, ``metadata``, ``prediction``, the hints about OpenAI's
prompt cache, and what only forms our own stream. Fields that OpenAI does not define are refused, for we cannot know
what they mean; all but ``top_k``, which Anthropic has. Extensions are Anthropic's own words and are written as such.

Source: Messages API reference, "Versions", "Structured outputs", "Effort", and the anthropic SDK 2.12's types, read
2026-11.
Read next: ``anthropic_turns``, ``anthropic_answer``.
"""

from collections.abc import Mapping
from typing import Any

from extproc.dialects.anthropic_turns import refusal, write_turns
from extproc.dialects.extension import EXTENSION, extension_of
from extproc.model.chat import Json, ModelRequest

_NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "modalities": (["text"],),
    "service_tier": ("auto", "default"),
    "verbosity": ("medium",),
    "functions": ([],),
}
"""What there is no equal of, with the values that ask for nothing."""

_DROPPED = frozenset(
    {"store", "metadata", "prediction", "stream_options"}
    | {"prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"}
)
_MAPPED = frozenset(
    {"model", "messages", "stream", "max_tokens", "max_completion_tokens", "stop", "user", "safety_identifier"}
    | {"tools", "tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort"}
    | {"temperature", "top_p", "top_k"}
)
_OWN = ("thinking", "service_tier", "cache_control")
"""What an extension says of the whole request, in Anthropic's own words."""
_WITHOUT_SAMPLING = "2026-10-21"
"""The API version that took the sampling parameters away."""
_EFFORTS = frozenset({"low", "medium", "high", "xhigh", "max"})


def write_messages(request: ModelRequest, options: Mapping[str, str]) -> dict[str, Any]:
    """The body, without ``model``.

    Args:
        request: a chat.
        options: ``max_tokens`` for requests that name no limit; ``version`` of the API; ``sampling``, which is
            ``send`` or ``omit``. Each may be missing: 4096, an early version, ``send``.

    Raises:
        Refusal: something that is asked for has no form here.
    """
    payload = request.payload
    _check_fields(payload)
    messages = payload["messages"]
    system, turns = write_turns(messages if isinstance(messages, list) else [])
    limit = payload.get("max_completion_tokens") or payload.get("max_tokens") or int(options.get("max_tokens", "4096"))
    body: dict[str, Any] = {"max_tokens": limit, "messages": turns}
    if system:
        body["system"] = system
    if request.is_stream:
        body["stream"] = True
    if options.get("sampling") == "omit":
        _sampling(payload)
    else:
        body |= _allowed(_sampling(payload), options.get("version", ""))
    body |= _stop(payload.get("stop"))
    body |= _tools(payload)
    body |= _output(payload)
    own = extension_of(payload)
    body |= {name: own[name] for name in _OWN if name in own}
    return body | _user(payload)


def _check_fields(payload: Json) -> None:
    for name, value in payload.items():
        if value is None or name in _MAPPED or name in _DROPPED or name == EXTENSION:
            continue
        if name not in _NEUTRAL:
            raise refusal(name, "is not supported by this model")
        # A bool is an int in Python: n must not be true, nor logprobs 0.
        if not any(type(value) is type(each) and value == each for each in (*_NEUTRAL[name], *_floats(name))):
            raise refusal(name, "asks for something that this model does not have")


def _floats(name: str) -> tuple[object, ...]:
    return (0.0,) if name.endswith("_penalty") else ()


def _user(payload: Json) -> dict[str, Any]:
    for name in ("safety_identifier", "user"):
        user = payload.get(name)
        if user is not None and not isinstance(user, str):
            raise refusal(name, "must be a string")
        if user:
            return {"metadata": {"user_id": user}}
    return {}


def _sampling(payload: Json) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("temperature", "top_p"):
        value = payload.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise refusal(name, "must be a number from 0 to 1 for this model")
        if value != 1:
            found[name] = value
    top_k = extension_of(payload).get("top_k", payload.get("top_k"))
    if top_k is not None:
        if type(top_k) is not int or top_k < 0:
            raise refusal("top_k", "must be a whole number")
        found["top_k"] = top_k
    return found


def _allowed(sampling: dict[str, Any], version: str) -> dict[str, Any]:
    if sampling and version.removeprefix("vertex-") >= _WITHOUT_SAMPLING:
        raise refusal(next(iter(sampling)), "cannot be set for this model")
    return sampling


def _stop(stop: object) -> dict[str, Any]:
    if stop is None or stop == []:
        return {}
    sequences = [stop] if isinstance(stop, str) else stop
    if not isinstance(sequences, list) or not all(isinstance(each, str) for each in sequences):
        raise refusal("stop", "must be a string or an array of strings")
    if not all(each.strip() for each in sequences):
        raise refusal("stop", "may not be only white space for this model")
    return {"stop_sequences": sequences}


def _tools(payload: Json) -> dict[str, Any]:
    tools = payload.get("tools") or []
    if not isinstance(tools, list):
        raise refusal("tools", "must be an array")
    choice = _tool_choice(payload.get("tool_choice"))
    alone = payload.get("parallel_tool_calls")
    if alone is not None and not isinstance(alone, bool):
        raise refusal("parallel_tool_calls", "must be true or false")
    if not tools:
        if choice is not None and choice["type"] in {"any", "tool"}:
            raise refusal("tool_choice", "needs tools")
        return {}
    if alone is False and (choice is None or choice["type"] != "none"):
        choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    written: dict[str, Any] = {"tools": [_tool(each, f"tools[{index}]") for index, each in enumerate(tools)]}
    return written if choice is None else {**written, "tool_choice": choice}


def _tool(tool: object, place: str) -> dict[str, Any]:
    function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise refusal(place, "must be a function with a name")
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    if not isinstance(schema, dict):
        raise refusal(f"{place}.function.parameters", "must be a JSON schema")
    written = {"name": function["name"], "input_schema": schema}
    written |= {name: function[name] for name in ("description", "strict") if function.get(name)}
    return {**written, **extension_of(tool)} if isinstance(tool, dict) else written


def _tool_choice(choice: object) -> dict[str, Any] | None:
    match choice:
        case None:
            return None
        case "auto" | "none":
            return {"type": choice}
        case "required":
            return {"type": "any"}
        case {"type": "function", "function": {"name": str(name)}}:
            return {"type": "tool", "name": name}
        case _:
            raise refusal("tool_choice", "must be auto, none, required or one function for this model")


def _output(payload: Json) -> dict[str, Any]:
    config: dict[str, Any] = {}
    written: dict[str, Any] = {}
    effort = payload.get("reasoning_effort")
    if effort == "none":
        written["thinking"] = {"type": "disabled"}
    elif isinstance(effort, str) and effort in _EFFORTS:
        config["effort"] = effort
    elif effort is not None:
        raise refusal("reasoning_effort", "must be none, low, medium, high, xhigh or max for this model")
    schema = _schema(payload.get("response_format"))
    if schema is not None:
        config["format"] = {"type": "json_schema", "schema": schema}
    return {**written, "output_config": config} if config else written


def _schema(response_format: object) -> dict[str, Any] | None:
    match response_format:
        case None | {"type": "text"}:
            return None
        case {"type": "json_schema", "json_schema": {"schema": dict(schema), **rest}}:
            # OpenAI shows the model this description; here only the schema has a place for it.
            description = rest.get("description")
            return {"description": description, **schema} if isinstance(description, str) else schema
        case _:
            raise refusal("response_format", "must be text or json_schema with a schema for this model")
