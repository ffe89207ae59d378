"""An OpenAI chat request → the body of Gemini's ``generateContent``.

Fields by what becomes of them:

    expressed   messages, tools, tool_choice, temperature, top_p, max_tokens, max_completion_tokens, stop, n, seed,
                presence_penalty, frequency_penalty, response_format, logprobs, top_logprobs, reasoning_effort
    left out    what changes no answer: user, safety_identifier, metadata, store, prediction, prompt_cache_key,
                prompt_cache_retention, stream_options. ``user`` is not made a label: labels are for billing, and are
                no place for a person's id.
    refused     everything else, the fields we do not know among it, unless it is null or says what is so anyway
                (an empty logit_bias, modalities ["text"], verbosity medium, service_tier auto or default)

``reasoning_effort`` follows Google's own table: a thinking level from Gemini 3 on, a budget of tokens for Gemini 2.5,
by the version in the deployment's model name; who asks for it also gets the summary of the thoughts, as
``reasoning_content``. A JSON schema's own description stands where ``response_format`` has one and the schema has none.

Source: ``GenerateContentConfig``, ``GenerationConfig``, ``ThinkingConfig`` of google-genai 3.4; Gemini API, "OpenAI
compatibility"; OpenAI API reference, "Create chat completion"; read 2026-11. Read next: ``vertex_messages``.
"""

import re
from collections.abc import Mapping
from typing import Any

from extproc.dialects.vertex_messages import check_keys, read_conversation, refused
from extproc.dialects.vertex_tools import read_tools

_SAME_MEANING = {
    "temperature": "temperature",
    "top_p": "topP",
    "n": "candidateCount",
    "max_tokens": "maxOutputTokens",
    "max_completion_tokens": "maxOutputTokens",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
_READ = frozenset({*_SAME_MEANING, "model", "messages", "stream", "tools", "tool_choice", "parallel_tool_calls"}) | {
    *("stop", "seed", "response_format", "logprobs", "top_logprobs", "reasoning_effort")
}
_LEFT_OUT = frozenset({"user", "safety_identifier", "metadata", "store", "prediction", "stream_options"}) | {
    *("prompt_cache_key", "prompt_cache_retention")
}
_SAYS_NOTHING: Mapping[str, tuple[object, ...]] = {
    "logit_bias": ({},),
    "modalities": (["text"],),
    "verbosity": ("medium",),
    "service_tier": ("auto", "default"),
}
_SCHEMA_KEYS = frozenset({"name", "description", "schema", "strict"})
_MAX_INT32 = 2**31 - 1
_MAX_TOP_LOGPROBS = 20

_VERSION = re.compile(r"gemini-(\d+)(?:\.(\d+))?")
_FIRST_WITH_LEVELS = 3
_LEVELS = {each: each.upper() for each in ("minimal", "low", "medium", "high", "xhigh")}
_BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}


def write_payload(payload: Mapping[str, Any], model: str) -> dict[str, Any]:
    """The body for this model.

    Args:
        payload: the judged request, in the OpenAI dialect.
        model: the provider's name of the model, such as ``gemini-2.5-flash``.

    Raises:
        Refusal: Gemini has no form for something.
    """
    _check_fields(payload)
    conversation = read_conversation(payload["messages"])
    body: dict[str, Any] = {"contents": conversation.contents}
    if conversation.system:
        body["systemInstruction"] = {"parts": conversation.system}
    body |= read_tools(payload)
    config = _generation_config(payload, model)
    if conversation.resolution is not None:
        config["mediaResolution"] = conversation.resolution
    if config:
        body["generationConfig"] = config
    return body


def _check_fields(payload: Mapping[str, Any]) -> None:
    for name, value in payload.items():
        if name in _READ or name in _LEFT_OUT or value is None:
            continue
        if value not in _SAYS_NOTHING.get(name, ()):
            raise refused(name, "is not supported by this model")


def _generation_config(payload: Mapping[str, Any], model: str) -> dict[str, Any]:
    config: dict[str, Any] = {new: payload[old] for old, new in _SAME_MEANING.items() if payload.get(old) is not None}
    stop = payload.get("stop")
    if stop is not None:
        config["stopSequences"] = _stop(stop)
    seed = payload.get("seed")
    if seed is not None:
        if type(seed) is not int or not -_MAX_INT32 - 1 <= seed <= _MAX_INT32:
            raise refused("seed", "must be an integer of 32 bits for this model")
        config["seed"] = seed
    config |= _logprobs(payload)
    if (form := payload.get("response_format")) is not None:
        config |= _response_format(form)
    if (effort := payload.get("reasoning_effort")) is not None:
        config["thinkingConfig"] = _thinking(effort, model)
    return config


def _stop(stop: object) -> list[str]:
    stops = [stop] if isinstance(stop, str) else stop
    if not isinstance(stops, list) or not all(isinstance(each, str) for each in stops):
        raise refused("stop", "must be a string or an array of strings")
    return stops


def _logprobs(payload: Mapping[str, Any]) -> dict[str, Any]:
    top = payload.get("top_logprobs")
    if not payload.get("logprobs"):
        if top is not None:
            raise refused("top_logprobs", "needs logprobs: true")
        return {}
    if top is not None and (type(top) is not int or not 0 <= top <= _MAX_TOP_LOGPROBS):
        raise refused("top_logprobs", f"must be an integer from 0 to {_MAX_TOP_LOGPROBS}")
    return {"responseLogprobs": True, **({"logprobs": top} if top else {})}


def _response_format(form: object) -> dict[str, Any]:
    match form:
        case {"type": "text"}:
            return {}
        case {"type": "json_object"}:
            return {"responseMimeType": "application/json"}
        case {"type": "json_schema", "json_schema": {"schema": {}} as given}:
            check_keys(given, _SCHEMA_KEYS, "response_format.json_schema")
            about = {"description": given["description"]} if given.get("description") else {}
            return {"responseMimeType": "application/json", "responseJsonSchema": {**about, **given["schema"]}}
        case _:
            raise refused("response_format", "must be text, json_object, or json_schema with a schema")


def _thinking(effort: object, model: str) -> dict[str, Any]:
    found = _VERSION.match(model)
    version = (int(found[1]), int(found[2] or 0)) if found else (0, 0)
    if not isinstance(effort, str):
        raise refused("reasoning_effort", "must be a string")
    if version >= (_FIRST_WITH_LEVELS, 0) and effort in _LEVELS:
        return {"thinkingLevel": _LEVELS[effort], "includeThoughts": True}
    if version == (2, 5) and effort in _BUDGETS:
        return {"thinkingBudget": _BUDGETS[effort], "includeThoughts": effort != "none"}
    raise refused("reasoning_effort", f"cannot be {effort!r} for this model")
