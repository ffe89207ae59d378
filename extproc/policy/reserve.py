"""What one request asks of every limit that is for it: limits and principal → one claim, granted whole or not at all.

``Limits`` is the snapshot of everything that was declared. The counters a claim names never change afterwards: whoever
settles charges exactly these. Read next: ``policy.ports.Budgets`` for who grants it, ``settle`` for what is charged.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from extproc.model.identity import VirtualKey
from extproc.model.ids import ExchangeId, ModelName
from extproc.model.limits import Bucket, Budget, Claim, Counter, Estimate, Level, Limit, Rate, Scope, Unit
from extproc.model.refusals import MODEL_WITHOUT_PRICE, Refusal
from extproc.policy.windows import window_at


@dataclass(frozen=True, slots=True)
class Limits:
    """Every limit in force, by organisation: one immutable snapshot."""

    version: int = 0
    by_organisation: Mapping[str, tuple[Limit, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for what, as limits see it."""

    key: VirtualKey
    model: ModelName
    user: str = ""
    """The end user as the request names them; empty: it names none, and they share one count."""


def make_claim(
    limits: Limits, asker: Asker, estimate: Estimate, exchange: ExchangeId, hold_s: float, now_s: float
) -> Claim:
    """Everything the request must be granted; without counters and buckets when no limit is for it.

    Args:
        limits: those in force.
        asker: the principal's key, the model, the end user.
        estimate: the most it can use.
        exchange: names the reservation.
        hold_s: how long it is held without a word.
        now_s: UTC seconds, by the clock that will judge the windows.

    Raises:
        Refusal: MODEL_WITHOUT_PRICE; a hard budget in money is for it, and what it costs is not known.
    """
    counters: list[Counter] = []
    buckets: list[Bucket] = []
    for limit in limits.by_organisation.get(asker.key.organisation, ()):
        if not _is_for(limit.scope, asker):
            continue
        holder = _holder(limit.scope, asker)
        if isinstance(limit, Rate):
            buckets.append(_bucket(limit, holder, estimate))
        else:
            counters.append(_counter(limit, holder, estimate, now_s))
    return Claim(exchange, asker.key.organisation, tuple(counters), tuple(buckets), hold_s)


def _is_for(scope: Scope, asker: Asker) -> bool:
    key = asker.key
    wanted = ((scope.team, key.team), (scope.project, key.project), (scope.key, key.id), (scope.model, asker.model))
    return all(named is None or named == own for named, own in wanted)


def _holder(scope: Scope, asker: Asker) -> str:
    """Whose use is counted together, in a form that can stand in a counter's name."""
    return "/".join(_path(scope, asker))


def _path(scope: Scope, asker: Asker) -> Iterator[str]:
    key = asker.key
    depth = _DEPTH[scope.each] if scope.each is not None else 0
    for level, named, own in ((1, scope.team, key.team), (2, scope.project, key.project), (3, scope.key, key.id)):
        # What a scope names, and what it counts apart, makes a holder of its own.
        if named is not None or depth >= level:
            yield own
    if scope.each is Level.USER:
        # Chosen by whoever sends the request: of any length, and perhaps somebody's name.
        yield hashlib.sha256(asker.user.encode()).hexdigest()[:16]
    if scope.model is not None:
        yield f"model={scope.model}"


_DEPTH = {Level.ORGANISATION: 0, Level.TEAM: 1, Level.PROJECT: 2, Level.KEY: 3, Level.USER: 2}


def _counter(budget: Budget, holder: str, estimate: Estimate, now_s: float) -> Counter:
    if budget.unit is Unit.TOKENS:
        amount = estimate.tokens
    elif estimate.micro_usd is not None:
        amount = estimate.micro_usd
    elif budget.is_hard:
        raise Refusal(MODEL_WITHOUT_PRICE, param="model")
    else:
        amount = 0
    moment = window_at(budget.window, now_s)
    prefix = f"{budget.id}:{holder}:"
    return Counter(
        id=prefix + moment.parts[-1],
        parts=tuple(prefix + part for part in moment.parts),
        unit=budget.unit,
        limit=budget.amount,
        is_hard=budget.is_hard,
        amount=amount,
        starts_at_s=moment.starts_at_s,
        ends_at_s=moment.ends_at_s,
        budget=budget.id,
        alert_percents=budget.alert_percents,
    )


def _bucket(rate: Rate, holder: str, estimate: Estimate) -> Bucket:
    return Bucket(
        id=f"{rate.id}:{holder}",
        rate=rate.id,
        requests_per_minute=rate.requests_per_minute,
        tokens_per_minute=rate.tokens_per_minute,
        concurrent=rate.concurrent,
        tokens=estimate.tokens,
    )
