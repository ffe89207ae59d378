"""What an exchange leaves for ever: one row, whatever its end, and how two records of the same exchange become one.

Delivery and the journal each tell of an exchange, in any order, from any worker, perhaps more than once. ``merged`` is
commutative, associative and idempotent, so that none of that matters. ``migrations/0007_verdicts.sql`` has the same
rule for rows that are already in Postgres; ``tests/contracts/test_ledger.py`` holds the two together.

    cost = what the answer used + the estimate of each attempt that gave none, but of those known to have been free

Who tells of the answer does not know what became of the attempts before it; who knows that one was free does not know
the prices. So a row keeps both lists, and its cost and charges follow from them: ``with_unanswered``.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from extproc.model.exchange import Usage
from extproc.model.ids import ExchangeId
from extproc.model.limits import Rank, Unit
from extproc.model.money import MicroUsd

NO_USAGE = Usage(0, 0)
NOTHING = MicroUsd(0)


class End(StrEnum):
    """How an exchange ended, for Finance: ``exchange.Outcome``, and what the gateway answered by itself."""

    ANSWERED = "answered"
    CACHED = "cached"
    REFUSED = "refused"
    ABANDONED = "abandoned"
    FAILED = "failed"


class Flag(StrEnum):
    """What is to be known about a row's figures."""

    ESTIMATED = "estimated"
    """The provider's usage was missing or absurd, and the tokens were counted here."""
    CLAMPED = "clamped"
    """The provider's usage was beyond what the request could use, and was cut to it."""
    DOUBLED = "doubled"
    """The provider told its usage more than once."""
    ABANDONED_ESTIMATE = "abandoned_estimate"
    """It was cut off, and what its provider will bill is assumed."""
    UNPRICED = "unpriced"
    """The deployment has no price: it costs nothing here."""
    OWED = "owed"
    """It was let through while its budget could not be asked."""
    UNANSWERED = "unanswered_attempts"
    """Its cost has estimates for attempts that gave no answer and may be billed."""


