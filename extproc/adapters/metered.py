"""Facts that others keep, log or charge, as numbers: a journal, and what stands before a ledger.

Tokens and cost are counted from the rows that the ledger is given, where they are made: delivery's as it tells them,
the journal's where nothing can have reached the client, so that delivery tells nothing. A worker that is killed takes
with it what it did not export, and what later turns out to be free stays counted: the ledger is what Finance gets.
"""

from collections.abc import Iterable, Mapping

from extproc.model.exchange import AttemptRecord, DeliveryRecord, ExchangeRecord
from extproc.model.guard import Verdict
from extproc.model.ledger import LedgerRow
from extproc.model.limits import Crossing, Limit, Rank
from extproc.model.metrics import (
    ATTEMPT_SECONDS,
    ATTEMPTS,
    BUDGET_ALERTS,
    CACHE_SAVED,
    COST,
    EXCHANGE_SECONDS,
    EXCHANGES,
    FAILED_DELIVERIES,
    FIRST_TOKEN_SECONDS,
    FLAGGED,
    REFUSALS,
    SCAN_SECONDS,
    TOKENS,
    VERDICTS,
)
from extproc.policy.meter_port import Meter
from extproc.policy.money_ports import Ledger
from extproc.policy.reserve import Limits
from extproc.policy.verdicts import read_verdict

NONE = "none"
"""Of a request that ended before it was known what it asks for."""

_OURS = "gateway:"
"""How response code details begin that a door of ours wrote."""
_FIRST_ERROR, _FIRST_REDIRECT, _FIRST_OK, _FIRST_SERVER_ERROR = 400, 300, 200, 500
_TOO_MANY = 429
_RESULTS = {
    "abandoned": frozenset({"DC", "DR"}),
    "timeout": frozenset({"UT", "SI", "DT", "UMSDR"}),
    "unreachable": frozenset({"UF", "UO", "UH", "NC", "DF"}),
    "cut": frozenset({"UC", "UR", "UPE", "LR"}),
}
"""By Envoy's response flags, in this order. Source: Envoy 1.40, "Response flags"."""


class MetricsJournal:
    """A ``Journal`` that counts."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def attempted(self, record: AttemptRecord) -> None:
        """One upstream attempt ended."""
        self._meter.add(ATTEMPTS, deployment=record.deployment, result=result_of(record))
        self._meter.record(ATTEMPT_SECONDS, record.duration_ms / 1000, deployment=record.deployment)

    def delivered(self, record: DeliveryRecord) -> None:
        """Delivery is done with one attempt."""
        if record.failure:
            self._meter.add(FAILED_DELIVERIES, deployment=record.deployment, code=record.failure)
        if record.first_token_s is not None:
            self._meter.record(FIRST_TOKEN_SECONDS, record.first_token_s, deployment=record.deployment)
        count_verdicts(self._meter, record.verdicts)

    def finished(self, record: ExchangeRecord) -> None:
        """One client request ended."""
        context = record.context
        outcome = record.outcome.value
        operation = NONE if context is None else context.operation.value
        surface = NONE if context is None else context.surface
        self._meter.add(EXCHANGES, outcome=outcome, surface=surface, operation=operation)
        self._meter.record(EXCHANGE_SECONDS, record.duration_ms / 1000, outcome=outcome, operation=operation)
        if context is not None:
            count_verdicts(self._meter, context.verdicts)
        if record.status >= _FIRST_ERROR and record.details.startswith(_OURS):
            self._meter.add(REFUSALS, code=record.details.removeprefix(_OURS))
        elif context is None and record.status >= _FIRST_ERROR:
            # Envoy said no by itself, before any door was asked or because one did not answer.
            self._meter.add(REFUSALS, code=f"envoy_{record.status}")


def count_verdicts(meter: Meter, verdicts: Iterable[Verdict]) -> None:
    """What the firewall said of one exchange in one direction."""
    for each in verdicts:
        way = each.direction.value
        meter.add(VERDICTS, scanner=each.scanner, direction=way, result=each.result.value)
        if each.latency_us:
            meter.record(SCAN_SECONDS, each.latency_us / 1e6, scanner=each.scanner, direction=way)


class MeteredLedger:
    """A ``Ledger`` before another one, which counts what is settled."""

    def __init__(self, ledger: Ledger, meter: Meter) -> None:
        self._ledger = ledger
        self._meter = meter

    @property
    def is_full(self) -> bool:
        """See ``Ledger``."""
        return self._ledger.is_full

    def append(self, row: LedgerRow) -> None:
        """See ``Ledger``."""
        self._ledger.append(row)
        if is_settled(row):
            self._count(row)
        if row.refusal:
            # Of a request that was refused no context goes on, so the journal does not hear of its verdicts.
            count_verdicts(self._meter, map(read_verdict, row.verdicts))

    def _count(self, row: LedgerRow) -> None:
        where = {"model": row.model, "deployment": row.deployment}
        usage = row.usage
        kinds = {
            "input": usage.input_tokens,
            "cached": usage.cached_tokens,
            "output": usage.output_tokens,
            "reasoning": usage.reasoning_tokens,
        }
        for kind, tokens in kinds.items():
            if tokens:
                self._meter.add(TOKENS, tokens, kind=kind, **where)
        if row.saved_micro_usd > 0:
            self._meter.add(CACHE_SAVED, row.saved_micro_usd, model=row.model)
        if row.micro_usd > 0:
            self._meter.add(COST, row.micro_usd, **where)
        for flag in row.flags:
            self._meter.add(FLAGGED, flag=flag.value)


class BudgetAlerts:
    """Counts alerts of budgets."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def tell(self, limits: Limits, organisation: str, crossing: Crossing) -> None:
        """Count one; whose budget it is, is what ``limits`` say now."""
        declared = {each.id: each for each in limits.by_organisation.get(organisation, ())}
        level = level_of(declared.get(crossing.budget))
        self._meter.add(BUDGET_ALERTS, level=level, percent=str(crossing.percent))


def result_of(record: AttemptRecord) -> str:
    """What came of an attempt, in one of nine words."""
    flags = frozenset(record.flags.split(","))
    found = next((result for result, members in _RESULTS.items() if flags & members), None)
    if found is not None:
        return found
    status = record.status
    if status == _TOO_MANY:
        return "rate_limited"
    if _FIRST_OK <= status < _FIRST_REDIRECT:
        return "answered"
    if status >= _FIRST_SERVER_ERROR:
        return "failed"
    return "rejected" if status else "cut"


def is_settled(row: LedgerRow) -> bool:
    """Whether this record of an exchange is the one whose figures stay, as far as can be told from it alone."""
    if row.rank is Rank.DELIVERY:
        return True
    # With a status of success something had been released, and delivery tells of it; a refusal has no figures.
    return row.is_final and (row.status == 0 or row.status >= _FIRST_ERROR)


def level_of(limit: Limit | None) -> str:
    """Whose use a limit counts together: the lowest place that it names; empty: it is not in force any more."""
    if limit is None:
        return ""
    scope = limit.scope
    if scope.each is not None:
        return scope.each.value
    places: Mapping[str, str | None] = {"key": scope.key, "project": scope.project, "team": scope.team}
    return next((name for name, value in places.items() if value is not None), "organisation")
