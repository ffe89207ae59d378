"""The OpenAI surface: the client speaks the canonical form, so a provider's own bytes may be passed on.

Source: OpenAI API reference, "Streaming", "List models", "Error codes", read 2026-11.
"""

import json
from typing import Any, assert_never

from extproc.dialects import openai
from extproc.dialects.dialect import Answer, Aside, Chunk, Done, Ping, StreamItem
from extproc.dialects.provider_json import write_json
from extproc.dialects.stamp import stamped
from extproc.dialects.surface import Asked, StreamWriter
from extproc.model.catalog import Model, Operation
from extproc.model.chat import ModelRequest
from extproc.model.error_shapes import openai_error
from extproc.model.plan import Headers
from extproc.model.refusals import Kind

_DONE = b"data: [DONE]\n\n"
_PING = b":\n\n"


class OpenAiSurface:
    """Chat completions, embeddings and models as OpenAI's SDKs know them."""

    def check_head(self, headers: Headers) -> None:
        """Nothing in its headers decides anything."""

    def read_request(self, operation: Operation, body: bytes) -> ModelRequest:
        """See ``openai.read_request``."""
        return openai.read_request(operation, body)

    def write_answer(self, answer: Answer, asked: Asked) -> bytes:
        """The canonical answer, with what its provider did not say of id, time and model."""
        value = None if answer.value is None else stamped(answer.value, asked)
        return answer.body if value is None else write_json(value)

    def open_writer(self, asked: Asked) -> StreamWriter:
        """A writer that hides usage where it was not asked for."""
        return OpenAiWriter(asked)

    def headers(self, exchange: str) -> Headers:
        """None: Envoy answers with x-request-id, which is the header of OpenAI's SDKs too."""
        del exchange
        return ()

    def error_body(self, kind: Kind, message: str, param: str | None, exchange: str) -> bytes:
        """``{"error": …}``."""
        del exchange
        return _json(openai_error(kind, message, param))

    def error_event(self, kind: Kind, exchange: str) -> bytes:
        """An event without a name."""
        return b"data: " + self.error_body(kind, "", None, exchange) + b"\n\n"

    def write_models(self, models: tuple[Model, ...]) -> bytes:
        """``{"object": "list", "data": […]}``."""
        return _json({"object": "list", "data": [_model(each) for each in models]})

    def write_model(self, model: Model) -> bytes:
        """One ``model`` object."""
        return _json(_model(model))


class OpenAiWriter:
    """Chunks as they are, ended by ``[DONE]``."""

    __slots__ = ("_asked",)

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def write(self, item: StreamItem) -> bytes:
        """See ``StreamWriter``."""
        match item:
            case Chunk(value, raw):
                return self._chunk(value, raw)
            case Ping():
                # What a ping says was never judged: only the fact that the provider is alive moves on.
                return _PING
            case Done():
                return _DONE
            case Aside():
                return b""
            case _:
                assert_never(item)

    def _chunk(self, value: dict[str, Any], raw: bytes | None) -> bytes:
        if "usage" in value and not self._asked.wants_usage:
            if openai.is_usage_only(value):
                return b""
            value = {name: each for name, each in value.items() if name != "usage"}
            raw = None
        complete = stamped(value, self._asked)
        if complete is not None:
            value, raw = complete, None
        return b"data: " + (write_json(value) if raw is None else raw) + b"\n\n"


def _model(model: Model) -> dict[str, object]:
    return {"id": model.name, "object": "model", "created": model.created_at_s, "owned_by": model.owned_by}


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
