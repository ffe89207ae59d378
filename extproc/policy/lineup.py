"""Where each eligible deployment stands in the plan, by how it is doing, and the words for it.

    healthy    in the order of its group's strategy; also one unproven deployment that is to find out if it works again
    unproven   its cooldown is over, and nobody knows if that helped
    tight      by the estimate the request may be too long for it
    busy       it has as many requests under way as connections: Envoy would turn one more away, and try nobody else
    cooling    the soonest to recover first
    limited    not asked: its provider said when to come again

Within each of these a group's own come before those of the groups behind it; within a group the retired come last. Read
next: ``strategies`` for the order within a group, ``route`` for what becomes of the places.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from itertools import groupby

from extproc.model.catalog import Catalog
from extproc.model.health import Trouble
from extproc.model.routing import Needs, Strategy
from extproc.policy.classify import Judgement
from extproc.policy.eligible import Eligible
from extproc.policy.ports import Health
from extproc.policy.strategies import Contender, Draw, arrange, describe


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a decision depends on besides the request."""

    catalog: Catalog
    health: Health
    now_s: float
    draw: Draw
    judge: Callable[[], Judgement]
    """Asked once, and only when the model is an ``Auto``."""


class Stage(IntEnum):
    """How soon a deployment is asked."""

    HEALTHY = 0
    UNPROVEN = 1
    TIGHT = 2
    BUSY = 3
    COOLING = 4
    LIMITED = 5


@dataclass(frozen=True, slots=True)
class Place:
    """One deployment's place in the line."""

    stage: Stage
    contender: Contender
    strategy: Strategy


def line_up(eligible: Sequence[Eligible], needs: Needs, at: Circumstances) -> list[Place]:
    """Everyone's place, who is asked first in front. A group's deployments must stand together."""
    return sorted(_stand(eligible, needs, at), key=_urgency)


def describe_place(place: Place, needs: Needs) -> str:
    """Why it stands where it does, in words."""
    contender, standing = place.contender, place.contender.standing
    by = f"by {place.strategy}: {describe(place.strategy, contender, needs)}"
    if contender.eligible.is_retired:
        by += "; last of its group, for its provider's last day is over"
    match place.stage:
        case Stage.HEALTHY:
            where = "to find out whether it works again" if contender.is_unproven else "healthy"
        case Stage.UNPROVEN:
            where = "behind the healthy: not known to work again"
        case Stage.TIGHT:
            where = "behind those with more room: perhaps too small for this request"
        case Stage.BUSY:
            where = f"behind those with a connection free: {standing.in_flight} requests under way"
        case Stage.COOLING:
            trouble = "trouble" if standing.trouble is None else _TROUBLES[standing.trouble]
            return f"only if all others fail: cooling down until {_clock(standing.cooldown_until_s)} after {trouble}"
        case Stage.LIMITED:
            return f"not asked: its provider limits requests until {_clock(standing.cooldown_until_s)}"
    return f"{where}; {by}"


# -- details ------------------------------------------------------------------------------------------------------


def _stand(eligible: Sequence[Eligible], needs: Needs, at: Circumstances) -> Iterator[Place]:
    """Everyone's place, group by group as they stand one behind the other."""
    has_lead = False
    for group, members in groupby(eligible, key=lambda each: each.group):
        strategy = at.catalog.groups[group].strategy
        ready: list[Contender] = []
        tight: list[Contender] = []
        busy: list[Contender] = []
        for member in members:
            standing = at.health.standing(member.deployment.name)
            contender = Contender(member, standing, standing.is_unproven(at.now_s))
            if standing.is_cooling(at.now_s):
                is_limited = standing.trouble is Trouble.RATE_LIMITED
                yield Place(Stage.LIMITED if is_limited else Stage.COOLING, contender, strategy)
            elif standing.in_flight >= member.deployment.max_connections:
                busy.append(contender)
            else:
                (tight if member.is_tight else ready).append(contender)
        for contender in _arrange(strategy, ready, needs, at.draw):
            # Only who would be asked first anyway may be the one that finds out: further back nobody would see.
            leads = not has_lead and (not contender.is_unproven or _may_probe(contender, at))
            has_lead = has_lead or leads
            is_behind = contender.is_unproven and not leads
            yield Place(Stage.UNPROVEN if is_behind else Stage.HEALTHY, contender, strategy)
        for contender in _arrange(strategy, tight, needs, at.draw):
            yield Place(Stage.TIGHT, contender, strategy)
        for contender in _arrange(strategy, busy, needs, at.draw):
            yield Place(Stage.BUSY, contender, strategy)


def _arrange(strategy: Strategy, contenders: list[Contender], needs: Needs, draw: Draw) -> list[Contender]:
    current = [each for each in contenders if not each.eligible.is_retired]
    retired = [each for each in contenders if each.eligible.is_retired]
    return arrange(strategy, current, needs, draw) + arrange(strategy, retired, needs, draw)


def _may_probe(contender: Contender, at: Circumstances) -> bool:
    return at.health.may_probe(contender.eligible.deployment.name, at.now_s)


def _urgency(place: Place) -> tuple[Stage, float]:
    is_cooling = place.stage in {Stage.COOLING, Stage.LIMITED}
    return place.stage, place.contender.standing.cooldown_until_s if is_cooling else 0.0


def _clock(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%H:%M:%S UTC")


_TROUBLES = {
    Trouble.FAILURES: "failures in a row",
    Trouble.RATE_LIMITED: "a rate limit",
    Trouble.REJECTED: "a rejected credential",
}
