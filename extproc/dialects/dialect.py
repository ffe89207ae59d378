"""What every provider dialect can do. The canonical form is the OpenAI dialect's: its answers, its chunks.

``registry`` has one of these for each name; ``exchange`` calls them and knows no provider. Pure: a dialect gets time
and the credential as arguments and keeps nothing between calls but a stream's reader.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from extproc.dialects.mistakes import Mistake
from extproc.model.catalog import Deployment
from extproc.model.chat import ModelRequest
from extproc.model.exchange import Usage
from extproc.model.plan import CredentialHeader, Headers
from extproc.model.secret import Secret


class Unreadable(Exception):  # noqa: N818 - reads as a claim
    """The provider's bytes are not what its dialect says."""


class ProviderFailed(Exception):  # noqa: N818 - what it is
    """The provider reports an error where an answer was promised."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One attempt's request, as its provider will get it."""

    path: str
    headers: Headers
    credentials: tuple[CredentialHeader, ...]
    body: bytes
    degraded: tuple[str, ...] = ()
    """Fields of the request that were left out, as the deployment's ``degrade`` allows; sorted."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole canonical answer."""

    body: bytes
    usage: Usage | None
    extension: Mapping[str, Any] | None = None
    """What it says beyond the canonical form, for the surface that has a place for it; see ``extension``."""
    value: Mapping[str, Any] | None = field(default=None, compare=False)
    """The same as it was read, for who must change it."""
    text_bytes: int = 0
    """How much text a model wrote in it; see ``answer_size``."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One canonical ``chat.completion.chunk``. ``raw`` is its JSON where the provider's own bytes may be passed on."""

    value: dict[str, Any]
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Ping:
    """The provider is alive and has nothing to say."""


@dataclass(frozen=True, slots=True)
class Done:
    """The provider says that its answer is whole."""


@dataclass(frozen=True, slots=True)
class Aside:
    """Something beyond the canonical form, between two chunks, for the surface that has a place for it.

    ``signature`` ends the thinking before it, ``redacted_thinking`` is a block of its own, ``stop`` tells why the
    answer stopped; each in Anthropic's words.
    """

    value: Mapping[str, Any]


StreamItem = Chunk | Ping | Done | Aside


class StreamReader(Protocol):
    """One response stream of a provider, read in any split."""

    @property
    def has_rest(self) -> bool:
        """Whether bytes of an unfinished event are held."""
        ...

    def feed(self, data: bytes) -> list[StreamItem]:
        """What became readable with these bytes, in order.

        Raises:
            Unreadable: an event is not the dialect's; EventTooLarge: it is endless.
            ProviderFailed: an event reports an error.
        """
        ...


@runtime_checkable
class Finishes(Protocol):
    """A stream reader whose dialect has no end marker: the whole body says whether the answer is whole."""

    def finish(self) -> list[StreamItem]:
        """What the end of the body made certain: the last chunks and Done, or nothing where the answer is cut.

        Called once, at a clean end of the body, when no bytes are held.

        Raises:
            ProviderFailed: the answer is whole, and is an error.
        """
        ...


class Dialect(Protocol):
    """One provider's way of speaking."""

    stream_media: str
    """The content type of its streams, lower case, without parameters."""

    def write(
        self, request: ModelRequest, deployment: Deployment, credentials: tuple[Secret, ...], now_s: float
    ) -> Outgoing:
        """The request for this deployment.

        Args:
            request: the judged request, in the OpenAI dialect.
            deployment: whose options this dialect has defined in ``model.dialects``.
            credentials: as ``model.dialects.credential_refs`` orders them; empty for an open endpoint.
            now_s: UTC seconds, for signatures.

        Raises:
            Refusal: the dialect cannot express something that the request asks for.
        """
        ...

    def read_answer(self, body: bytes) -> Answer:
        """A plain answer, made canonical.

        Raises:
            Unreadable, ProviderFailed
        """
        ...

    def open_stream(self) -> StreamReader:
        """A reader for one response."""
        ...

    def read_mistake(self, body: bytes) -> Mistake:
        """What the body of a 400, 413 or 422 says, whatever it is."""
        ...


def text_or_none(value: Mapping[str, Any] | None, name: str) -> str | None:
    """A string member of an object that may be anything."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else None
