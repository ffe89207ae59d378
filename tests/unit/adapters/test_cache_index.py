"""One worker's vectors: partitions do not meet, the bound holds, large ones grow in the background."""

import asyncio

from extproc.adapters.cache_index import CacheIndex
from extproc.model.cache import EntryId, Partition
from tests.cache_entries import FOREIGN, OTHER, PARTITION
from tests.servers import eventually
from tests.tiny_encoder import vector_of

END_S = 1000.0


def add(index: CacheIndex, *texts: str, partition: Partition = PARTITION, end_s: float = END_S) -> None:
    for text in texts:
        index.add(partition, EntryId(text), vector_of(text), end_s)


def found(index: CacheIndex, text: str, partition: Partition = PARTITION, most: int = 9) -> set[str]:
    return {each.id for each in index.nearest(partition, vector_of(text), most)}


def test_partitions_do_not_meet() -> None:
    index = CacheIndex()
    add(index, "a", "b")
    add(index, "c", partition=OTHER)
    assert (found(index, "a"), found(index, "a", OTHER), found(index, "a", FOREIGN)) == ({"a", "b"}, {"c"}, set())
    assert index.count == 3
    index.remove(PARTITION, EntryId("a"))
    index.remove(PARTITION, EntryId("a"))
    index.remove(FOREIGN, EntryId("a"))
    assert (found(index, "a"), index.count) == ({"b"}, 2)


def test_an_entry_that_loses_its_vector_is_not_near_any_more() -> None:
    index = CacheIndex()
    add(index, "a")
    index.add(PARTITION, EntryId("a"), b"", END_S)
    assert (found(index, "a"), index.count) == (set(), 0)
    assert index.nearest(PARTITION, b"", 4) == ()


def test_beyond_the_bound_the_partition_goes_that_nobody_asked_for_longest() -> None:
    index = CacheIndex(most_vectors=4)
    add(index, "a", "b")
    add(index, "c", "d", partition=OTHER)
    found(index, "a")
    add(index, "e", partition=FOREIGN)
    assert (found(index, "a"), found(index, "c", OTHER), index.count) == ({"a", "b"}, set(), 3)
    add(index, *"fghijk", partition=FOREIGN)
    assert (len(found(index, "a", FOREIGN)), index.count) == (7, 7), "one alone may be larger"


def test_an_organisation_or_a_partition_is_forgotten() -> None:
    index = CacheIndex()
    for partition in (PARTITION, OTHER, FOREIGN):
        add(index, "a", partition=partition)
    index.forget("acme", OTHER)
    assert (found(index, "a"), found(index, "a", OTHER)) == ({"a"}, set())
    index.forget("acme", FOREIGN)
    assert found(index, "a", FOREIGN) == {"a"}, "not theirs"
    index.forget("acme", None)
    assert (found(index, "a"), found(index, "a", FOREIGN), index.count) == (set(), {"a"}, 1)


async def test_what_has_run_out_goes() -> None:
    index = CacheIndex()
    add(index, "a", end_s=10.0)
    add(index, "b", end_s=20.0)
    add(index, "c", partition=OTHER, end_s=10.0)
    await index.expire(10.0)
    assert (found(index, "a"), found(index, "a", OTHER), index.count) == ({"b"}, set(), 1)


async def test_a_large_partition_gets_lists_and_still_finds_everything() -> None:
    index = CacheIndex(flat_most=10)
    names = [f"text {number}" for number in range(50)]
    add(index, *names)
    task = asyncio.create_task(index.run())
    try:
        await eventually(lambda: not index._partitions[PARTITION].is_crowded, "lists being made")
        add(index, "late")
        assert all(found(index, name, most=1) == {name} for name in [*names, "late"])
        assert index.count == 51
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_one_that_replaces_it_grows_as_well() -> None:
    index = CacheIndex(flat_most=10)
    add(index, "old")
    task = asyncio.create_task(index.run())
    try:
        fresh = index.alike()
        add(fresh, *(f"text {number}" for number in range(50)))
        index.replace(fresh)
        assert (index.count, found(index, "old", most=99) & {"old"}) == (50, set())
        await eventually(lambda: not index._partitions[PARTITION].is_crowded, "lists being made")
    finally:
        task.cancel()
        await asyncio.wait({task})
