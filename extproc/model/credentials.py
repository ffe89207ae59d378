"""Where a provider's credential comes from: a secret that somebody wrote, or one that the vault makes for a while.

``catalog.CredentialRef`` names one value in such a source, ``config.credentials`` reads it from gateway.yaml and
``adapters.vault`` keeps it at hand.
"""

from dataclasses import dataclass
from enum import StrEnum

ACCESS_TOKEN = "access_token"  # noqa: S105 - the name of a field
"""The one field of a source that is minted."""


class Engine(StrEnum):
    """What kind of answer the vault gives for a path."""

    KV = "kv"
    """A path below the KV v2 mount. It has no lease: its age is kept by whoever read it."""
    LEASE = "lease"
    """A path of a dynamic engine, such as ``aws/creds/bedrock``: every question makes new credentials, with an end."""


@dataclass(frozen=True, slots=True)
class GoogleMint:
    """A service account's key becomes an access token by the JWT-bearer grant (RFC 7523)."""

    token_url: str
    scope: str


@dataclass(frozen=True, slots=True)
class EntraMint:
    """A service principal's id and secret become an access token by the client-credentials grant (RFC 6749, 4.4)."""

    token_url: str
    scope: str


Mint = GoogleMint | EntraMint


@dataclass(frozen=True, slots=True)
class Source:
    """One thing to keep fresh. All of its fields are always of the same reading."""

    path: str
    engine: Engine = Engine.KV
    mint: Mint | None = None
    """What is made of it before a provider sees it; None: it is used as it is."""
