"""What operators do to limits: plans that say what they change, and changes that are made whole or not at all."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.adapters.memory_limits import MemoryLimits, MemoryLimitWord
from extproc.model.keys import Deed
from extproc.model.limit_records import LimitChange, LimitConflict, LimitProblem, LimitSet, Source
from extproc.model.limits import Budget, Level, Limit, LimitId, Rate, Scope, Span, Unit, Window
from extproc.operations.limits import (
    Difference,
    Done,
    LimitDesk,
    apply_plan,
    find_limit,
    make_plan,
    remove_limit,
    set_limit,
)

DEED = Deed("ada", "CHG-1, approved by grace")
BUDGET = Budget(LimitId("b"), Scope("acme"), Unit.MICRO_USD, 2_500_000_000, Window(Span.MONTH))
RATE = Rate(LimitId("r"), Scope("acme", each=Level.KEY), 60)
BY_HAND = Rate(LimitId("h"), Scope("acme"), 600)


@dataclass
class Office:
    store: MemoryLimits = field(default_factory=MemoryLimits)
    word: MemoryLimitWord = field(default_factory=MemoryLimitWord)

    def __post_init__(self) -> None:
        self.desk = LimitDesk(self.store, self.word)

    async def apply(self, *declared: Limit) -> Done:
        return await apply_plan(self.desk, make_plan(declared, await self.store.read()), DEED)

    async def set(self, limit: Limit) -> Done:
        return await set_limit(self.desk, limit, self.store.stored.get(limit.id), DEED)

    async def in_force(self) -> dict[str, Limit]:
        return {each.limit.id: each.limit for each in (await self.store.read()).limits if each.is_active}


async def test_what_is_applied_is_in_force_and_applying_it_again_changes_nothing() -> None:
    office = Office()
    done = await office.apply(BUDGET, RATE)
    assert await office.in_force() == {"b": BUDGET, "r": RATE}
    assert office.word.published == [done.version]
    again = make_plan([BUDGET, RATE], await office.store.read())
    assert again.edits == ()
    assert {row.deed for row in office.store.log} == {DEED}


async def test_a_plan_says_what_is_added_changed_and_removed_and_what_stays() -> None:
    office = Office()
    await office.apply(BUDGET, RATE)
    await office.set(BY_HAND)
    other = replace(RATE, id=LimitId("r2"))
    plan = make_plan([replace(BUDGET, amount=3_000_000_000, is_hard=False), other], await office.store.read())
    assert [edit.change.id for edit in plan.added] == ["r2"]
    (changed,) = plan.changed
    assert changed.differences == (Difference("amount_usd", "2500", "3000"), Difference("hard", True, False))
    assert not changed.begins_anew
    assert [edit.change.id for edit in plan.removed] == ["r"]
    assert [stored.limit for stored in plan.unmanaged] == [BY_HAND]
    await apply_plan(office.desk, plan, DEED)
    assert set(await office.in_force()) == {"b", "r2", "h"}


_declared = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.integers(1, 3), max_size=4).map(
    lambda said: [Rate(LimitId(name), Scope("acme"), count) for name, count in sorted(said.items())]
)


@given(files=st.lists(_declared, min_size=1, max_size=5), by_hand=st.sets(st.sampled_from(["a", "x"])))
async def test_whatever_was_before_a_file_that_is_applied_is_in_force_beside_what_was_set_by_hand(
    files: list[list[Limit]], by_hand: set[str]
) -> None:
    office = Office()
    hand_made = {name: Rate(LimitId(name), Scope("acme"), 7) for name in by_hand}
    for limit in hand_made.values():
        await office.set(limit)
    for declared in files:
        await office.apply(*declared)
        assert make_plan(declared, await office.store.read()).edits == ()
    ever = {limit.id for declared in files for limit in declared}
    stays = {name: limit for name, limit in hand_made.items() if name not in ever}
    assert await office.in_force() == stays | {limit.id: limit for limit in files[-1]}


async def test_of_two_admins_who_planned_on_the_same_set_the_second_is_told_to_look_again() -> None:
    office = Office()
    await office.apply(BUDGET)
    current = await office.store.read()
    one = make_plan([replace(BUDGET, amount=1)], current)
    other = make_plan([BUDGET, RATE], current)
    await apply_plan(office.desk, one, DEED)
    with pytest.raises(LimitConflict):
        await apply_plan(office.desk, other, DEED)
    assert await office.in_force() == {"b": replace(BUDGET, amount=1)}


async def test_a_limit_set_by_hand_that_a_file_declares_becomes_the_files() -> None:
    office = Office()
    await office.set(BY_HAND)
    plan = make_plan([BY_HAND], await office.store.read())
    (edit,) = plan.changed
    assert (edit.differences, edit.change.source) == ((), Source.FILE)
    await apply_plan(office.desk, plan, DEED)
    await office.apply()
    assert await office.in_force() == {}


async def test_a_limit_of_a_file_that_is_changed_by_hand_stays_the_files_and_is_set_back() -> None:
    office = Office()
    await office.apply(BUDGET)
    await office.set(replace(BUDGET, amount=9))
    assert office.store.stored[BUDGET.id].source is Source.FILE
    plan = make_plan([BUDGET], await office.store.read())
    assert plan.changed[0].differences == (Difference("amount_usd", "0.000009", "2500"),)


async def test_what_is_removed_may_be_declared_anew() -> None:
    office = Office()
    await office.apply(BUDGET)
    await remove_limit(office.desk, find_limit(await office.store.read(), BUDGET.id), DEED)
    with pytest.raises(LimitProblem, match="'b' does not exist"):
        find_limit(await office.store.read(), BUDGET.id)
    plan = make_plan([BUDGET], await office.store.read())
    assert [edit.before for edit in plan.added] == [None]
    await apply_plan(office.desk, plan, DEED)
    assert await office.in_force() == {"b": BUDGET}


@pytest.mark.parametrize(
    ("change", "begins_anew"),
    [
        ({"amount": 1}, False),
        ({"alert_percents": (50,)}, False),
        ({"window": Window(Span.MONTH, "Europe/London")}, False),
        ({"window": Window(Span.DAY)}, True),
        ({"scope": Scope("acme", each=Level.TEAM)}, True),
        ({"scope": Scope("acme", model="m")}, True),
    ],
)
async def test_a_plan_says_when_what_was_used_counts_no_more(change: dict[str, object], begins_anew: bool) -> None:
    office = Office()
    await office.apply(BUDGET)
    (edit,) = make_plan([replace(BUDGET, **change)], await office.store.read()).changed
    assert edit.begins_anew == begins_anew


async def test_an_id_that_would_change_its_owner_or_unit_is_refused_before_anything_is_done() -> None:
    office = Office()
    await office.apply(BUDGET, RATE)
    moved = replace(RATE, scope=Scope("globex"))
    with pytest.raises(LimitProblem) as caught:
        make_plan([replace(BUDGET, unit=Unit.TOKENS), moved], await office.store.read())
    assert "b counts money, and an id keeps its unit" in str(caught.value)
    assert "r is of acme, and an id keeps its organisation" in str(caught.value)
    for other in (moved, Rate(BUDGET.id, BUDGET.scope, 60)):
        with pytest.raises(LimitProblem, match="an id keeps its"):
            await office.set(other)


async def test_setting_what_is_set_is_no_change() -> None:
    office = Office()
    await office.set(BY_HAND)
    with pytest.raises(LimitProblem, match="is that already"):
        await office.set(BY_HAND)
    assert len(office.store.log) == 1


async def test_a_change_needs_a_deed_that_says_who_and_which_approval() -> None:
    office = Office()
    for deed in (Deed("", "CHG-1"), Deed("ada", ""), Deed("ada", "x\ny")):
        with pytest.raises(LimitProblem, match="use one line"):
            await set_limit(office.desk, BUDGET, None, deed)
        with pytest.raises(LimitProblem, match="use one line"):
            await apply_plan(office.desk, make_plan([BUDGET], LimitSet(0, ())), deed)
    assert office.store.log == []


async def test_a_change_stands_even_if_nobody_could_be_told() -> None:
    office = Office()
    office.word.go_down()
    done = await office.apply(BUDGET)
    assert not done.is_announced
    assert await office.in_force() == {"b": BUDGET}


async def test_a_limit_that_changed_since_it_was_seen_is_not_overwritten() -> None:
    office = Office()
    await office.set(BY_HAND)
    seen = office.store.stored[BY_HAND.id]
    await office.store.change(
        [LimitChange(BY_HAND.id, replace(BY_HAND, concurrent=1), Source.COMMAND, seen.version)], DEED
    )
    for late in (
        set_limit(office.desk, replace(BY_HAND, concurrent=2), seen, DEED),
        remove_limit(office.desk, seen, DEED),
    ):
        with pytest.raises(LimitConflict):
            await late
