"""The OpenAI dialect: chat completions and embeddings, request and response.

Source: OpenAI API reference, "Create chat completion", "The chat completion chunk object", "Create embeddings",
read 2026-11. Fields that we do not know pass untouched.
"""

from collections.abc import Mapping
from typing import Any

from extproc.dialects.dialect import (
    Answer,
    Chunk,
    Done,
    Outgoing,
    Ping,
    ProviderFailed,
    StreamItem,
    StreamReader,
    Unreadable,
)
from extproc.dialects.mistakes import Mistake
from extproc.dialects.openai_likeness import Likeness, is_error
from extproc.dialects.openai_mistake import read_openai_mistake
from extproc.dialects.output_limit import write_limit
from extproc.dialects.provider_json import read_object, write_json
from extproc.dialects.sse import SseReader
from extproc.dialects.strict_json import parse_object, serialise
from extproc.model.catalog import Deployment, Operation
from extproc.model.chat import ModelRequest
from extproc.model.exchange import Usage
from extproc.model.plan import CredentialHeader, Headers
from extproc.model.refusals import FORBIDDEN_FIELD, INVALID_REQUEST, Refusal
from extproc.model.secret import Secret

MAX_CHOICES = 128
JSON_HEADERS: Headers = (("content-type", "application/json"), ("user-agent", "extproc"))
"""What every attempt says of itself, whatever the client said."""

PATHS = {Operation.CHAT: "/chat/completions", Operation.EMBEDDINGS: "/embeddings"}

# Where a request goes and with which credential is the gateway's to say. Some proxies read these from the body.
_FORBIDDEN = frozenset(
    {"api_base", "base_url", "api_key", "api_version", "custom_host", "custom_llm_provider", "organization"}
    | {"extra_headers", "extra_body", "extra_query", "__proto__", "constructor", "prototype"}
)
_POSITIVE = ("max_tokens", "max_completion_tokens")
_MAX_TOKENS = 2**31 - 1


def read_request(operation: Operation, body: bytes) -> ModelRequest:
    """The client's body, judged.

    Raises:
        Refusal: the JSON is not strict, or a field that decides routing, cost or form is not what the API says.
    """
    payload = parse_object(body)
    for name in payload:
        if name in _FORBIDDEN:
            raise Refusal(FORBIDDEN_FIELD, f"The field {name!r} may not be set.", param=name)
    model = payload.get("model")
    if not isinstance(model, str) or not model:
        raise _invalid("model", "must be a non-empty string")
    if operation is Operation.EMBEDDINGS:
        if not isinstance(payload.get("input"), str | list):
            raise _invalid("input", "must be a string or an array")
        return ModelRequest(operation, model, is_stream=False, wants_usage=True, payload=payload)
    messages = payload.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise _invalid("messages", "must be a non-empty array of objects")
    is_stream = _boolean(payload, "stream")
    wants_usage = _wants_usage(payload, is_stream=is_stream)
    _check_numbers(payload)
    return ModelRequest(operation, model, is_stream=is_stream, wants_usage=wants_usage, payload=payload)


class OpenAi:
    """The dialect itself, and that of every server that is compatible with it: vLLM, llama.cpp, TGI."""

    stream_media = "text/event-stream"

    def write(
        self, request: ModelRequest, deployment: Deployment, credentials: tuple[Secret, ...], now_s: float
    ) -> Outgoing:
        """The same request with the deployment's model, and usage always asked for in a stream."""
        del now_s
        bearer = tuple(CredentialHeader("authorization", Secret(f"Bearer {each.reveal()}")) for each in credentials)
        path = deployment.base_path + PATHS[request.operation]
        return Outgoing(path, JSON_HEADERS, bearer, write_body(request, deployment))

    def read_answer(self, body: bytes) -> Answer:
        """The provider's own bytes, once they are known to be an answer."""
        answer = read_object(body)
        if answer is None:
            raise Unreadable
        if is_error(answer):
            raise ProviderFailed
        if not isinstance(answer.get("data"), list):
            choices = answer.get("choices")
            if not isinstance(choices, list) or not choices or not all(_has_message(each) for each in choices):
                raise Unreadable
            if Likeness().mend(answer, "message"):
                body = write_json(answer)
        return Answer(body, read_usage(answer), value=answer)

    def open_stream(self) -> StreamReader:
        """A reader that passes events on as they are."""
        return OpenAiStream()

    def read_mistake(self, body: bytes) -> Mistake:
        """See ``read_openai_mistake``."""
        return read_openai_mistake(body)


