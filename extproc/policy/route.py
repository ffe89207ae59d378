"""Which deployments serve a permitted request, and in which order.

    filter   eligible     serves the operation, inside the tenant's data boundary, able to
    score    strategies   the group's strategy, by what health says of each
    pick     here         healthy, then unproven, then perhaps too small, then cooling down

Within each of these a group's own deployments come before those of the groups that stand behind it. Pure but for what
it is handed: ``draw`` gives the numbers that choose at random. Nobody but the filter names candidates, so that failover
cannot leave the boundary. Read next: ``eligible``, ``strategies``, then ``exchange.planning``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from itertools import groupby
from math import ceil

from extproc.model.catalog import Catalog, Deployment, Operation
from extproc.model.health import Trouble
from extproc.model.identity import Permit
from extproc.model.ids import DeploymentName, GroupName
from extproc.model.refusals import UPSTREAM_RATE_LIMITED, Refusal
from extproc.model.routing import Auto, Needs, RoutingGroup, Strategy
from extproc.policy.eligible import Asked, Eligible, Sifted, refusal_of, sift
from extproc.policy.ports import Health
from extproc.policy.strategies import Contender, Draw, arrange, describe


@dataclass(frozen=True, slots=True)
class Considered:
    """One deployment's part in a decision."""

    deployment: DeploymentName
    group: GroupName
    is_chosen: bool
    reason: str
    """Why it stands where it does, or why it is out."""


@dataclass(frozen=True, slots=True)
class Route:
    """The decision: whom to ask in which order, and why. Only ``choose_route`` makes one."""

    deployments: tuple[Deployment, ...]
    considered: tuple[Considered, ...]
    """Those chosen in their order, then the others."""
    auto: str = ""
    """What ``auto`` decided, for a header; empty where the model names one group."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a decision depends on besides the request."""

    catalog: Catalog
    health: Health
    now_s: float
    draw: Draw


class _Stage(IntEnum):
    HEALTHY = 0
    UNPROVEN = 1
    TIGHT = 2
    COOLING = 3
    LIMITED = 4


@dataclass(frozen=True, slots=True)
class _Place:
    stage: _Stage
    contender: Contender
    strategy: Strategy


def choose_route(permit: Permit, operation: Operation, needs: Needs, at: Circumstances) -> Route:
    """At least one deployment, first choice first.

    Raises:
        Refusal: OPERATION_NOT_SUPPORTED, DATA_BOUNDARY, INVALID_REQUEST, CONTEXT_LENGTH_EXCEEDED; no deployment of the
            model may or can serve this request. UPSTREAM_RATE_LIMITED; everyone that can is waiting for its provider.
    """
    target = at.catalog.models[permit.model].target
    first = target.cheap if isinstance(target, Auto) else target
    asked = Asked(permit.principal.key, operation, needs, at.now_s)
    sifted = sift(at.catalog, _groups(first, at.catalog), asked)
    if not sifted.eligible:
        raise refusal_of(sifted.out)
    return _decide(sifted, needs, at)


def _groups(first: GroupName, catalog: Catalog) -> Iterator[RoutingGroup]:
    yield catalog.groups[first]
    for name in catalog.groups[first].fallbacks:
        yield catalog.groups[name]


def _decide(sifted: Sifted, needs: Needs, at: Circumstances) -> Route:
    places = sorted(_places(sifted.eligible, needs, at), key=_urgency)
    plan = [place for place in places if place.stage is not _Stage.LIMITED][: at.catalog.routing.max_attempts]
    if not plan:
        raise _limited(places, at.now_s)
    considered = (
        *(_chosen(place, needs) for place in plan),
        *(_left_out(place, at) for place in places[len(plan) :]),
        *(Considered(out.deployment, out.group, is_chosen=False, reason=out.shortfall.reason) for out in sifted.out),
    )
    return Route(tuple(place.contender.eligible.deployment for place in plan), considered)


# -- pick ---------------------------------------------------------------------------------------------------------


