"""Anthropic's models on Vertex AI: the Messages API's bodies at Vertex's paths, with Vertex's credential.

    POST {base_path}/projects/{project}/locations/{location}/publishers/anthropic/models/{upstream_model}:rawPredict

or ``:streamRawPredict``. The path names the model and the body does not; the API's version is in the body. Options:
``project``, ``location``, ``version`` (Vertex's own name of a version, or a date as the anthropic SDK sends since its
version 2), ``max_tokens`` and ``sampling`` as for ``anthropic``. The credential is an access token, as in ``vertex``.
A mistake comes in Anthropic's form or in Google's, by who finds it.

Source: "Claude on Vertex AI" of the Claude documentation, and ``AnthropicVertex`` of the anthropic SDK 2.12, read
2026-11. Read next: ``anthropic_request``, ``anthropic_answer``, ``anthropic_stream``, ``vertex``.
"""

from extproc.dialects.anthropic_answer import read_message, read_message_mistake
from extproc.dialects.anthropic_request import write_messages
from extproc.dialects.anthropic_stream import AnthropicStream
from extproc.dialects.dialect import Answer, Outgoing, StreamReader
from extproc.dialects.mistakes import Mistake
from extproc.dialects.openai import JSON_HEADERS
from extproc.dialects.strict_json import serialise
from extproc.dialects.vertex import bearer, is_googles_error, model_path, read_google_mistake
from extproc.model.catalog import Deployment
from extproc.model.chat import ModelRequest
from extproc.model.secret import Secret


class VertexAnthropic:
    """Claude on Vertex AI."""

    stream_media = "text/event-stream"

    def write(
        self, request: ModelRequest, deployment: Deployment, credentials: tuple[Secret, ...], now_s: float
    ) -> Outgoing:
        """The request as messages, at the path that says model and form."""
        del now_s
        options = deployment.options
        body = {"anthropic_version": options["version"], **write_messages(request, options)}
        path = model_path(deployment, "anthropic", "streamRawPredict" if request.is_stream else "rawPredict")
        return Outgoing(path, JSON_HEADERS, tuple(bearer(each) for each in credentials), serialise(body))

    def read_answer(self, body: bytes) -> Answer:
        """See ``read_message``."""
        return read_message(body)

    def open_stream(self) -> StreamReader:
        """See ``AnthropicStream``."""
        return AnthropicStream()

    def read_mistake(self, body: bytes) -> Mistake:
        """The message, by the rules of whose error it is."""
        return read_google_mistake(body) if is_googles_error(body) else read_message_mistake(body)