class OpenAiStream:
    """Server-sent events, each a chunk, ended by ``[DONE]``."""

    def __init__(self) -> None:
        self._reader = SseReader()
        self._likeness = Likeness()

    @property
    def has_rest(self) -> bool:
        """Whether bytes of an unfinished event are held."""
        return self._reader.has_rest

    def feed(self, data: bytes) -> list[StreamItem]:
        """See ``StreamReader``."""
        return [self._read(event) for event in self._reader.feed(data)]

    def _read(self, event: bytes) -> StreamItem:
        if not event:
            return Ping()
        if event == b"[DONE]":
            return Done()
        chunk = read_object(event)
        if chunk is None:
            raise Unreadable
        if is_error(chunk):
            raise ProviderFailed
        if not isinstance(chunk.get("choices"), list):
            if not isinstance(chunk.get("usage"), dict):
                return Ping()
            chunk["choices"] = []
            return Chunk(chunk)
        is_mended = self._likeness.mend(chunk, "delta")
        return Chunk(chunk, None if is_mended or b"\n" in event else event)


def _has_message(choice: object) -> bool:
    return isinstance(choice, dict) and isinstance(choice.get("message"), dict)


def write_body(request: ModelRequest, deployment: Deployment) -> bytes:
    """The request's JSON for a provider of this dialect: its model and limit by its names, and usage in a stream."""
    payload = {**write_limit(request.payload, deployment), "model": deployment.upstream_model}
    if request.is_stream:
        options = payload.get("stream_options")
        payload["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
    return serialise(payload)


def read_usage(answer: Mapping[str, Any]) -> Usage | None:
    """The token counts of an answer or a chunk; None when there are none that can be believed."""
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return None
    given = usage.get("prompt_tokens")
    made = usage.get("completion_tokens", 0)
    if type(given) is not int or type(made) is not int or given < 0 or made < 0:
        return None
    of_input, of_output = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    return Usage(
        input_tokens=given,
        output_tokens=made,
        cached_tokens=_count(of_input, "cached_tokens", given),
        cache_write_tokens=_count(of_input, "cache_write_tokens", given),
        reasoning_tokens=_count(of_output, "reasoning_tokens", made),
        audio_input_tokens=_count(of_input, "audio_tokens", given),
        audio_output_tokens=_count(of_output, "audio_tokens", made),
        has_unknown_kinds=_has_unknown(of_input, _INPUT_KINDS) or _has_unknown(of_output, _OUTPUT_KINDS),
    )


_INPUT_KINDS = frozenset({"cached_tokens", "cache_write_tokens", "audio_tokens", "text_tokens", "image_tokens"})
_OUTPUT_KINDS = frozenset(
    {"reasoning_tokens", "audio_tokens", "text_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens"}
)
"""Each has a price, or costs what the whole does."""


def _has_unknown(details: object, known: frozenset[str]) -> bool:
    """Whether anything was counted that nobody here knows the price of."""
    return isinstance(details, dict) and any(value and name not in known for name, value in details.items())


def _count(details: object, name: str, whole: int) -> int:
    """A part of a count, never more than the whole; 0 where it is not said."""
    found = details.get(name) if isinstance(details, dict) else None
    return min(found, whole) if type(found) is int and found > 0 else 0


def says_something(chunk: Mapping[str, Any]) -> bool:
    """Whether a chunk carries a piece of the answer: not just a role, an empty delta or a filter's result."""
    choices = chunk.get("choices")
    if not isinstance(choices, list):
        return False
    for choice in choices:
        if not isinstance(choice, dict):
            continue
        if choice.get("finish_reason") is not None:
            return True
        delta = choice.get("delta")
        if isinstance(delta, dict) and any(value for name, value in delta.items() if name != "role"):
            return True
    return False


def is_usage_only(chunk: Mapping[str, Any]) -> bool:
    """Whether a chunk exists only because usage was asked for."""
    return chunk.get("choices") == [] and isinstance(chunk.get("usage"), dict)


def _wants_usage(payload: Mapping[str, Any], *, is_stream: bool) -> bool:
    options = payload.get("stream_options")
    if options is None:
        return False
    if not is_stream:
        raise _invalid("stream_options", "is only allowed with stream: true")
    if not isinstance(options, dict):
        raise _invalid("stream_options", "must be an object")
    return _boolean(options, "include_usage")


def _check_numbers(payload: Mapping[str, Any]) -> None:
    choices = payload.get("n")
    if choices is not None and (type(choices) is not int or not 1 <= choices <= MAX_CHOICES):
        raise _invalid("n", f"must be an integer from 1 to {MAX_CHOICES}")
    for name in _POSITIVE:
        limit = payload.get(name)
        if limit is not None and (type(limit) is not int or not 1 <= limit <= _MAX_TOKENS):
            raise _invalid(name, "must be a positive integer")
    if all(payload.get(name) is not None for name in _POSITIVE):
        raise _invalid("max_tokens", "and max_completion_tokens cannot both be set")


def _boolean(payload: Mapping[str, Any], name: str) -> bool:
    value = payload.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise _invalid(name, "must be true or false")
    return value


def _invalid(name: str, problem: str) -> Refusal:
    return Refusal(INVALID_REQUEST, f"{name} {problem}.", param=name)
