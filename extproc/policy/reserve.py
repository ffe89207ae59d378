"""What one request asks of every limit that is for it: limits and principal → one claim, granted whole or not at all.

``Limits`` is the snapshot of everything that was declared. The counters a claim names never change afterwards: whoever
settles charges exactly these. Read next: ``policy.ports.Budgets`` for who grants it, ``settle`` for what is charged.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from operator import itemgetter

from extproc.model.identity import VirtualKey
from extproc.model.ids import ExchangeId, ModelName
from extproc.model.limits import Bucket, Budget, Claim, Counter, Estimate, Level, Limit, Rate, Scope, Unit, Window
from extproc.model.refusals import MODEL_WITHOUT_PRICE, Refusal
from extproc.policy.windows import Moment, window_at

Index = Mapping[tuple[str | None, ...], tuple[tuple[int, Limit], ...]]
"""An organisation's limits by the team, project, key and model they name, each with its place in the order."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Every limit in force, by organisation: one immutable snapshot."""

    version: int = 0
    by_organisation: Mapping[str, tuple[Limit, ...]] = field(default_factory=dict)
    """In the order in which they are asked for."""
    index: Mapping[str, Index] = field(default_factory=dict, repr=False, compare=False)
    """Made from the above where it is missing."""

    def __post_init__(self) -> None:
        missing = self.by_organisation.keys() - self.index.keys()
        made = {name: _make_index(self.by_organisation[name]) for name in missing}
        object.__setattr__(self, "index", {**self.index, **made})

    def with_organisations(self, version: int, changed: Mapping[str, tuple[Limit, ...]]) -> "Limits":
        """The snapshot in which these organisations have these limits; the work is theirs alone."""
        kept = {name: index for name, index in self.index.items() if name not in changed}
        return Limits(version, {**self.by_organisation, **changed}, kept)


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
    # Most budgets share a window, and working out a midnight costs more than all the rest.
    moments: dict[Window, Moment] = {}
    for limit in find_limits(limits, asker):
        holder = _holder(limit.scope, asker)
        if isinstance(limit, Rate):
            buckets.append(_bucket(limit, holder, estimate))
        else:
            if limit.window not in moments:
                moments[limit.window] = window_at(limit.window, now_s)
            counters.append(_counter(limit, holder, estimate, moments[limit.window]))
    return Claim(exchange, asker.key.organisation, tuple(counters), tuple(buckets), hold_s)


def hide_user(user: str) -> str:
    """An end user as they are counted: chosen by whoever sends the request, of any length, perhaps a person's name."""
    return hashlib.sha256(user.encode(errors="surrogatepass")).hexdigest()[:16]


def find_limits(limits: Limits, asker: Asker) -> list[Limit]:
    """The limits that are for a request, in order: those that name nothing else than what it has."""
    key = asker.key
    index = limits.index.get(key.organisation)
    if not index:
        return []
    # Each limit names or leaves open four things: sixteen look-ups, however many limits there are.
    places = product((None, key.team), (None, key.project), (None, key.id), (None, asker.model))
    found = [placed for place in places for placed in index.get(place, ())]
    return [limit for _, limit in sorted(found, key=itemgetter(0))]


def _make_index(limits: tuple[Limit, ...]) -> Index:
    placed: dict[tuple[str | None, ...], list[tuple[int, Limit]]] = {}
    for number, limit in enumerate(limits):
        scope = limit.scope
        placed.setdefault((scope.team, scope.project, scope.key, scope.model), []).append((number, limit))
    return {place: tuple(found) for place, found in placed.items()}


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
        yield hide_user(asker.user)
    if scope.model is not None:
        yield f"model={scope.model}"


_DEPTH = {Level.ORGANISATION: 0, Level.TEAM: 1, Level.PROJECT: 2, Level.KEY: 3, Level.USER: 2}


def _counter(budget: Budget, holder: str, estimate: Estimate, moment: Moment) -> Counter:
    if budget.unit is Unit.TOKENS:
        amount = estimate.plan_tokens
    elif estimate.micro_usd is not None:
        amount = estimate.micro_usd
    elif budget.is_hard:
        raise Refusal(MODEL_WITHOUT_PRICE, param="model")
    else:
        amount = 0
    parts = name_parts(budget, holder, moment)
    return Counter(
        id=parts[-1],
        parts=parts,
        unit=budget.unit,
        limit=budget.amount,
        is_hard=budget.is_hard,
        amount=amount,
        starts_at_s=moment.starts_at_s,
        ends_at_s=moment.ends_at_s,
        budget=budget.id,
        alert_percents=budget.alert_percents,
    )


def name_parts(budget: Budget, holder: str, moment: Moment) -> tuple[str, ...]:
    """The counters of one window, oldest first."""
    prefix = f"{budget.id}:{holder}:"
    return tuple([prefix + part for part in moment.parts])


def only_holder(scope: Scope) -> str | None:
    """The one holder that all of a scope share; None where each of many has a count of its own."""
    if scope.each is not None:
        return None
    model = None if scope.model is None else f"model={scope.model}"
    return "/".join(name for name in (scope.team, scope.project, scope.key, model) if name is not None)


def _bucket(rate: Rate, holder: str, estimate: Estimate) -> Bucket:
    return Bucket(
        id=f"{rate.id}:{holder}",
        rate=rate.id,
        requests_per_minute=rate.requests_per_minute,
        tokens_per_minute=rate.tokens_per_minute,
        concurrent=rate.concurrent,
        tokens=estimate.tokens if estimate.usual_tokens is None else estimate.usual_tokens,
    )
