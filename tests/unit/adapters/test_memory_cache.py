"""What the contract does not say of it: it fails when it is told to. tests/contracts/test_cache_memory has the rest."""

import pytest

from extproc.adapters.memory import MemoryClock
from extproc.adapters.memory_cache import MemoryCache
from extproc.model.refusals import Unavailable
from tests.cache_entries import PARTITION, make_entry


async def test_it_is_down_when_it_is_told_to_be() -> None:
    cache = MemoryCache(MemoryClock())
    entry = make_entry("a")
    await cache.put(entry, max_entries=1)
    cache.is_down = True
    for call in (
        cache.get(PARTITION, entry.id),
        cache.put(entry, max_entries=1),
        cache.begin(PARTITION, entry.id, 1.0),
        cache.count(None),
        cache.purge("acme", owner=None, partition=None),
    ):
        with pytest.raises(Unavailable):
            await call
    assert await cache.wait(PARTITION, entry.id, 1.0) is None


async def test_nothing_is_near_while_it_is_not_ready() -> None:
    cache = MemoryCache(MemoryClock())
    entry = make_entry("a")
    await cache.put(entry, max_entries=1)
    assert len(cache.nearest(PARTITION, entry.vector, 4)) == 1
    cache.is_ready = False
    assert cache.nearest(PARTITION, entry.vector, 4) == ()


async def test_what_runs_out_is_gone_and_so_is_who_asked() -> None:
    clock = MemoryClock()
    cache = MemoryCache(clock)
    entry = make_entry("a", now_s=clock.now_s(), ttl_s=10.0)
    await cache.put(entry, max_entries=1)
    assert await cache.begin(PARTITION, entry.id, 10.0)
    clock.advance(10.0)
    assert await cache.get(PARTITION, entry.id) is None
    assert cache.nearest(PARTITION, entry.vector, 4) == ()
    assert await cache.count(None) == []
    assert await cache.purge("acme", owner=None, partition=None) == 0
    assert await cache.begin(PARTITION, entry.id, 10.0)