@dataclass(frozen=True, slots=True)
class LedgerCharge:
    """What one budget's counter was charged, as it was reserved."""

    part: str
    unit: Unit
    amount: int
    generation: str = ""
    """Of the counter when it was charged; empty: it is not known to be."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """One attempt that gave no answer, with what its provider may bill for it, as estimated."""

    deployment: str
    micro_usd: int
    tokens: int


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One exchange, as far as one record of it knows. Holds no prompt, no completion and no end user's name."""

    exchange: ExchangeId
    started_at_s: float
    """UTC seconds; every record of an exchange says the same, or nearly."""
    ended_at_s: float
    rank: Rank
    """Whose figures these are; the higher ones stay."""
    is_final: bool
    """Whether Envoy's word on the outcome is in it."""
    outcome: End
    organisation: str = ""
    """Empty, as with everything below: not known to this record."""
    team: str = ""
    project: str = ""
    key: str = ""
    user: str = ""
    """The end user's hash, as limits count it."""
    tags: tuple[str, ...] = ()
    """The key's and the request's."""
    model: str = ""
    operation: str = ""
    is_stream: bool = False
    status: int = 0
    refusal: str = ""
    """Code of the refusal."""
    tried: tuple[str, ...] = ()
    """Deployments, in the order they were asked."""
    attempts: int = 0
    deployment: str = ""
    """The one that answered."""
    dialect: str = ""
    """The provider's."""
    upstream_model: str = ""
    provider_request_id: str = ""
    usage: Usage = NO_USAGE
    micro_usd: MicroUsd = NOTHING
    """All of it: of the answer, and of the attempts that gave none."""
    price_version: str = ""
    saved_micro_usd: MicroUsd = NOTHING
    """What the cache saved."""
    flags: tuple[Flag, ...] = ()
    charges: tuple[LedgerCharge, ...] = ()
    unanswered: tuple[Unanswered, ...] = ()
    """Attempts that count beside the one that answered, if they are not known to have been free."""
    freed: tuple[str, ...] = ()
    """Deployments of which it is known that they bill nothing, sorted: nothing was sent, or they refused."""
    unanswered_micro_usd: MicroUsd = NOTHING
    """How much of the cost is for attempts that gave no answer."""
    verdicts: tuple[str, ...] = ()
    """The firewall's, each as ``policy.verdicts`` writes it, sorted: of the request, and of what was answered."""

    @property
    def answer_micro_usd(self) -> MicroUsd:
        """Cost of the answer alone."""
        return MicroUsd(self.micro_usd - self.unanswered_micro_usd)

    @property
    def is_applied(self) -> bool:
        """Whether every counter is known to be charged."""
        return all(charge.generation for charge in self.charges)


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A correction of one counter: a row of its own, signed, with an id."""

    id: str
    """``adj_`` and 8 to 64 letters, digits or dashes."""
    organisation: str
    part: str
    unit: Unit
    amount: int
    reason: str
    actor: str
    approval: str


@dataclass(frozen=True, slots=True)
class Writer:
    """A process that writes to the ledger, as it was last heard of."""

    id: str
    unwritten: int
    """Rows that it has on its disk or in memory."""
    silent_s: float
    """Since it was heard of."""


def merged(a: LedgerRow, b: LedgerRow) -> LedgerRow:
    """The one row of two records of one exchange, in either order, as often as one likes."""
    ended = max(a, b, key=_ending)
    used = max(_answer_alone(a), _answer_alone(b), key=_figures)
    row = replace(
        used,
        started_at_s=min(a.started_at_s, b.started_at_s),
        is_final=ended.is_final,
        ended_at_s=ended.ended_at_s,
        status=ended.status,
        outcome=ended.outcome,
        organisation=max(a.organisation, b.organisation),
        team=max(a.team, b.team),
        project=max(a.project, b.project),
        key=max(a.key, b.key),
        user=max(a.user, b.user),
        tags=max(a.tags, b.tags),
        model=max(a.model, b.model),
        operation=max(a.operation, b.operation),
        is_stream=a.is_stream or b.is_stream,
        refusal=max(a.refusal, b.refusal),
        attempts=max(a.attempts, b.attempts),
        tried=max(a.tried, b.tried, key=lambda tried: (len(tried), tried)),
        freed=tuple(sorted({*a.freed, *b.freed})),
        verdicts=tuple(sorted({*a.verdicts, *b.verdicts})),
    )
    return with_unanswered(row)


def with_unanswered(row: LedgerRow) -> LedgerRow:
    """The row of an answer alone, with what its other attempts may be billed added to cost, charges and flags."""
    counted = [each for each in row.unanswered if each.deployment not in row.freed]
    micro_usd, tokens = sum(each.micro_usd for each in counted), sum(each.tokens for each in counted)
    if not micro_usd and not tokens:
        return row
    more = {Unit.MICRO_USD: micro_usd, Unit.TOKENS: tokens}
    return replace(
        row,
        micro_usd=MicroUsd(row.micro_usd + micro_usd),
        unanswered_micro_usd=MicroUsd(micro_usd),
        charges=tuple(replace(each, amount=each.amount + more[each.unit]) for each in row.charges),
        flags=(*row.flags, Flag.UNANSWERED),
    )


def merge_all(rows: Iterable[LedgerRow]) -> tuple[LedgerRow, ...]:
    """One row for each exchange, in the order in which they were first met."""
    found: dict[ExchangeId, LedgerRow] = {}
    for row in rows:
        before = found.get(row.exchange)
        found[row.exchange] = row if before is None else merged(before, row)
    return tuple(found.values())


def _answer_alone(row: LedgerRow) -> LedgerRow:
    if Flag.UNANSWERED not in row.flags:
        return row
    tokens = sum(each.tokens for each in row.unanswered if each.deployment not in row.freed)
    less = {Unit.MICRO_USD: int(row.unanswered_micro_usd), Unit.TOKENS: tokens}
    return replace(
        row,
        micro_usd=MicroUsd(row.micro_usd - row.unanswered_micro_usd),
        unanswered_micro_usd=NOTHING,
        charges=tuple(replace(each, amount=each.amount - less[each.unit]) for each in row.charges),
        flags=tuple(each for each in row.flags if each is not Flag.UNANSWERED),
    )


def _ending(row: LedgerRow) -> tuple[object, ...]:
    return (row.is_final, row.ended_at_s, row.status, row.outcome.value)


def _figures(row: LedgerRow) -> tuple[object, ...]:
    usage = row.usage
    return (
        row.rank,
        row.micro_usd,
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
        usage.audio_input_tokens,
        usage.audio_output_tokens,
        row.saved_micro_usd,
        row.deployment,
        row.dialect,
        row.upstream_model,
        row.provider_request_id,
        row.price_version,
        tuple(flag.value for flag in row.flags),
        tuple((charge.part, charge.unit.value, charge.amount, charge.generation) for charge in row.charges),
        tuple((each.deployment, each.micro_usd, each.tokens) for each in row.unanswered),
    )
