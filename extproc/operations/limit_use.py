"""What is used of the budgets in force right now, as the shared counters have it. To be shown: it decides nothing."""

from collections.abc import Iterable
from dataclasses import dataclass

from extproc.model.limits import Budget, Limit, LimitId
from extproc.policy.limit_ports import LimitUse
from extproc.policy.reserve import name_parts, only_holder
from extproc.policy.windows import window_at

_MOST_PARTS = 600
"""In one question: Redis answers nobody else meanwhile."""


@dataclass(frozen=True, slots=True)
class Use:
    """One budget in its window of now, in the budget's unit."""

    used: int
    held: int
    """By requests on their way."""
    resets_at_s: float
    is_whole: bool = True
    """False: a part of the window has no counter at hand; the ledger knows of it, and there may be more."""


async def read_uses(counters: LimitUse, limits: Iterable[Limit], now_s: float) -> dict[LimitId, Use]:
    """The use of every budget that has one holder; one with many, or without any counter at hand, is not among them.

    Raises:
        Unavailable: the counters cannot be asked.
    """
    found: dict[LimitId, Use] = {}
    by_organisation: dict[str, list[tuple[Budget, tuple[str, ...], float]]] = {}
    for limit in limits:
        if isinstance(limit, Budget) and (holder := only_holder(limit.scope)) is not None:
            moment = window_at(limit.window, now_s)
            parts = name_parts(limit, holder, moment)
            by_organisation.setdefault(limit.scope.organisation, []).append((limit, parts, moment.resets_at_s))
    for organisation, budgets in by_organisation.items():
        asked = [part for _, parts, _ in budgets for part in parts]
        levels: dict[str, tuple[int, int] | None] = {}
        for start in range(0, len(asked), _MOST_PARTS):
            some = asked[start : start + _MOST_PARTS]
            levels |= zip(some, await counters.show(organisation, some), strict=True)
        for budget, parts, resets_at_s in budgets:
            known = [level for part in parts if (level := levels[part]) is not None]
            if known:
                used, held = (sum(column) for column in zip(*known, strict=True))
                found[budget.id] = Use(used, held, resets_at_s, is_whole=len(known) == len(parts))
    return found
