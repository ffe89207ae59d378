"""What a tenant may use, and what one request asks of it: nouns of limits, budgets and reservations.

    Limit          what may be used: rates (per minute, at a time) and budgets (in a window)
    Estimate       the most one request can use
    Reservation    that much is held, before a byte leaves
    Settlement     what it really used; a hold that used nothing is voided

Money is whole micro-USD, tokens are whole tokens. ``policy.reserve`` decides with these, ``policy.ports.Budgets`` keeps
the counters, ``policy.ports.Ledger`` the truth they are recounted from.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NewType

from extproc.model.ids import ExchangeId
from extproc.model.money import MicroUsd

LimitId = NewType("LimitId", str)
"""Chosen by whoever declared the limit; stable, so that a changed limit is the same limit."""


class Level(StrEnum):
    """Whose use is counted together."""

    ORGANISATION = "organisation"
    TEAM = "team"
    PROJECT = "project"
    KEY = "key"
    USER = "user"
    """The end user that a request names, within one project."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom a limit is for. ``None`` takes everybody at that place; ``each`` says that they are counted apart."""

    organisation: str
    team: str | None = None
    project: str | None = None
    key: str | None = None
    model: str | None = None
    """Only requests for this model; None: for any."""
    each: Level | None = None
    """``KEY``: every key within has a count of its own. None: all within share one."""


class Span(StrEnum):
    """How long a budget lasts before it begins anew."""

    DAY = "day"
    MONTH = "month"
    ROLLING = "rolling"


@dataclass(frozen=True, slots=True)
class Window:
    """A budget's span. Days and months begin at midnight of the time zone."""

    span: Span
    time_zone: str = "UTC"
    """An IANA name."""
    rolling_s: int = 0
    """For ROLLING: a multiple of 60. Counted in sixtieths, so what is remembered ends up to a sixtieth early."""


class Unit(StrEnum):
    """What a budget is counted in."""

    MICRO_USD = "micro_usd"
    TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class Budget:
    """So much in a window."""

    id: LimitId
    scope: Scope
    unit: Unit
    amount: int
    window: Window
    is_hard: bool = True
    """False: told when exceeded, never refused."""
    alert_percents: tuple[int, ...] = (80, 100)


@dataclass(frozen=True, slots=True)
class Rate:
    """So much in a minute, or at a time. Token buckets as large as a minute's worth."""

    id: LimitId
    scope: Scope
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent: int | None = None


Limit = Budget | Rate


@dataclass(frozen=True, slots=True)
class Outage:
    """What an organisation is promised while its limits cannot be asked."""

    is_open: bool = False
    """False: nothing passes. True: each worker lets pass so much in one outage, and owes it to the ledger."""
    allowance_micro_usd: int = 0
    allowance_requests: int = 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """The most a request can use."""

    input_tokens: int
    output_tokens: int
    """Of one attempt."""
    micro_usd: MicroUsd | None
    """Of the whole plan, each of whose attempts may be billed. None: one of its deployments has no price."""
    usual_tokens: int | None = None
    """What rates are asked for in its place, where the worst case is only so large because nobody said a maximum."""
    attempts: int = 1
    """Of the plan."""

    @property
    def tokens(self) -> int:
        """Input and output of one attempt together."""
        return self.input_tokens + self.output_tokens

    @property
    def plan_tokens(self) -> int:
        """Tokens of the whole plan, which budgets are asked for."""
        return self.tokens * self.attempts


@dataclass(frozen=True, slots=True)
class Counter:
    """One window of one budget for one holder, as a request meets it. It never changes once reserved."""

    id: str
    """``<limit>:<holder>:<window>``, unique within the organisation; the ledger row carries it."""
    parts: tuple[str, ...]
    """The counters that are added up: one for days and months; a rolling window's, oldest first. The last one is
    charged."""
    unit: Unit
    limit: int
    is_hard: bool
    amount: int
    """What is held of it."""
    starts_at_s: float
    ends_at_s: float
    """UTC seconds. When it resets; for a rolling window, when its oldest part is forgotten."""
    budget: LimitId
    alert_percents: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Bucket:
    """One token bucket for one holder, as a request meets it."""

    id: str
    rate: LimitId
    requests_per_minute: int | None
    tokens_per_minute: int | None
    concurrent: int | None
    tokens: int
    """What is taken from it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Everything one request asks for at once. All of it is granted, or nothing."""

    reservation: ExchangeId
    organisation: str
    counters: tuple[Counter, ...]
    buckets: tuple[Bucket, ...]
    hold_s: float
    """Until the hold is given up, unless it is extended."""


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of one limit after a decision, for the answer's headers."""

    limit: LimitId
    amount: int
    of: int
    resets_at_s: float
    """UTC seconds: a window's end, or when a bucket is full again."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """The whole claim is held. Only ``Budgets.reserve`` makes one; without it nothing is sent."""

    claim: Claim
    requests_left: Left | None = None
    """Of the tightest bucket."""
    tokens_left: Left | None = None
    money_left: Left | None = None
    """Of the tightest budget in money."""


class Shortage(StrEnum):
    """What there was not enough of."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    CONCURRENCY = "concurrency"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class Denied:
    """Nothing is held: this limit is truly exceeded."""

    shortage: Shortage
    limit: LimitId
    used: int
    held: int
    of: int
    retry_after_s: float | None
    """When waiting would help; None: not known."""


class Rank(IntEnum):
    """Whose word on an exchange's use counts for more; the higher corrects the lower by the difference."""

    JOURNAL = 1
    DELIVERY = 2


@dataclass(frozen=True, slots=True)
class Charge:
    """What one counter is charged."""

    part: str
    """The charged part of a claim's counter."""
    amount: int
    """In the counter's unit."""
    generation: str = ""
    """Of the counter when this was applied; empty: not yet."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A budget's use has reached one of its alert percentages."""

    budget: LimitId
    part: str
    percent: int
    used: int
    of: int
    unit: Unit


@dataclass(frozen=True, slots=True)
class Alert:
    """When somebody is to be told of a counter's use."""

    budget: LimitId
    part: str
    of: int
    percents: tuple[int, ...]
    unit: Unit


PRECEDENCE_STEP = 100
"""Between ranks; more attempts than that no plan has."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What an exchange used, to be charged once to every counter of its claim."""

    reservation: ExchangeId
    organisation: str
    charges: tuple[Charge, ...]
    buckets: tuple[str, ...]
    """Every bucket of the claim; what was taken beyond ``tokens`` goes back."""
    tokens: int
    rank: Rank
    alerts: tuple[Alert, ...] = ()
    freed: int = 0
    """How many attempts are known to have been free: of two of one rank, the one that knows of more counts."""

    @property
    def precedence(self) -> int:
        """By which of two settlements of a reservation counts: the higher one's amounts stay."""
        return self.rank * PRECEDENCE_STEP + min(self.freed, PRECEDENCE_STEP - 1)


@dataclass(frozen=True, slots=True)
class Settled:
    """A settlement as it was applied, to be kept with the ledger's row."""

    charges: tuple[Charge, ...]
    """With the generation that each was applied to."""
    crossed: tuple[Crossing, ...] = ()
    """Alerts that nobody has told yet in this window."""
    outranked: tuple[Charge, ...] = ()
    """Not applied, because this was before, by somebody whose word counts for more."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the ledger says of one counter part, at one moment."""

    used: int
    recent: tuple[tuple[ExchangeId, int], ...] = ()
    """The rows of the last hour that are within: a settlement that comes again must not count them twice."""
