"""Whatever is added, removed and grown: what is found is there, under its own name, and nothing that was removed is."""

import random

import numpy as np
import pytest

from extproc.adapters.faiss_index import FlatPart, ListedPart, PartitionIndex
from extproc.adapters.sentence_model import unit
from extproc.model.cache import EntryId, Vector

DIMENSIONS = 8
END_S = 1000.0
_RANDOM = np.random.default_rng(7)


def vector() -> Vector:
    return unit(_RANDOM.normal(size=DIMENSIONS))


def grow(index: PartitionIndex) -> None:
    index.finish_growth(index.begin_growth()())


def check(index: PartitionIndex, alive: dict[EntryId, Vector]) -> None:
    assert len(index) == len(alive)
    for entry, has in alive.items():
        (best, *_) = index.nearest(has, 1)
        assert best.id == entry
        assert best.similarity == pytest.approx(1.0, abs=2e-3)


def test_the_nearest_come_best_first_with_their_cosines() -> None:
    index = PartitionIndex(2)
    for name, values in (("east", [1, 0]), ("north", [0, 1]), ("between", [1, 1])):
        index.add(EntryId(name), unit(np.array(values)), END_S)
    found = index.nearest(unit(np.array([1.0, 0.1])), 2)
    assert [each.id for each in found] == ["east", "between"]
    assert found[0].similarity == pytest.approx(1 / 1.01**0.5, abs=1e-6)
    assert index.nearest(unit(np.array([1.0, 0.0])), 9)[-1].id == "north"


def test_an_empty_index_and_a_vector_of_another_length_find_nothing() -> None:
    index = PartitionIndex(2)
    assert index.nearest(unit(np.array([1.0, 0.0])), 4) == []
    assert not index.add(EntryId("a"), b"\0" * 12, END_S)
    index.add(EntryId("a"), unit(np.array([1.0, 0.0])), END_S)
    assert index.nearest(b"\0" * 12, 4) == index.nearest(b"", 4) == []


@pytest.mark.parametrize("seed", range(6))
def test_any_history_leaves_what_is_alive_and_nothing_else(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - the same each time
    index = PartitionIndex(DIMENSIONS, flat_most=40)
    alive: dict[EntryId, Vector] = {}
    made = None
    for step in range(600):
        name = EntryId(f"e{draw.randrange(120)}")
        if draw.random() < 0.65:
            alive[name] = vector()
            index.add(name, alive[name], END_S)
        else:
            alive.pop(name, None)
            index.remove(name)
        if made is None and index.is_crowded:
            made = index.begin_growth()()
            assert not index.is_crowded
        elif made is not None and draw.random() < 0.05:
            if draw.random() < 0.3:
                index.abandon_growth()
            else:
                index.finish_growth(made)
            made = None
        if step % 60 == 0:
            check(index, alive)
    check(index, alive)
    everything = index.nearest(vector(), 10_000)
    assert {each.id for each in everything} <= alive.keys()
    assert len(everything) == len({each.id for each in everything})


def test_lists_find_nearly_all_that_comparing_everything_finds() -> None:
    rows = np.stack([np.frombuffer(vector(), "<f4") for _ in range(3000)])
    names = [EntryId(str(number)) for number in range(3000)]
    listed, flat = ListedPart(rows, names, [END_S] * 3000), FlatPart(DIMENSIONS)
    for name, row in zip(names, rows, strict=True):
        flat.add(name, row, END_S)
    asked = rows[:200] + _RANDOM.normal(scale=0.05, size=(200, DIMENSIONS)).astype(np.float32)
    same = sum(
        listed.nearest(row.reshape(1, -1), 1)[0].id == flat.nearest(row.reshape(1, -1), 1)[0].id for row in asked
    )
    assert same >= 190


def test_it_grows_from_lists_to_more_lists_when_many_came_or_went() -> None:
    index = PartitionIndex(DIMENSIONS, flat_most=20)
    alive = {EntryId(f"e{number}"): vector() for number in range(100)}
    for number, (name, has) in enumerate(alive.items()):
        index.add(name, has, END_S)
        if number == 20:
            assert index.is_crowded
            grow(index)
            assert not index.is_crowded
    assert index.is_crowded, "more than four times as many"
    grow(index)
    check(index, alive)
    for name in list(alive)[:60]:
        del alive[name]
        index.remove(name)
    assert index.is_crowded, "more are gone than a quarter of those that are left"
    grow(index)
    assert not index.is_crowded
    check(index, alive)


def test_what_has_run_out_goes_from_both_parts_but_not_while_lists_are_made() -> None:
    index = PartitionIndex(DIMENSIONS, flat_most=5)
    has = {EntryId(f"e{number}"): vector() for number in range(20)}
    for number, (name, each) in enumerate(has.items()):
        index.add(name, each, float(number))
    index.expire(3.0)
    assert len(index) == 16
    make = index.begin_growth()
    index.expire(9.0)
    assert len(index) == 16
    index.finish_growth(make())
    index.expire(9.0)
    check(index, {name: each for name, each in has.items() if int(name[1:]) > 9})
    grow(index)
    index.expire(18.0)
    check(index, {EntryId("e19"): has[EntryId("e19")]})
    index.remove(EntryId("e19"))
    grow(index)
    check(index, {})
