"""What every client surface can do: a dialect on the client's side, where ``dialect`` is the provider's.

    client's bytes → ModelRequest (canonical) …  dialect → provider
    client's bytes ← surface ← canonical answer, chunks ← dialect ← provider

``surfaces`` has them by name. Pure, as dialects are; a stream's writer is all that keeps something. Read next:
``surface_openai``, which passes the canonical form on as it is, and ``surface_anthropic``.
"""

from dataclasses import dataclass
from typing import Protocol

from extproc.dialects.dialect import Answer, StreamItem
from extproc.model.catalog import Model, Operation
from extproc.model.chat import ModelRequest
from extproc.model.plan import Headers
from extproc.model.refusals import Kind


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer must know of its request."""

    exchange: str
    """The request's id."""
    model: str
    """As the client named it."""
    wants_usage: bool
    """Whether the client asked for a stream's usage, where its dialect leaves that open."""
    created_s: int = 0
    """When it was asked, UTC seconds."""


class StreamWriter(Protocol):
    """One answer on its way to the client."""

    def write(self, item: StreamItem) -> bytes:
        """The client's bytes for this item, possibly none.

        Raises:
            Unreadable: the canonical items are no answer that this dialect can say.
        """
        ...


class Surface(Protocol):
    """One way in which clients speak to the gateway."""

    def check_head(self, headers: Headers) -> None:
        """Judge what this dialect's headers say.

        Raises:
            Refusal
        """
        ...

    def read_request(self, operation: Operation, body: bytes) -> ModelRequest:
        """The client's body, judged and made canonical.

        Raises:
            Refusal
        """
        ...

    def write_answer(self, answer: Answer, asked: Asked) -> bytes:
        """A whole answer in the client's dialect.

        Raises:
            Unreadable: it is none that this dialect can say.
        """
        ...

    def open_writer(self, asked: Asked) -> StreamWriter:
        """A writer for one stream."""
        ...

    def headers(self, exchange: str) -> Headers:
        """Headers of every answer, an error's too: the request's id by the name that the dialect's SDK looks for."""
        ...

    def error_body(self, kind: Kind, message: str, param: str | None, exchange: str) -> bytes:
        """A no. ``message`` replaces the kind's own where it is not empty."""
        ...

    def error_event(self, kind: Kind, exchange: str) -> bytes:
        """An event that carries a no into a stream that has begun."""
        ...

    def write_models(self, models: tuple[Model, ...]) -> bytes:
        """The list of models."""
        ...

    def write_model(self, model: Model) -> bytes:
        """One model."""
        ...
