"""What operators do to limits: plan what a file declares, apply the plan, set or remove one by hand.

Every change carries a deed, the store writes it into the admin log in the same transaction, and only then the workers
are told. A plan is made on one version of the whole set; where somebody else changed limits since, it is not applied.
Read next: ``limit_use`` for what was used of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from extproc.model.keys import Deed
from extproc.model.limit_definition import write_limit
from extproc.model.limit_records import LimitChange, LimitProblem, LimitSet, Source, StoredLimit
from extproc.model.limits import Budget, Limit, LimitId, Unit
from extproc.model.refusals import Unavailable
from extproc.operations.deeds import find_deed_problems
from extproc.policy.limit_ports import LimitStore, LimitWord


@dataclass(frozen=True, slots=True)
class LimitDesk:
    """What the commands ask of the world."""

    store: LimitStore
    word: LimitWord


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing about a limit that is to be another. None: it is not said."""

    name: str
    """As in the file: ``amount_usd``, ``scope.team``."""
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class Edit:
    """What happens to one limit."""

    change: LimitChange
    before: StoredLimit | None
    """Only if it is in force."""
    differences: tuple[Difference, ...]
    begins_anew: bool = False
    """What was used until now counts for nothing: other holders, or other windows."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What it takes to make the file true."""

    base: int
    """The version of the set that it was made on."""
    added: tuple[Edit, ...]
    changed: tuple[Edit, ...]
    removed: tuple[Edit, ...]
    unmanaged: tuple[StoredLimit, ...]
    """Set by hand and in no file: they stay."""

    @property
    def edits(self) -> tuple[Edit, ...]:
        """All of them."""
        return (*self.added, *self.changed, *self.removed)


@dataclass(frozen=True, slots=True)
class Done:
    """A change that was made."""

    version: int
    is_announced: bool
    """False: Redis could not be told; workers notice at their next poll."""


def make_plan(declared: Sequence[Limit], current: LimitSet) -> Plan:
    """Compare what a file declares with what there is.

    Raises:
        LimitProblem: an id would change its organisation or its unit; all of them are named.
    """
    kept = {stored.limit.id: stored for stored in current.limits}
    _raise_if_any([problem for limit in declared for problem in _find_problems(limit, kept.get(limit.id))])
    wanted = {limit.id for limit in declared}
    edits = [
        _edit(limit, kept.get(limit.id), Source.FILE)
        for limit in declared
        if not _is_so(kept.get(limit.id), limit, Source.FILE)
    ]
    gone = [stored for stored in current.limits if stored.is_active and stored.limit.id not in wanted]
    return Plan(
        base=current.version,
        added=tuple(edit for edit in edits if edit.before is None),
        changed=tuple(edit for edit in edits if edit.before is not None),
        removed=tuple(_removal(stored) for stored in gone if stored.source is Source.FILE),
        unmanaged=tuple(stored for stored in gone if stored.source is Source.COMMAND),
    )


async def apply_plan(desk: LimitDesk, plan: Plan, deed: Deed) -> Done:
    """Make every change of a plan, or none.

    Raises:
        LimitConflict: somebody changed limits since the plan was made.
        LimitProblem: the deed does not say who and which approval, or the store refuses a change.
        Unavailable: the store did not answer.
    """
    return await _change(desk, [edit.change for edit in plan.edits], deed, plan.base)


async def set_limit(desk: LimitDesk, limit: Limit, before: StoredLimit | None, deed: Deed) -> Done:
    """Put one limit in force. One of a file stays the file's: the next apply sets it back if the file does not follow.

    Args:
        desk: what is asked of the world.
        limit: what it is to be.
        before: as it was seen, in force or not; None: there never was one.
        deed: who, and which approval.

    Raises:
        LimitConflict: it changed since it was seen.
        LimitProblem: its organisation or its unit would change, or it is this already.
        Unavailable: the store did not answer.
    """
    source = before.source if before is not None and before.is_active else Source.COMMAND
    _raise_if_any(_find_problems(limit, before))
    if _is_so(before, limit, source):
        raise LimitProblem(f"limit {limit.id} is that already")
    return await _change(desk, [_edit(limit, before, source).change], deed, None)


async def remove_limit(desk: LimitDesk, before: StoredLimit, deed: Deed) -> Done:
    """Take one limit out of force.

    Raises:
        LimitConflict: it changed since it was seen.
        Unavailable: the store did not answer.
    """
    return await _change(desk, [_removal(before).change], deed, None)


def find_limit(current: LimitSet, identity: LimitId) -> StoredLimit:
    """The limit in force with this id.

    Raises:
        LimitProblem: there is none.
    """
    for stored in current.limits:
        if stored.limit.id == identity and stored.is_active:
            return stored
    raise LimitProblem(f"limit {identity!r} does not exist; `extproc budgets list` shows those that do")


def differences_between(before: Limit | None, after: Limit | None) -> tuple[Difference, ...]:
    """What is said differently, in the words and the order of the file."""
    old, new = (dict(_flat(limit)) for limit in (before, after))
    names = [*new, *(name for name in old if name not in new)]
    return tuple(Difference(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name))


async def _change(desk: LimitDesk, changes: Sequence[LimitChange], deed: Deed, base: int | None) -> Done:
    _raise_if_any(find_deed_problems(deed))
    version = await desk.store.change(changes, deed, base=base)
    try:
        await desk.word.publish(version)
    except Unavailable:
        # The change stands. What was not said now, the workers' poll finds.
        return Done(version, is_announced=False)
    return Done(version, is_announced=True)


def _edit(limit: Limit, kept: StoredLimit | None, source: Source) -> Edit:
    before = kept if kept is not None and kept.is_active else None
    change = LimitChange(limit.id, limit, source, 0 if kept is None else kept.version)
    return Edit(
        change,
        before,
        differences_between(None if before is None else before.limit, limit),
        begins_anew=before is not None and _counts(before.limit) != _counts(limit),
    )


def _removal(stored: StoredLimit) -> Edit:
    change = LimitChange(stored.limit.id, None, stored.source, stored.version)
    return Edit(change, stored, differences_between(stored.limit, None))


def _is_so(kept: StoredLimit | None, limit: Limit, source: Source) -> bool:
    return kept is not None and kept.is_active and (kept.limit, kept.source) == (limit, source)


def _counts(limit: Limit) -> object:
    """What the names of its counters are made of: by other names nothing was used yet."""
    return (limit.scope, (limit.window.span, limit.window.rolling_s)) if isinstance(limit, Budget) else limit.scope


def _find_problems(limit: Limit, kept: StoredLimit | None) -> list[str]:
    if kept is None:
        return []
    if limit.scope.organisation != kept.limit.scope.organisation:
        owner = kept.limit.scope.organisation
        return [f"{limit.id} is of {owner}, and an id keeps its organisation: give the other one another id"]
    if _unit(limit) != _unit(kept.limit):
        return [f"{limit.id} counts {_unit(kept.limit)}, and an id keeps its unit: give the other one another id"]
    return []


def _unit(limit: Limit) -> str:
    if not isinstance(limit, Budget):
        return "a rate"
    return "money" if limit.unit is Unit.MICRO_USD else "tokens"


def _flat(limit: Limit | None) -> Iterator[tuple[str, object]]:
    for name, value in ({} if limit is None else write_limit(limit)).items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", each) for inner, each in value.items())
        else:
            yield name, value


def _raise_if_any(problems: list[str]) -> None:
    if problems:
        raise LimitProblem("; ".join(problems))
