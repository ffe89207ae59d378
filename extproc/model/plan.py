"""What will be tried for one request, in order."""

from dataclasses import dataclass

from extproc.model.ids import DeploymentName
from extproc.model.secret import Secret

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CredentialHeader:
    """A header that proves us to a provider. Its value is a secret until it is put on the wire."""

    name: str
    value: Secret


@dataclass(frozen=True, slots=True)
class Attempt:
    """One deployment's turn: exactly what its provider will be sent."""

    deployment: DeploymentName
    path: str
    authority: str
    headers: Headers
    credentials: tuple[CredentialHeader, ...]
    body: bytes
    """The whole JSON body, serialised by us."""
    first_token_s: float
    total_s: float
    idle_s: float
    degraded: tuple[str, ...] = ()
    """Fields of the request that this deployment does without, as its operator allowed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The attempts in the order they are made; never empty."""

    attempts: tuple[Attempt, ...]
