"""The Anthropic surface: messages, token counts and models as Anthropic's SDKs know them.

``anthropic-version`` may be missing, for the gateway has one form of answer and every version so far can read it; where
it is there it must be a date. What a version takes away, such as ``temperature`` since 2026-10-21, is for the
deployment's own version to say. ``anthropic-beta`` is ignored and never sent on: what it would switch on is refused by
name where a request uses it.

Read next: ``surface_anthropic_request`` (what is read), ``surface_anthropic_answer`` and ``surface_anthropic_stream``
(what is written), ``extension`` (what the canonical form alone cannot carry).
"""

import re
from datetime import UTC, datetime
from typing import Any

from extproc.dialects.dialect import Answer
from extproc.dialects.strict_json import serialise
from extproc.dialects.surface import Asked, StreamWriter
from extproc.dialects.surface_anthropic_answer import write_message
from extproc.dialects.surface_anthropic_request import read_messages
from extproc.dialects.surface_anthropic_stream import AnthropicWriter
from extproc.model.catalog import Model, Operation
from extproc.model.chat import ModelRequest
from extproc.model.error_shapes import anthropic_error
from extproc.model.plan import Headers
from extproc.model.refusals import INVALID_REQUEST, Kind, Refusal
from extproc.model.seams import VERSION_HEADER

REQUEST_ID_HEADER = "request-id"

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class AnthropicSurface:
    """See the module."""

    def check_head(self, headers: Headers) -> None:
        """Refuse a version that is none."""
        for name, value in headers:
            if name == VERSION_HEADER and not _VERSION.fullmatch(value.strip(" \t")):
                raise Refusal(INVALID_REQUEST, f"{VERSION_HEADER}: must be one date.", param=VERSION_HEADER)

    def read_request(self, operation: Operation, body: bytes) -> ModelRequest:
        """See ``read_messages``."""
        return read_messages(operation, body)

    def write_answer(self, answer: Answer, asked: Asked) -> bytes:
        """See ``write_message``."""
        return write_message(answer, asked)

    def open_writer(self, asked: Asked) -> StreamWriter:
        """See ``AnthropicWriter``."""
        return AnthropicWriter(asked)

    def headers(self, exchange: str) -> Headers:
        """``request-id``."""
        return ((REQUEST_ID_HEADER, exchange),) if exchange else ()

    def error_body(self, kind: Kind, message: str, param: str | None, exchange: str) -> bytes:
        """``{"type": "error", …}``."""
        return serialise(anthropic_error(kind, message, param, exchange))

    def error_event(self, kind: Kind, exchange: str) -> bytes:
        """An event that makes the SDK raise."""
        return b"event: error\ndata: " + self.error_body(kind, "", None, exchange) + b"\n\n"

    def write_models(self, models: tuple[Model, ...]) -> bytes:
        """One page: there is no more."""
        data = [_model(each) for each in models]
        first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
        return serialise({"data": data, "has_more": False, "first_id": first, "last_id": last})

    def write_model(self, model: Model) -> bytes:
        """One ``model`` object."""
        return serialise(_model(model))


def _model(model: Model) -> dict[str, Any]:
    created = datetime.fromtimestamp(model.created_at_s, UTC).isoformat().replace("+00:00", "Z")
    return {
        "type": "model",
        "id": model.name,
        "display_name": model.name,
        "created_at": created,
        "lifecycle": "active",
    }
