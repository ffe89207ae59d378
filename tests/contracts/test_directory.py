"""What a store of keys promises, in memory and in Postgres alike."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from extproc.adapters.memory import MemoryKeys
from extproc.adapters.postgres_directory import PostgresDirectory
from extproc.adapters.postgres_feed import open_feed
from extproc.adapters.postgres_keys import PostgresKeys
from extproc.adapters.postgres_pool import open_pool
from extproc.model.ids import KeyId, OrganisationId, TeamId
from extproc.model.keys import Deed, KeyFilter, KeyProblem, NewKey
from extproc.policy.ports import ChangeFeed, Directory, KeyStore
from tests.samples import NOW_S, digest_of, make_key, make_token

DEED = Deed(actor="ada", approval="CHG-1")


@dataclass(frozen=True)
class Keys:
    directory: Directory
    feed: ChangeFeed
    store: KeyStore


@pytest.fixture(params=["memory", "postgres"])
async def keys(request: pytest.FixtureRequest, postgres_dsn: str) -> AsyncIterator[Keys]:
    if request.param == "memory":
        memory = MemoryKeys()
        yield Keys(memory, memory, memory)
        return
    async with open_pool(postgres_dsn) as pool, open_feed(postgres_dsn) as feed:
        yield Keys(PostgresDirectory(pool), feed, PostgresKeys(pool))


def new_key(**changes: object) -> NewKey:
    return NewKey(replace(make_key(), **changes), digest_of(make_token()))


async def test_a_stored_key_is_found_by_its_digest_exactly_as_stored(keys: Keys) -> None:
    for models in (None, frozenset(), frozenset({"small", "large"})):
        new = new_key(
            allowed_models=models,
            expires_at_s=NOW_S + 86_400.125,
            tags=("a", "b, c", "'); drop table virtual_keys; --"),
            owner="Åsa <asa@acme.example>",
        )
        await keys.store.add(new, DEED, may_create_project=True)
        assert await keys.directory.find(new.digest) == new.key
        assert (await keys.store.show(new.key.id)).key == new.key


async def test_an_unknown_digest_is_found_by_nobody(keys: Keys) -> None:
    await keys.store.add(new_key(), DEED, may_create_project=True)
    for digest in (b"", b"\0" * 32, digest_of(make_token()), b"x" * 100_000):
        assert await keys.directory.find(digest) is None


async def test_a_project_is_not_made_by_mistake(keys: Keys) -> None:
    with pytest.raises(KeyProblem, match="acme/search/ranking does not exist"):
        await keys.store.add(new_key(), DEED, may_create_project=False)
    assert await keys.store.list(KeyFilter()) == ()
    await keys.store.add(new_key(), DEED, may_create_project=True)
    await keys.store.add(new_key(), DEED, may_create_project=False)
    with pytest.raises(KeyProblem, match="acme/ads/ranking does not exist"):
        await keys.store.add(new_key(team=TeamId("ads")), DEED, may_create_project=False)


async def test_a_change_that_fails_leaves_nothing_behind(keys: Keys) -> None:
    first = new_key()
    await keys.store.add(first, DEED, may_create_project=True)
    before = await keys.feed.changes_since(None)
    again = NewKey(replace(make_key(), team=TeamId("ads")), first.digest)
    with pytest.raises(KeyProblem):
        await keys.store.add(again, DEED, may_create_project=True)
    assert await keys.feed.changes_since(None) == before
    with pytest.raises(KeyProblem, match="acme/ads/ranking does not exist"):
        await keys.store.add(new_key(team=TeamId("ads")), DEED, may_create_project=False)


async def test_changes_at_once_are_all_made_and_numbered_without_a_gap(keys: Keys) -> None:
    new = [new_key() for _ in range(12)]
    changes = await asyncio.gather(*(keys.store.add(one, DEED, may_create_project=True) for one in new))
    head = (await keys.feed.changes_since(None)).head
    assert head == 13  # one row is the project
    assert len({change.seq for change in changes}) == 12
    assert max(change.seq for change in changes) == head


async def test_of_two_who_rotate_one_key_at_once_only_one_succeeds(keys: Keys) -> None:
    old = new_key()
    await keys.store.add(old, DEED, may_create_project=True)
    rotations = (keys.store.replace(old.key.id, NOW_S + 60, new_key(), DEED) for _ in range(4))
    answers = await asyncio.gather(*rotations, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["KeyProblem"] * 3 + ["tuple"]
    assert len(await keys.store.list(KeyFilter())) == 2


async def test_a_list_is_narrowed_by_every_filter(keys: Keys) -> None:
    first = new_key()
    other = new_key(
        organisation=OrganisationId("globex"),
        environment="prod",
        owner="grace",
        tags=("online",),
        created_at_s=NOW_S + 1,
        expires_at_s=NOW_S + 10,
    )
    for new in (other, first):
        await keys.store.add(new, DEED, may_create_project=True)
    assert await keys.store.list(KeyFilter()) == (first.key, other.key)
    narrowed = (
        KeyFilter(organisation=OrganisationId("globex")),
        KeyFilter(environment="prod"),
        KeyFilter(owner="grace"),
        KeyFilter(tag="online"),
    )
    for which in narrowed:
        assert await keys.store.list(which) == (other.key,)
    assert await keys.store.list(KeyFilter(team=TeamId("search"), live_at_s=NOW_S + 10)) == (first.key,)
    assert await keys.store.list(KeyFilter(team=TeamId("search"), live_at_s=NOW_S + 9)) == (first.key, other.key)


async def test_a_revocation_is_brought_forward_but_never_put_off(keys: Keys) -> None:
    new = new_key()
    await keys.store.add(new, DEED, may_create_project=True)
    change = await keys.store.revoke(new.key.id, NOW_S + 60, DEED)
    assert (change.key, change.revoked_at_s) == (new.key.id, NOW_S + 60)
    await keys.store.revoke(new.key.id, NOW_S + 5, DEED)
    for later in (NOW_S + 5, NOW_S + 6):
        with pytest.raises(KeyProblem, match="already revoked"):
            await keys.store.revoke(new.key.id, later, DEED)
    found = await keys.directory.find(new.digest)
    assert found is not None
    assert found.revoked_at_s == NOW_S + 5


async def test_a_rotation_stores_the_successor_and_ends_the_old_key_together(keys: Keys) -> None:
    old, new = new_key(), new_key()
    await keys.store.add(old, DEED, may_create_project=True)
    of_old, of_new = await keys.store.replace(old.key.id, NOW_S + 60, new, DEED)
    assert (of_old.key, of_old.revoked_at_s) == (old.key.id, NOW_S + 60)
    assert (of_new.key, of_new.revoked_at_s) == (new.key.id, None)
    found = await keys.directory.find(old.digest)
    assert found is not None
    assert found.revoked_at_s == NOW_S + 60
    assert await keys.directory.find(new.digest) == new.key
    third = new_key()
    with pytest.raises(KeyProblem, match="already revoked"):
        await keys.store.replace(old.key.id, NOW_S, third, DEED)
    assert await keys.directory.find(third.digest) is None


async def test_a_key_that_does_not_exist_cannot_be_changed(keys: Keys) -> None:
    nobody = KeyId("key_" + "0" * 22)
    with pytest.raises(KeyProblem, match="does not exist"):
        await keys.store.show(nobody)
    with pytest.raises(KeyProblem, match="does not exist"):
        await keys.store.revoke(nobody, NOW_S, DEED)
    with pytest.raises(KeyProblem, match="does not exist"):
        await keys.store.replace(nobody, NOW_S, new_key(), DEED)


async def test_every_change_is_in_the_log_with_who_and_which_approval(keys: Keys) -> None:
    old, new = new_key(), new_key()
    await keys.store.add(old, Deed("ada", "CHG-1"), may_create_project=True)
    await keys.store.replace(old.key.id, NOW_S + 60, new, Deed("grace", "CHG-2"))
    await keys.store.revoke(old.key.id, NOW_S, Deed("ada", "CHG-3"))
    history = (await keys.store.show(old.key.id)).history
    assert [(row.action, row.deed.actor, row.deed.approval) for row in history] == [
        ("key.mint", "ada", "CHG-1"),
        ("key.rotate", "grace", "CHG-2"),
        ("key.revoke", "ada", "CHG-3"),
    ]
    assert [row.action for row in (await keys.store.show(new.key.id)).history] == ["key.mint"]


async def test_the_feed_tells_what_changed_since_and_as_it_is_now(keys: Keys) -> None:
    assert (await keys.feed.changes_since(None)).head == 0
    first, second = new_key(), new_key()
    await keys.store.add(first, DEED, may_create_project=True)
    begin = await keys.feed.changes_since(None)
    assert begin.keys == ()
    added = await keys.store.add(second, DEED, may_create_project=True)
    revoked = await keys.store.revoke(second.key.id, NOW_S, DEED)
    changes = await keys.feed.changes_since(begin.head)
    assert begin.head < added.seq < revoked.seq == changes.head
    assert changes.is_whole
    assert changes.keys == (replace(second.key, revoked_at_s=NOW_S),)
    assert await keys.feed.changes_since(changes.head) == replace(changes, keys=())


async def test_a_feed_that_was_set_back_says_so(keys: Keys) -> None:
    await keys.store.add(new_key(), DEED, may_create_project=True)
    changes = await keys.feed.changes_since(1_000)
    assert not changes.is_whole
    assert changes.head < 1_000
