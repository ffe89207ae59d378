"""Makes adjustments of spend: plan what one does, make it, and tell the shared counters.

An adjustment counts in reports for the place and the time that it names. It also charges every budget in money that is
for that place and whose window is still open, as an exchange of that time would have; one that names no key cannot be
told apart by keys, so budgets with ``each`` of what it does not name are left alone, and the plan says so.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from extproc.model.adjustments import AdjustmentProblem, SpendAdjustment
from extproc.model.identity import VirtualKey
from extproc.model.ids import ExchangeId, KeyId, ModelName, OrganisationId, ProjectId, TeamId
from extproc.model.keys import Deed
from extproc.model.limits import Budget, Charge, Estimate, Level, Limit, LimitId, Rank, Settlement, Span, Unit
from extproc.model.money import MicroUsd
from extproc.model.refusals import Unavailable
from extproc.operations.deeds import find_deed_problems, find_line_problems
from extproc.policy.adjustment_port import Adjustments
from extproc.policy.money_ports import Budgets
from extproc.policy.reserve import Asker, Limits, make_claim
from extproc.policy.windows import window_at

_ID = re.compile(r"adj_[0-9A-Za-z-]{4,56}")
_MOST_MICRO_USD = 10**15
"""A billion dollars: more is a mistake."""


@dataclass(frozen=True, slots=True)
class AdjustmentPlan:
    """What making it does."""

    adjustment: SpendAdjustment
    """With the counters that it charges."""
    budgets: tuple[tuple[LimitId, str], ...]
    """Each budget that is charged, and its counter."""
    left_alone: tuple[tuple[LimitId, str], ...]
    """Budgets in money that may be for it and are not charged, and why."""
    is_made: bool = False
    """The same one is there already: nothing is to be done."""


@dataclass(frozen=True, slots=True)
class AdjustmentDone:
    """What was done."""

    is_new: bool
    is_told: bool
    """False: Redis could not be told; ``extproc ledger reconcile --repair`` tells it."""


async def plan_adjustment(
    wanted: SpendAdjustment, limits: Sequence[Limit], store: Adjustments, now_s: float
) -> AdjustmentPlan:
    """What making it would do. Changes nothing.

    Args:
        wanted: without counters.
        limits: those in force.
        store: where adjustments are.
        now_s: UTC seconds.

    Raises:
        AdjustmentProblem: it cannot be made; everything that is wrong is named.
        Unavailable: the store did not answer.
    """
    problems = _find_problems(wanted, now_s)
    if problems:
        raise AdjustmentProblem("; ".join(problems))
    known = await store.find(wanted.id)
    if known is not None:
        if _essence(known) != _essence(wanted):
            raise AdjustmentProblem(f"there is another adjustment with the id {wanted.id}")
        return AdjustmentPlan(known, (), (), is_made=True)
    charged, left = _find_counters(wanted, limits, now_s)
    return AdjustmentPlan(replace(wanted, parts=tuple(part for _, part in charged)), charged, left)


async def make_adjustment(plan: AdjustmentPlan, store: Adjustments, budgets: Budgets) -> AdjustmentDone:
    """Make it, and tell the shared counters. Again is as good as once.

    What was made before is not told again: Redis remembers for an hour what it was told.

    Raises:
        AdjustmentProblem: another one took its id meanwhile.
        Unavailable: the store did not answer; make it again.
    """
    adjustment = plan.adjustment
    if plan.is_made or not await store.make(adjustment):
        return AdjustmentDone(is_new=False, is_told=True)
    try:
        for settlement in settlements_of(adjustment):
            await budgets.settle(settlement)
    except Unavailable:
        return AdjustmentDone(is_new=True, is_told=False)
    return AdjustmentDone(is_new=True, is_told=True)


def settlements_of(adjustment: SpendAdjustment) -> list[Settlement]:
    """What its counters are told: under the ids that they have in the ledger, so that nothing counts twice."""
    return [
        Settlement(
            reservation=ExchangeId(f"{adjustment.id}-{place:04d}"),
            organisation=adjustment.organisation,
            charges=(Charge(part, int(adjustment.micro_usd)),),
            buckets=(),
            tokens=0,
            rank=Rank.DELIVERY,
        )
        for place, part in enumerate(adjustment.parts, start=1)
    ]


def _find_problems(wanted: SpendAdjustment, now_s: float) -> list[str]:
    found = find_deed_problems(Deed(wanted.actor, wanted.approval))
    found += find_line_problems("reason", wanted.reason)
    names = ("organisation", "team", "project", "key", "model", "deployment")
    found += [each for name in names if (value := getattr(wanted, name)) for each in find_line_problems(name, value)]
    if not _ID.fullmatch(wanted.id):
        found.append(f"id {wanted.id!r}: use adj_ and 4 to 56 letters, digits or dashes")
    if not wanted.organisation:
        found.append("organisation: it is always of one")
    if wanted.project and not wanted.team:
        found.append("project: name its team as well")
    if wanted.key and not wanted.project:
        found.append("key: name its team and project as well")
    if not wanted.micro_usd or abs(wanted.micro_usd) > _MOST_MICRO_USD:
        found.append("amount: not 0, and within a billion dollars")
    if not 0 < wanted.at_s <= now_s:
        found.append("time: in the past")
    return found


def _essence(each: SpendAdjustment) -> SpendAdjustment:
    return replace(each, parts=(), reason="", actor="", approval="")


def _find_counters(
    wanted: SpendAdjustment, limits: Sequence[Limit], now_s: float
) -> tuple[tuple[tuple[LimitId, str], ...], tuple[tuple[LimitId, str], ...]]:
    own = {
        each.id: each
        for each in limits
        if isinstance(each, Budget) and each.unit is Unit.MICRO_USD and each.scope.organisation == wanted.organisation
    }
    snapshot = Limits(0, {wanted.organisation: tuple(own.values())})
    claim = make_claim(snapshot, _asker(wanted), Estimate(0, 0, MicroUsd(0)), ExchangeId(wanted.id), 0, wanted.at_s)
    charged, left = [], []
    for counter in claim.counters:
        budget = own[LimitId(counter.budget)]
        if not _names(wanted, budget.scope.each):
            left.append((budget.id, f"each {budget.scope.each} has a count of its own, and none is named"))
        elif _forgotten_at_s(budget, wanted.at_s) <= now_s:
            left.append((budget.id, "its window is over"))
        else:
            charged.append((budget.id, counter.parts[-1]))
    return tuple(charged), tuple(left)


def _asker(wanted: SpendAdjustment) -> Asker:
    key = VirtualKey(
        KeyId(wanted.key), OrganisationId(wanted.organisation), TeamId(wanted.team), ProjectId(wanted.project),
        environment="", owner="", allowed_models=None, tags=(), created_at_s=0, expires_at_s=None, revoked_at_s=None,
        hint="",
    )  # fmt: skip
    return Asker(key, ModelName(wanted.model))


def _names(wanted: SpendAdjustment, level: Level | None) -> bool:
    match level:
        case Level.TEAM:
            return bool(wanted.team)
        case Level.PROJECT:
            return bool(wanted.project)
        case Level.KEY:
            return bool(wanted.key)
        case Level.USER:
            return False
        case _:
            return True


def _forgotten_at_s(budget: Budget, at_s: float) -> float:
    """When what was used at that moment counts no more."""
    ends_at_s = window_at(budget.window, at_s).ends_at_s
    return ends_at_s + budget.window.rolling_s if budget.window.span is Span.ROLLING else ends_at_s
