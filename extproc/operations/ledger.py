"""Holds the shared counters against the ledger, and sets right what stays different.

A counter and the ledger are never read at the same moment, and a use is in the counter a little before it is a row. So
each difference is looked at several times: one that disappears was none, one that changes is moving, and only one that
stays the same is an error. It is corrected by the difference, not to a value: what is charged meanwhile stays.

Nothing is repaired while rows wait on a writer's disk: told to Redis later, they would count for nothing. What the
ledger wrote lately is told to Redis again first: exact, and it leaves a mark, so that nobody tells it a third time.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from extproc.model.ledger import Writer
from extproc.policy.money_ports import Budgets, Counters, LedgerBook, Recent

HEARD_OF_S = 15.0
"""A writer that was silent for longer may have rows that nobody knows of."""
TOLD_AGAIN_S = 1800.0
"""Half of what Redis remembers of each settlement."""
FEWEST_MONTHS = 3
"""Records of an exchange may come late; of a month that was dropped they would be counted anew."""

_AT_ONCE = 200
_MOST_CORRECTIONS = 20

Sleep = Callable[[float], Awaitable[None]]


class State(StrEnum):
    """What is known of a difference."""

    DIFFERS = "differs"
    """Each time the same."""
    MOVING = "moving"
    """Each time another: it cannot be told what is right."""
    REPAIRED = "repaired"


@dataclass(frozen=True, slots=True)
class Difference:
    """One counter that is not what the ledger says."""

    organisation: str
    part: str
    redis: int
    ledger: int
    state: State

    @property
    def excess(self) -> int:
        """What Redis has more than the ledger."""
        return self.redis - self.ledger


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What was found, and what was done about it."""

    compared: int
    differences: tuple[Difference, ...]
    behind: tuple[Writer, ...]
    """Writers that have rows which the ledger has not, or may have."""

    @property
    def is_even(self) -> bool:
        """Whether nothing differs any more."""
        return all(each.state is State.REPAIRED for each in self.differences)


async def reconcile(
    book: LedgerBook,
    counters: Counters,
    sleep: Sleep,
    *,
    organisation: str | None = None,
    samples: int = 3,
    pause_s: float = 1.0,
) -> Reconciliation:
    """Compare every counter that is live in Redis with the ledger. Changes nothing.

    Raises:
        Unavailable: Redis or Postgres did not answer.
    """
    live = await counters.live(organisation)
    found = await _compare(book, counters, live)
    seen = {place: [difference] for place, difference in found.items()}
    for _ in range(samples - 1):
        if not seen:
            break
        await sleep(pause_s)
        again = await _compare(book, counters, tuple(seen))
        seen = {place: [*before, again[place]] for place, before in seen.items() if place in again}
    differences = tuple(
        replace(each[-1], state=State.DIFFERS if len({one.excess for one in each}) == 1 else State.MOVING)
        for _, each in sorted(seen.items())
    )
    behind = tuple(each for each in await book.writers() if each.unwritten or each.silent_s > HEARD_OF_S)
    return Reconciliation(len(live), differences, behind)


async def repair(
    found: Reconciliation,
    book: LedgerBook,
    recent: Recent,
    counters: Counters,
    budgets: Budgets,
    *,
    is_forced: bool = False,
) -> Reconciliation:
    """Set right what differs; as it is afterwards. Does nothing while a writer is behind.

    Args:
        found: what ``reconcile`` has just told.
        book: the ledger.
        recent: its last rows.
        counters: where it is set right.
        budgets: where rows are told again.
        is_forced: even while writers are behind: for those whose disk is gone for good.

    Raises:
        Unavailable: some may be repaired.
    """
    if found.behind and not is_forced:
        return found
    wrong = {(each.organisation, each.part): each for each in found.differences if each.state is State.DIFFERS}
    for settlement in await recent.recent(TOLD_AGAIN_S) if wrong else ():
        if any((settlement.organisation, charge.part) in wrong for charge in settlement.charges):
            await budgets.settle(settlement)
    left = await _compare(book, counters, tuple(wrong))
    after = []
    for each in found.differences:
        place = (each.organisation, each.part)
        if place not in wrong:
            after.append(each)
        else:
            done = await _correct(left[place], counters) if place in left else replace(each, state=State.REPAIRED)
            after.append(replace(each, state=done.state))
    return replace(found, differences=tuple(after))


async def retain(book: LedgerBook, months: int, today: date, *, is_rehearsal: bool) -> tuple[date, tuple[str, ...]]:
    """Drop all but the last whole months and the present one; the first month that stays, and what went (or would).

    Raises:
        ValueError: fewer months than the longest window needs.
        Unavailable
    """
    if months < FEWEST_MONTHS:
        raise ValueError(f"keep {FEWEST_MONTHS} months or more: records of an exchange may come late")
    years, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    first_kept = date(years, month + 1, 1)
    if is_rehearsal:
        return first_kept, tuple(f"ledger_{each:%Y_%m}" for each in await book.months() if each < first_kept)
    return first_kept, await book.retain(first_kept)


async def _compare(
    book: LedgerBook, counters: Counters, places: tuple[tuple[str, str], ...]
) -> dict[tuple[str, str], Difference]:
    """What differs of these at this moment. What is gone from Redis will be loaded from the ledger, and is right."""
    found = {}
    for owner in sorted({place[0] for place in places}):
        parts = [part for whose, part in places if whose == owner]
        for begin in range(0, len(parts), _AT_ONCE):
            some = parts[begin : begin + _AT_ONCE]
            levels = await counters.show(owner, some)
            booked = await book.counted(owner, some)
            for part, level in zip(some, levels, strict=True):
                if level is not None and level[0] != booked.get(part, 0):
                    found[owner, part] = Difference(owner, part, level[0], booked.get(part, 0), State.DIFFERS)
    return found


async def _correct(difference: Difference, counters: Counters) -> Difference:
    """Take the excess away. ``recount`` sets a value and tells what stood there: what came between is added again."""
    expected, target = difference.redis, difference.ledger
    for _ in range(_MOST_CORRECTIONS):
        answer = await counters.recount(difference.organisation, difference.part, target)
        if answer is None:
            return replace(difference, state=State.REPAIRED)  # gone meanwhile: it is loaded from the ledger
        moved = answer[0][0] - expected
        if moved == 0:
            return replace(difference, state=State.REPAIRED)
        expected, target = target, target + moved
    return replace(difference, state=State.MOVING)
