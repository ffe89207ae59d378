"""The dialect of Anthropic's Messages API.

    POST {base_path}/messages                  x-api-key, anthropic-version
    POST {base_path}/messages/count_tokens

``base_url`` ends in ``/v1``. Options: ``version`` of the API; ``auth``, which is ``x-api-key`` or ``bearer`` (as the
SDK sends keys since its version 2); ``max_tokens``, which the API demands, for requests that name no limit;
``sampling``, see ``anthropic_request``. The mapping stands in ``anthropic_request`` and
``anthropic_turns`` (what is sent), ``anthropic_answer`` and ``anthropic_stream`` (what comes back): whoever serves the
same messages elsewhere, as Vertex does, uses these and differs in path, credential and where the model is named.

Source: Claude API reference, "Versions", "Create a Message", and the anthropic SDK 2.12, read 2026-11.
"""

from extproc.dialects.anthropic_answer import read_message, read_message_mistake
from extproc.dialects.anthropic_request import write_messages
from extproc.dialects.anthropic_stream import AnthropicStream
from extproc.dialects.dialect import Answer, Outgoing, StreamReader
from extproc.dialects.mistakes import Mistake
from extproc.dialects.openai import JSON_HEADERS
from extproc.dialects.strict_json import serialise
from extproc.model.catalog import Deployment, Operation
from extproc.model.chat import ModelRequest
from extproc.model.plan import CredentialHeader
from extproc.model.secret import Secret

_COUNTED = frozenset(
    {"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control"}
)
"""What a request for a count may have."""


class Anthropic:
    """The Messages API at Anthropic's own address, or at one that is compatible with it."""

    stream_media = "text/event-stream"

    def write(
        self, request: ModelRequest, deployment: Deployment, credentials: tuple[Secret, ...], now_s: float
    ) -> Outgoing:
        """The request as messages, with the deployment's model."""
        del now_s
        body = {"model": deployment.upstream_model, **write_messages(request, deployment.options)}
        path = f"{deployment.base_path}/messages"
        if request.operation is Operation.COUNT_TOKENS:
            body = {name: value for name, value in body.items() if name in _COUNTED}
            path += "/count_tokens"
        headers = (*JSON_HEADERS, ("anthropic-version", deployment.options["version"]))
        is_bearer = deployment.options["auth"] == "bearer"
        keys = tuple(_bearer(each) if is_bearer else CredentialHeader("x-api-key", each) for each in credentials)
        return Outgoing(path, headers, keys, serialise(body))

    def read_answer(self, body: bytes) -> Answer:
        """See ``read_message``."""
        return read_message(body)

    def open_stream(self) -> StreamReader:
        """See ``AnthropicStream``."""
        return AnthropicStream()

    def read_mistake(self, body: bytes) -> Mistake:
        """See ``read_message_mistake``."""
        return read_message_mistake(body)


def _bearer(key: Secret) -> CredentialHeader:
    return CredentialHeader("authorization", Secret(f"Bearer {key.reveal()}"))
