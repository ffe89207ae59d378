"""What reports ask of the ledger and what it answers: sums of rows that are alike, all of one moment.

``operations.reports`` makes the question and the report, ``adapters.postgres_reports`` the answer.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum

from extproc.model.adjustments import SpendAdjustment
from extproc.model.guard import Direction, Result
from extproc.model.money import MicroUsd

_NOTHING = MicroUsd(0)


class Column(StrEnum):
    """What rows of the ledger are told apart by."""

    ORGANISATION = "organisation"
    TEAM = "team"
    PROJECT = "project"
    KEY = "key_id"
    MODEL = "model"
    DEPLOYMENT = "deployment"
    USER = "end_user"
    TAGS = "tags"
    TIME = "time"
    """The bucket of the question in which it began; the value is the bucket's name."""


Value = str | tuple[str, ...]
"""Of a column: the tags for TAGS, else one text; empty: it is not known."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A stretch of time, up to where the next one starts."""

    name: str
    """``2026-11-01``, or ``2026-11`` for a month."""
    starts_at: datetime
    """With a time zone, as every moment of a question."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which rows are added up, and how they are told apart."""

    starts_at: datetime
    """By the exchange's beginning; this moment is within."""
    ends_at: datetime
    """This one is not."""
    columns: tuple[Column, ...]
    buckets: tuple[Bucket, ...]
    """In their order, without a gap; the first one starts at or before ``starts_at``."""
    blocking: frozenset[str] = frozenset()
    """Codes of refusals that count as blocked."""
    organisation: str = ""
    """Empty: all of them."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums over exchanges. ``requests`` is the sum of the five ways in which one ends."""

    requests: int = 0
    answered: int = 0
    cached: int = 0
    """Answered from the gateway's own cache."""
    refused: int = 0
    failed: int = 0
    abandoned: int = 0
    blocked: int = 0
    """Of the refused: stopped by a limit, a budget or a boundary."""
    failovers: int = 0
    """More than one deployment was asked."""
    estimated: int = 0
    """Their tokens were counted or assumed here, not told by the provider."""
    unpriced: int = 0
    """Their deployment has no price: they cost nothing here."""
    input_tokens: int = 0
    cached_tokens: int = 0
    """Of the input: from the provider's cache."""
    output_tokens: int = 0
    reasoning_tokens: int = 0
    """Of the output: nobody reads them."""
    micro_usd: MicroUsd = _NOTHING
    estimated_micro_usd: MicroUsd = _NOTHING
    """Of the cost: of the estimated ones."""
    saved_micro_usd: MicroUsd = _NOTHING
    """What the gateway's cache saved."""


def add(*parts: Figures) -> Figures:
    """The sum of figures; of none, zeros."""
    return Figures(*(sum(getattr(part, each.name) for part in parts) for each in fields(Figures)))


@dataclass(frozen=True, slots=True)
class Sums:
    """What the ledger answers, of one moment."""

    as_of: datetime
    """By the ledger's clock."""
    unwritten: int
    """Exchanges that workers last said they have, and that are not in the ledger yet."""
    total: Figures
    groups: tuple[tuple[tuple[Value, ...], Figures], ...]
    """Values in the order of the question's columns."""
    series: tuple[tuple[str, Figures], ...]
    """By bucket, in their order; without those in which nothing began."""
    price_versions: tuple[tuple[str, Figures], ...]
    """By the version of the prices that was charged; empty name: nothing was."""
    adjustments: tuple[SpendAdjustment, ...] = ()
    """Of the period, beside all of the above; the earliest first."""
    keys: tuple[tuple[str, str], ...] = ()
    """Id and name of each key in the groups that the directory knows."""


@dataclass(frozen=True, slots=True)
class PromptSums:
    """How long the prompts of one project's keys with these tags are, over the exchanges that had any input."""

    organisation: str
    team: str
    project: str
    tags: tuple[str, ...]
    """Sorted, each once."""
    requests: int
    p50: int
    """Input tokens: half of the prompts have no more."""
    p95: int
    most: int
    input_tokens: int
    cached_tokens: int
    micro_usd: MicroUsd


@dataclass(frozen=True, slots=True)
class PromptAnswer:
    """What the ledger says of prompts, of one moment."""

    as_of: datetime
    total_micro_usd: MicroUsd
    """Of every exchange in the period, also of those without input."""
    groups: tuple[PromptSums, ...]


@dataclass(frozen=True, slots=True)
class GuardSums:
    """What one scanner came to for one project, one way, so often."""

    organisation: str
    team: str
    project: str
    scanner: str
    direction: Direction
    result: Result
    exchanges: int
    findings: int
    latency_us: int
    """Of all of them together."""
    kinds: tuple[str, ...]
    """Of what was found; of many findings in one exchange the first few."""


@dataclass(frozen=True, slots=True)
class GuardAnswer:
    """What the ledger says of the firewall, of one moment."""

    as_of: datetime
    exchanges: int
    unjudged: int
    """Answered without any scanner: no policy was for them."""
    groups: tuple[GuardSums, ...]
