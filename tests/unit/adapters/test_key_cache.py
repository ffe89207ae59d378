"""What a worker remembers of keys, and how soon it forgets."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace

import pytest
from structlog.testing import capture_logs

from extproc.adapters.key_cache import CachedDirectory, CachePolicy
from extproc.adapters.memory import MemoryClock, MemoryInvalidations, MemoryKeys
from extproc.model.identity import VirtualKey
from extproc.model.keys import Changes, Deed, KeyChange
from extproc.model.refusals import Unavailable
from tests.samples import NOW_S, digest_of, make_key, make_token
from tests.servers import eventually

DEED = Deed("ada", "CHG-1")
QUICK = CachePolicy(poll_s=0.01, most_back_off_s=0.01)
NEVER_POLLS = CachePolicy(poll_s=3600)


@dataclass
class World:
    """A cache over memory, with a feed that can fail apart from the directory."""

    keys: MemoryKeys = field(default_factory=MemoryKeys)
    feed: MemoryKeys = field(default_factory=MemoryKeys)
    word: MemoryInvalidations = field(default_factory=MemoryInvalidations)
    clock: MemoryClock = field(default_factory=MemoryClock)
    policy: CachePolicy = QUICK

    def __post_init__(self) -> None:
        self.feed.log = self.keys.log
        self.feed._keys = self.keys._keys
        self.cache = CachedDirectory(self.keys, self.feed, self.word, self.clock, self.policy)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["World"]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.cache.run())
            await eventually(lambda: self.cache.is_following and self.word.listeners == 1, "the first poll")
            yield self
            task.cancel()

    def add(self, **changes: object) -> tuple[VirtualKey, bytes]:
        key, digest = make_key(**changes), digest_of(make_token())
        self.keys.put(key, digest)
        return key, digest


async def test_a_key_is_looked_up_once_and_keeps_working_without_the_source() -> None:
    async with World().running() as world:
        key, digest = world.add()
        assert [await world.cache.find(digest) for _ in range(3)] == [key] * 3
        assert world.keys.look_ups == 1
        world.keys.is_down = world.feed.is_down = True
        world.word.go_down()
        assert await world.cache.find(digest) == key
        with pytest.raises(Unavailable):
            await world.cache.find(digest_of(make_token()))


async def test_nothing_is_kept_while_changes_are_not_followed() -> None:
    world = World()
    _, digest = world.add()
    for _ in range(3):
        assert await world.cache.find(digest)
    assert (world.keys.look_ups, len(world.cache)) == (3, 0)


async def test_a_published_revocation_is_applied_without_any_poll() -> None:
    async with World(policy=NEVER_POLLS).running() as world:
        key, digest = world.add()
        await world.cache.find(digest)
        world.keys.is_down = world.feed.is_down = True
        await world.word.publish(KeyChange(1, key.id, NOW_S))
        found = world.cache._keys
        await eventually(lambda: found[digest].revoked_at_s == NOW_S, "the revocation")
        refused = await world.cache.find(digest)
        assert refused is not None
        assert not refused.is_live(NOW_S)


async def test_a_polled_revocation_needs_no_word() -> None:
    world = World()
    async with world.running():
        key, digest = world.add()
        await world.cache.find(digest)
        world.word.go_down()
        world.keys.is_down = True
        await world.feed.revoke(key.id, NOW_S, DEED)
        await eventually(lambda: world.cache._keys[digest].revoked_at_s == NOW_S, "the revocation")


async def test_a_false_word_takes_a_key_away_only_until_the_truth_is_read() -> None:
    world = World()
    async with world.running():
        key, digest = world.add()
        await world.cache.find(digest)
        await world.word.publish(KeyChange(99, key.id, 0.0))
        await eventually(lambda: len(world.cache) == 0, "the key being asked for again")
        assert await world.cache.find(digest) == key


async def test_a_false_word_cannot_prolong_a_key() -> None:
    async with World(policy=NEVER_POLLS).running() as world:
        key, digest = world.add(revoked_at_s=NOW_S + 1)
        await world.cache.find(digest)
        world.feed.is_down = True
        await world.word.publish(KeyChange(99, key.id, NOW_S + 1000))
        await eventually(lambda: key.id in world.cache._doubted, "the word")
        assert (await world.cache.find(digest)).revoked_at_s == NOW_S + 1


async def test_a_change_that_is_no_revocation_makes_the_key_be_read_again() -> None:
    async with World(policy=NEVER_POLLS).running() as world:
        key, digest = world.add()
        await world.cache.find(digest)
        world.keys.is_down = world.feed.is_down = True
        await world.word.publish(KeyChange(1, key.id, None))
        await eventually(lambda: len(world.cache) == 0, "the key being forgotten")
        with pytest.raises(Unavailable):
            await world.cache.find(digest)


async def test_a_subscription_that_came_back_makes_the_feed_be_read() -> None:
    world = World(policy=CachePolicy(poll_s=3600, most_back_off_s=0.01))
    async with world.running():
        key, digest = world.add()
        await world.cache.find(digest)
        world.word.go_down()
        await eventually(lambda: world.word.listeners == 0, "the loss")
        await world.feed.revoke(key.id, NOW_S, DEED)
        world.word.is_down = False
        await eventually(lambda: world.cache._keys[digest].revoked_at_s == NOW_S, "the revocation")


async def test_a_feed_that_was_set_back_empties_the_cache() -> None:
    world = World()
    async with world.running():
        _, digest = world.add()
        for _ in range(3):
            world.keys._write(DEED, "project.create", "acme/search/ranking")
        await eventually(lambda: world.cache._seq == 3, "the poll")
        await world.cache.find(digest)
        assert len(world.cache) == 1
        world.keys.log.clear()
        await eventually(lambda: len(world.cache) == 0, "the cache being emptied")
        assert world.cache._seq == 0


@dataclass
class SlowDirectory:
    """A directory that answers when it is let."""

    answer: VirtualKey | None = None
    asked: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def find(self, digest: bytes) -> VirtualKey | None:
        self.asked += 1
        answer = self.answer
        async with asyncio.timeout(60):
            await self.gate.wait()
        if answer is None:
            raise Unavailable("postgres", "scripted")
        return answer


def make_slow(answer: VirtualKey | None) -> tuple[SlowDirectory, CachedDirectory, MemoryKeys, MemoryInvalidations]:
    source, feed, word = SlowDirectory(answer), MemoryKeys(), MemoryInvalidations()
    return source, CachedDirectory(source, feed, word, MemoryClock(), QUICK), feed, word


async def test_all_who_ask_at_once_share_one_look_up() -> None:
    key = make_key()
    source, cache, _, _ = make_slow(key)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(cache.find(b"d" * 32)) for _ in range(50)]
        await eventually(lambda: source.asked == 1, "the look-up")
        source.gate.set()
    assert [task.result() for task in tasks] == [key] * 50
    assert source.asked == 1


async def test_all_who_ask_at_once_hear_of_an_outage_each_with_an_error_of_its_own() -> None:
    source, cache, _, _ = make_slow(None)
    tasks = [asyncio.ensure_future(cache.find(b"d" * 32)) for _ in range(5)]
    await eventually(lambda: source.asked == 1, "the look-up")
    source.gate.set()
    problems = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(problem, Unavailable) for problem in problems)
    assert len({id(problem) for problem in problems}) == 5


async def test_a_follower_takes_over_when_the_first_asker_goes_away() -> None:
    key = make_key()
    source, cache, _, _ = make_slow(key)
    first = asyncio.ensure_future(cache.find(b"d" * 32))
    await eventually(lambda: source.asked == 1, "the look-up")
    second = asyncio.ensure_future(cache.find(b"d" * 32))
    await asyncio.sleep(0)
    first.cancel()
    await eventually(lambda: source.asked == 2, "the second look-up")
    source.gate.set()
    assert await second == key
    assert first.cancelled()


async def test_a_key_that_changed_while_it_was_being_read_is_read_again() -> None:
    key = make_key()
    source, cache, feed, word = make_slow(key)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(cache.run())
        await eventually(lambda: cache.is_following and word.listeners == 1, "following")
        asked = group.create_task(cache.find(b"d" * 32))
        await eventually(lambda: source.asked == 1, "the look-up")
        feed.put(replace(key, revoked_at_s=NOW_S), b"d" * 32)
        feed._write(DEED, "key.revoke", key.id)
        await eventually(lambda: cache._seq == 1, "the change")
        source.answer = replace(key, revoked_at_s=NOW_S)
        source.gate.set()
        assert await asked == source.answer
        assert (source.asked, len(cache)) == (2, 1)
        running.cancel()


async def test_a_poll_that_is_older_than_the_word_does_not_bring_a_revoked_key_back() -> None:
    world = World(policy=NEVER_POLLS)
    async with world.running():
        key, digest = world.add()
        await world.cache.find(digest)
        world.feed.is_down = True
        await world.word.publish(KeyChange(2, key.id, NOW_S))
        await eventually(lambda: key.id in world.cache._doubted, "the word")
        world.cache._follow(Changes(1, (key,), is_whole=True), set())
        assert (await world.cache.find(digest)).revoked_at_s == NOW_S


async def test_a_nobody_is_remembered_briefly() -> None:
    async with World(policy=NEVER_POLLS).running() as world:
        nobody = digest_of(make_token())
        for _ in range(3):
            assert await world.cache.find(nobody) is None
        assert world.keys.look_ups == 1
        world.clock.advance(5)
        assert await world.cache.find(nobody) is None
        assert world.keys.look_ups == 2
        world.keys.put(key := make_key(), nobody)
        await world.word.publish(KeyChange(1, key.id, None))
        await eventually(lambda: world.cache.unknown == 0, "the change")
        assert await world.cache.find(nobody) == key


async def test_a_flood_of_random_keys_neither_grows_memory_nor_pushes_out_a_real_key() -> None:
    policy = CachePolicy(poll_s=3600, most_unknown=100)
    async with World(policy=policy).running() as world:
        key, digest = world.add()
        await world.cache.find(digest)
        for number in range(5_000):
            assert await world.cache.find(number.to_bytes(32)) is None
            assert world.cache.unknown <= 100
        look_ups = world.keys.look_ups
        assert await world.cache.find(digest) == key
        assert world.keys.look_ups == look_ups


async def test_the_key_that_was_not_used_for_longest_makes_room() -> None:
    async with World(policy=CachePolicy(poll_s=3600, most_keys=2)).running() as world:
        (_, first), (_, second), (_, third) = world.add(), world.add(), world.add()
        for digest in (first, second, first, third):
            await world.cache.find(digest)
        assert list(world.cache._keys) == [first, third]
        assert set(world.cache._digests.values()) == {first, third}


@contextmanager
def logged() -> Iterator[list[str]]:
    names: list[str] = []
    with capture_logs() as lines:
        yield names
        names += [f"{line['event']} {line['dependency']}" for line in lines]


async def test_an_outage_is_logged_once_as_it_begins_and_once_as_it_ends() -> None:
    with logged() as names:
        world = World()
        async with world.running():
            world.feed.is_down = True
            turns = 0

            def failed_often() -> bool:
                nonlocal turns
                turns += 1
                return turns > 40

            await eventually(failed_often, "many polls")
            world.feed.is_down = False
            world.keys._write(DEED, "project.create", "a/b/c")
            await eventually(lambda: world.cache._seq == 1, "the recovery")
    assert names == ["keys_not_following postgres", "keys_following_again postgres"]
