"""Which deployments serve a permitted request, and in which order.

    filter   eligible     serves the operation, inside the tenant's data boundary, able to
    score    strategies   the group's strategy, by what health says of each
    pick     lineup       healthy, then unproven, then perhaps too small, then cooling down

Pure but for what it is handed. Nobody but the filter names candidates, so that failover cannot leave the boundary.
``auto`` is two groups: the one the request is judged to need, or the other when nobody of that one may serve it; behind
either stands only what the operator wrote. Read next: those three, then ``exchange.planning``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil

from extproc.model.catalog import Catalog, Deployment, Operation
from extproc.model.identity import Permit
from extproc.model.ids import DeploymentName, GroupName
from extproc.model.refusals import UPSTREAM_RATE_LIMITED, Refusal
from extproc.model.routing import Auto, Needs, RoutingGroup
from extproc.policy.classify import Tier
from extproc.policy.eligible import Asked, Out, Sifted, refusal_of, sift
from extproc.policy.lineup import Circumstances, Place, Stage, describe_place, line_up


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
    auto_reasons: tuple[str, ...] = ()
    """Why it did."""


def choose_route(permit: Permit, operation: Operation, needs: Needs, at: Circumstances) -> Route:
    """At least one deployment, first choice first.

    Raises:
        Refusal: OPERATION_NOT_SUPPORTED, DATA_BOUNDARY, INVALID_REQUEST, CONTEXT_LENGTH_EXCEEDED; no deployment of the
            model may or can serve this request. UPSTREAM_RATE_LIMITED; everyone that can is waiting for its provider.
    """
    target = at.catalog.models[permit.model].target
    asked = Asked(permit.principal.key, _served(operation), needs, at.now_s)
    if isinstance(target, Auto):
        return _decide_auto(target, asked, at)
    sifted = sift(at.catalog, _groups(target, at.catalog), asked)
    if not sifted.eligible:
        raise refusal_of(sifted.out)
    return _decide(sifted, needs, at)


def shut_out(permit: Permit, operation: Operation, needs: Needs, catalog: Catalog, now_s: float) -> list[Considered]:
    """Every deployment of the model that may not serve the request, however the others are doing."""
    asked = Asked(permit.principal.key, _served(operation), needs, now_s)
    return [_out(each) for each in sift(catalog, catalog.groups_of(permit.model), asked).out]


def _decide_auto(target: Auto, asked: Asked, at: Circumstances) -> Route:
    judged = at.judge()
    groups = {Tier.CHEAP: target.cheap, Tier.PREMIUM: target.premium}
    wanted = judged.tier
    other = Tier.CHEAP if wanted is Tier.PREMIUM else Tier.PREMIUM
    sifted = sift(at.catalog, _groups(groups[wanted], at.catalog), asked)
    said = f"{wanted}; score={judged.score:.2f}"
    if sifted.eligible:
        return replace(_decide(sifted, asked.needs, at), auto=said, auto_reasons=judged.reasons)
    instead = sift(at.catalog, _groups(groups[other], at.catalog), asked)
    if not instead.eligible:
        raise refusal_of((*sifted.out, *instead.out))
    route = _decide(instead, asked.needs, at)
    told = {each.deployment for each in route.considered}
    return replace(
        route,
        considered=(*route.considered, *(_out(each) for each in sifted.out if each.deployment not in told)),
        auto=f"{other}; score={judged.score:.2f}; wanted={wanted}",
        auto_reasons=(
            *judged.reasons,
            f"no deployment of {groups[wanted]} may serve the request: {groups[other]} does",
        ),
    )


def _served(operation: Operation) -> Operation:
    # Counting is asked of whoever would answer.
    return Operation.CHAT if operation is Operation.COUNT_TOKENS else operation


def _groups(first: GroupName, catalog: Catalog) -> Iterator[RoutingGroup]:
    yield catalog.groups[first]
    for name in catalog.groups[first].fallbacks:
        yield catalog.groups[name]


def _decide(sifted: Sifted, needs: Needs, at: Circumstances) -> Route:
    places = line_up(sifted.eligible, needs, at)
    plan = [place for place in places if place.stage is not Stage.LIMITED][: at.catalog.routing.max_attempts]
    if not plan:
        raise _limited(places, at.now_s)
    considered = (
        *(_considered(place, describe_place(place, needs), is_chosen=True) for place in plan),
        *(_left_out(place, needs, at) for place in places[len(plan) :]),
        *(_out(each) for each in sifted.out),
    )
    return Route(tuple(place.contender.eligible.deployment for place in plan), considered)


def _limited(places: Sequence[Place], now_s: float) -> Refusal:
    soonest_s = min(place.contender.standing.cooldown_until_s for place in places)
    return Refusal(UPSTREAM_RATE_LIMITED, headers=(("retry-after", str(max(1, ceil(soonest_s - now_s)))),))


# -- words --------------------------------------------------------------------------------------------------------


def _left_out(place: Place, needs: Needs, at: Circumstances) -> Considered:
    if place.stage is Stage.LIMITED:
        return _considered(place, describe_place(place, needs), is_chosen=False)
    reason = f"too far back: a plan has at most {at.catalog.routing.max_attempts} attempts"
    return _considered(place, reason, is_chosen=False)


def _out(out: Out) -> Considered:
    return Considered(out.deployment, out.group, is_chosen=False, reason=f"out: {out.shortfall.reason}")


def _considered(place: Place, reason: str, *, is_chosen: bool) -> Considered:
    eligible = place.contender.eligible
    return Considered(eligible.deployment.name, eligible.group, is_chosen, reason)