def _places(eligible: Sequence[Eligible], needs: Needs, at: Circumstances) -> Iterator[_Place]:
    """Everyone's place, group by group as they stand one behind the other."""
    has_lead = False
    for group, members in groupby(eligible, key=lambda each: each.group):
        strategy = at.catalog.groups[group].strategy
        ready: list[Contender] = []
        tight: list[Contender] = []
        for member in members:
            standing = at.health.standing(member.deployment.name)
            contender = Contender(member, standing, standing.is_unproven(at.now_s))
            if standing.is_cooling(at.now_s):
                is_limited = standing.trouble is Trouble.RATE_LIMITED
                yield _Place(_Stage.LIMITED if is_limited else _Stage.COOLING, contender, strategy)
            else:
                (tight if member.is_tight else ready).append(contender)
        for contender in _arrange(strategy, ready, needs, at.draw):
            # Only who would be asked first anyway may be the one that finds out: further back nobody would see.
            leads = not has_lead and (not contender.is_unproven or _may_probe(contender, at))
            has_lead = has_lead or leads
            is_behind = contender.is_unproven and not leads
            yield _Place(_Stage.UNPROVEN if is_behind else _Stage.HEALTHY, contender, strategy)
        for contender in _arrange(strategy, tight, needs, at.draw):
            yield _Place(_Stage.TIGHT, contender, strategy)


def _arrange(strategy: Strategy, contenders: list[Contender], needs: Needs, draw: Draw) -> list[Contender]:
    current = [each for each in contenders if not each.eligible.is_retired]
    retired = [each for each in contenders if each.eligible.is_retired]
    return arrange(strategy, current, needs, draw) + arrange(strategy, retired, needs, draw)


def _may_probe(contender: Contender, at: Circumstances) -> bool:
    return at.health.may_probe(contender.eligible.deployment.name, at.now_s)


def _urgency(place: _Place) -> tuple[_Stage, float]:
    is_cooling = place.stage in {_Stage.COOLING, _Stage.LIMITED}
    return place.stage, place.contender.standing.cooldown_until_s if is_cooling else 0.0


def _limited(places: Sequence[_Place], now_s: float) -> Refusal:
    soonest_s = min(place.contender.standing.cooldown_until_s for place in places)
    return Refusal(UPSTREAM_RATE_LIMITED, headers=(("retry-after", str(max(1, ceil(soonest_s - now_s)))),))


# -- words --------------------------------------------------------------------------------------------------------


def _chosen(place: _Place, needs: Needs) -> Considered:
    return _considered(place, _why_here(place, needs), is_chosen=True)


def _left_out(place: _Place, at: Circumstances) -> Considered:
    if place.stage is _Stage.LIMITED:
        until = _clock(place.contender.standing.cooldown_until_s)
        return _considered(place, f"not asked: its provider limits requests until {until}", is_chosen=False)
    reason = f"too far back: a plan has at most {at.catalog.routing.max_attempts} attempts"
    return _considered(place, reason, is_chosen=False)


def _considered(place: _Place, reason: str, *, is_chosen: bool) -> Considered:
    eligible = place.contender.eligible
    return Considered(eligible.deployment.name, eligible.group, is_chosen, reason)


def _why_here(place: _Place, needs: Needs) -> str:
    contender, standing = place.contender, place.contender.standing
    by = f"by {place.strategy}: {describe(place.strategy, contender, needs)}"
    if contender.eligible.is_retired:
        by += "; last of its group, for its provider's last day is over"
    match place.stage:
        case _Stage.HEALTHY if contender.is_unproven:
            return f"to find out whether it works again; {by}"
        case _Stage.HEALTHY:
            return f"healthy; {by}"
        case _Stage.UNPROVEN:
            return f"behind the healthy: not known to work again; {by}"
        case _Stage.TIGHT:
            return f"behind those with more room: perhaps too small for this request; {by}"
        case _Stage.COOLING | _Stage.LIMITED:
            trouble = "trouble" if standing.trouble is None else _TROUBLES[standing.trouble]
            return f"only if all others fail: cooling down until {_clock(standing.cooldown_until_s)} after {trouble}"


def _clock(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%H:%M:%S UTC")


_TROUBLES = {
    Trouble.FAILURES: "failures in a row",
    Trouble.RATE_LIMITED: "a rate limit",
    Trouble.REJECTED: "a rejected credential",
}
