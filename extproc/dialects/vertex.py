"""The Vertex AI dialect: Gemini's ``generateContent`` and ``streamGenerateContent``.

    POST {base_path}/projects/{project}/locations/{location}/publishers/google/models/{upstream_model}:generateContent

``base_url`` names the region's host: https://europe-west4-aiplatform.googleapis.com/v1. Options: ``project`` and
``location``, both in the path. The credential is an OAuth access token of a service identity, as it is;
where it was minted is not known here.

Source: Vertex AI REST reference, ``projects.locations.publishers.models``, "generateContent" and
"streamGenerateContent", and google-genai 3.4; read 2026-11. Read next: ``vertex_request``, ``vertex_answer``,
``vertex_stream``.
"""

from typing import Any
from urllib.parse import quote

from extproc.dialects.dialect import Answer, Outgoing, ProviderFailed, StreamReader, Unreadable, text_or_none
from extproc.dialects.mistakes import About, Mistake, judge
from extproc.dialects.openai import JSON_HEADERS
from extproc.dialects.openai import read_usage as canonical_usage
from extproc.dialects.provider_json import read_object, write_json
from extproc.dialects.strict_json import serialise
from extproc.dialects.vertex_answer import read_answer
from extproc.dialects.vertex_request import write_payload
from extproc.dialects.vertex_stream import VertexStream
from extproc.model.catalog import Deployment
from extproc.model.chat import ModelRequest
from extproc.model.plan import CredentialHeader
from extproc.model.secret import Secret

_PLAIN = "generateContent"
_STREAM = "streamGenerateContent?alt=sse"
# A project's id may have a domain and a colon, a model's version an at sign; a slash never stays one.
_SEGMENT = ":@"
_ABOUT_ARGUMENTS = frozenset({"INVALID_ARGUMENT", "OUT_OF_RANGE"})


class Vertex:
    """Gemini on Vertex AI."""

    stream_media = "text/event-stream"

    def write(
        self, request: ModelRequest, deployment: Deployment, credentials: tuple[Secret, ...], now_s: float
    ) -> Outgoing:
        """The request as Gemini takes it, at the path that says model and form."""
        del now_s
        body = serialise(write_payload(request.payload, deployment.upstream_model))
        path = model_path(deployment, "google", _STREAM if request.is_stream else _PLAIN)
        return Outgoing(path, JSON_HEADERS, tuple(bearer(each) for each in credentials), body)

    def read_answer(self, body: bytes) -> Answer:
        """See ``vertex_answer``."""
        response = read_object(body)
        if response is None:
            raise Unreadable
        if response.get("error"):
            raise ProviderFailed
        answer = read_answer(response)
        return Answer(write_json(answer), canonical_usage(answer), value=answer)

    def open_stream(self) -> StreamReader:
        """See ``vertex_stream``."""
        return VertexStream()

    def read_mistake(self, body: bytes) -> Mistake:
        """See ``read_google_mistake``."""
        return read_google_mistake(body)


def read_google_mistake(body: bytes) -> Mistake:
    """What an error says; Google names no parameter. Only some statuses are about what was asked."""
    error = _error(body)
    status = text_or_none(error, "status")
    if status is not None and status not in _ABOUT_ARGUMENTS:
        return Mistake(about=About.ACCOUNT)
    return judge(text_or_none(error, "message"), None)


def is_googles_error(body: bytes) -> bool:
    """Whether an error is in Google's form, which has a status, and not in a publisher's own."""
    return text_or_none(_error(body), "status") is not None


def _error(body: bytes) -> dict[str, Any] | None:
    # The stream's errors come as an array of one.
    response = read_object(body.strip().removeprefix(b"[").removesuffix(b"]"))
    return response.get("error") if response else None


def model_path(deployment: Deployment, publisher: str, method: str) -> str:
    """Where a publisher's model is called at Vertex AI."""
    project, location = (quote(deployment.options[name], safe=_SEGMENT) for name in ("project", "location"))
    model = quote(deployment.upstream_model, safe=_SEGMENT)
    place = f"/projects/{project}/locations/{location}/publishers/{publisher}/models/{model}"
    return f"{deployment.base_path}{place}:{method}"


def bearer(token: Secret) -> CredentialHeader:
    """The access token as Google takes it."""
    return CredentialHeader("authorization", Secret(f"Bearer {token.reveal()}"))
