"""What the semantic cache keeps and is asked.

    Question ──exact──> Entry        the same request, as a hash
        |    ──near──> Candidate     a request like it, in the same partition; ``policy.recall`` judges it

Only the last user turn may differ within a partition: everything else of a request is in the partition's hash.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from extproc.model.exchange import Usage
from extproc.model.money import MicroUsd

Partition = NewType("Partition", str)
"""The organisation, a slash, and the hex SHA-256 over organisation, scope, model, embedder, policy version, and
everything of the request but the last user turn. ``organisation_of`` reads it, for whoever has to forget."""
EntryId = NewType("EntryId", str)
"""Hex SHA-256 over partition and last user turn: the same question has one entry."""

Vector = bytes
"""(d,) float32, little-endian, L2-normalised, so that a dot product is a cosine."""


class Scope(StrEnum):
    """Who shares answers."""

    PROJECT = "project"
    TEAM = "team"
    USER = "user"
    """Each end user that a request names, within the project; a request that names none is the key's own."""


class Tier(StrEnum):
    """How an answer was found."""

    EXACT = "exact"
    SEMANTIC = "semantic"


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """What is remembered for one tenant."""

    version: str = "none"
    is_exact: bool = False
    is_semantic: bool = False
    scope: Scope = Scope.PROJECT
    ttl_s: float = 86_400.0
    threshold: float | None = None
    """Cosine from which a candidate is looked at; None: as the embedder was calibrated."""
    shadow_share: float = 0.0
    """Of semantic hits that are also sent upstream and compared."""
    waits: bool = True
    """Whether identical misses wait for one upstream call."""
    counts_requests: bool = True
    """Whether a hit counts against limits on requests."""
    max_entries: int = 100_000
    """Per partition; those used least go first."""


NO_CACHE = CachePolicy()


@dataclass(frozen=True, slots=True)
class Question:
    """A request, as the cache sees it."""

    partition: Partition
    id: EntryId
    text: str
    """The last user turn."""
    owner: str
    """Whose entry it would be, for erasure: the key's id, and the end user's hash where one is named."""

    def __repr__(self) -> str:
        return f"Question({self.partition!r}, {self.id!r}, '***')"


@dataclass(frozen=True, slots=True)
class Entry:
    """One remembered answer."""

    id: EntryId
    partition: Partition
    text: str
    answer: bytes
    """The canonical plain answer, JSON, with the exchange's own id and time taken out."""
    vector: Vector
    """Empty: it is only found exactly."""
    model: str
    owner: str
    exchange: str
    """Which exchange paid for it."""
    usage: Usage
    micro_usd: MicroUsd
    """What it cost then."""
    stored_at_s: float
    expires_at_s: float

    def __repr__(self) -> str:
        return f"Entry({self.id!r}, {self.partition!r}, '***')"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry that may be like the question; ``similarity`` is the cosine."""

    id: EntryId
    similarity: float


@dataclass(frozen=True, slots=True)
class Recalled:
    """An answer that may be given. Only ``policy.recall`` makes one."""

    entry: Entry
    tier: Tier
    similarity: float
    age_s: float


@dataclass(frozen=True, slots=True)
class Ticket:
    """What storing the answer will need of its request. Travels sealed to delivery."""

    question: Question
    vector: Vector
    ttl_s: float
    max_entries: int
    is_first: bool = False
    """Whether others wait for the answer, and have to be told if there is none."""
    embedder: str = ""
    """Name of what makes its vector; empty: it is only found exactly."""
    rival: EntryId | None = None
    """The remembered answer that was not given, to be compared with the new one; None: there was none."""
    rival_similarity: float = 0.0

    def __repr__(self) -> str:
        return f"Ticket({self.question!r})"


def organisation_of(partition: Partition) -> str:
    """Whose answers the partition has."""
    return partition.rpartition("/")[0]
