"""A revoked key is refused within a second while either Redis or Postgres can be reached; known keys survive both."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psycopg
import pytest

from extproc.adapters.key_cache import CachedDirectory
from extproc.adapters.memory import MemoryInvalidations
from extproc.adapters.postgres_directory import PostgresDirectory
from extproc.adapters.postgres_feed import open_feed
from extproc.adapters.postgres_keys import PostgresKeys
from extproc.adapters.postgres_pool import open_pool
from extproc.adapters.redis_client import open_redis
from extproc.adapters.redis_invalidations import CHANNEL, RedisInvalidations
from extproc.model.ids import OrganisationId, ProjectId, TeamId
from extproc.model.keys import Deed, KeyChange
from extproc.model.refusals import INVALID_API_KEY, Refusal, Unavailable
from extproc.model.secret import Secret
from extproc.operations.keys import KeyDesk, KeyOrder, Minted, mint, revoke
from extproc.policy.identify import identify
from tests.samples import PEPPER, digest_of, make_token
from tests.servers import Postgres, Valkey, eventually

DEED = Deed("ada", "CHG-1")
SOON_S = 60.0
"""The promise is a second. These tests hold that the way works at all on a busy machine; each has one way left, so what
they wait for cannot come by another."""


class RealClock:
    def now_s(self) -> float:
        return time.time()


async def read_pepper() -> Secret:
    return PEPPER


@dataclass
class Site:
    """One worker's cache and one operator's desk over the same servers."""

    postgres: Postgres
    valkey: Valkey
    cache: CachedDirectory
    desk: KeyDesk

    async def mint(self) -> Minted:
        order = KeyOrder(
            OrganisationId("acme"), TeamId("search"), ProjectId("ranking"), "prod", "ada", None, (), expires_at_s=None
        )
        return await mint(self.desk, order, DEED, may_create_project=True)

    async def is_accepted(self, token: Secret) -> bool:
        try:
            await identify(token, self.cache, PEPPER, RealClock())
        except Refusal as refusal:
            return refusal.kind is not INVALID_API_KEY
        return True

    async def refuse_within(self, token: Secret, limit_s: float) -> None:
        async with asyncio.timeout(limit_s):
            while await self.is_accepted(token):
                await asyncio.sleep(0.005)


@asynccontextmanager
async def open_site(postgres: Postgres, valkey: Valkey) -> AsyncIterator[Site]:
    dsn = postgres.dsn("migrated")
    async with (
        open_pool(dsn) as pool,
        open_feed(dsn) as feed,
        open_redis(valkey.url) as client,
        open_pool(dsn) as operators_pool,
        asyncio.TaskGroup() as group,
    ):
        word = RedisInvalidations(client)
        cache = CachedDirectory(PostgresDirectory(pool), feed, word, RealClock())
        task = group.create_task(cache.run())
        desk = KeyDesk(PostgresKeys(operators_pool), word, read_pepper, RealClock(), secrets.randbelow)
        await eventually(lambda: cache.is_following, "the first poll")
        yield Site(postgres, valkey, cache, desk)
        task.cancel()


async def test_a_revocation_is_applied_with_everything_well(own_postgres: Postgres, own_valkey: Valkey) -> None:
    async with open_site(own_postgres, own_valkey) as site:
        minted = await site.mint()
        assert await site.is_accepted(minted.token)
        assert (await revoke(site.desk, minted.key.id, DEED)).is_announced
        await site.refuse_within(minted.token, SOON_S)


@pytest.mark.parametrize("fault", ["pause", "kill"])
async def test_polling_alone_is_quick_enough(own_postgres: Postgres, own_valkey: Valkey, fault: str) -> None:
    async with open_site(own_postgres, own_valkey) as site:
        minted = await site.mint()
        assert await site.is_accepted(minted.token)
        getattr(own_valkey, fault)()
        # The operator's own attempt to tell Redis comes after the commit, and takes its time.
        revoking = asyncio.ensure_future(revoke(site.desk, minted.key.id, DEED))
        await wait_for_commit(site)
        await site.refuse_within(minted.token, SOON_S)
        assert not (await revoking).is_announced


async def wait_for_listener(site: Site) -> None:
    """The first poll says nothing of the subscription, and what is published before it is lost."""
    async with open_redis(site.valkey.url) as client, asyncio.timeout(SOON_S):
        while dict(await client.pubsub_numsub(CHANNEL)) != {CHANNEL.encode(): 1}:
            await asyncio.sleep(0.005)


async def wait_for_commit(site: Site) -> None:
    def is_committed() -> bool:
        with psycopg.connect(site.postgres.dsn("migrated")) as connection:
            query = "select count(*) from admin_log where action = 'key.revoke'"
            return connection.execute(query).fetchone() == (1,)

    await eventually(is_committed, "the commit")


@pytest.mark.parametrize("fault", ["pause", "kill"])
async def test_the_word_alone_is_quick_enough(own_postgres: Postgres, own_valkey: Valkey, fault: str) -> None:
    async with open_site(own_postgres, own_valkey) as site:
        revoked, other = await site.mint(), await site.mint()
        assert await site.is_accepted(revoked.token)
        assert await site.is_accepted(other.token)
        await wait_for_listener(site)
        getattr(own_postgres, fault)()
        # What a committed revocation would have published, from an operator who still reached Postgres.
        # Said again until it is heard: on a machine that stands still a subscription may be lost and made anew.
        word = KeyChange(99, revoked.key.id, time.time() - 60)
        async with asyncio.timeout(SOON_S):
            while await site.is_accepted(revoked.token):
                await site.desk.invalidations.publish(word)
                await asyncio.sleep(0.05)
        assert await site.is_accepted(other.token)


async def test_keys_already_seen_keep_working_through_an_outage_of_both(
    own_postgres: Postgres, own_valkey: Valkey
) -> None:
    async with open_site(own_postgres, own_valkey) as site:
        seen = await site.mint()
        assert await site.is_accepted(seen.token)
        own_postgres.kill()
        own_valkey.kill()
        for _ in range(20):
            assert await site.is_accepted(seen.token)
        async with asyncio.timeout(SOON_S):
            with pytest.raises(Unavailable, match="postgres"):
                await identify(make_token(), site.cache, PEPPER, RealClock())


@pytest.mark.parametrize("fault", ["pause", "kill"])
async def test_an_unknown_key_is_answered_in_time_whatever_postgres_does(
    own_postgres: Postgres, own_valkey: Valkey, fault: str
) -> None:
    async with open_site(own_postgres, own_valkey) as site:
        await site.mint()
        getattr(own_postgres, fault)()
        # So many that waiting one after another, a second each, would take far longer than this.
        asked = [site.cache.find(digest_of(make_token())) for _ in range(200)]
        async with asyncio.timeout(60):
            answers = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(answer, Unavailable) for answer in answers)


async def test_a_revocation_made_during_an_outage_is_noticed_within_a_second_of_its_end(
    own_postgres: Postgres, own_valkey: Valkey
) -> None:
    async with open_site(own_postgres, own_valkey) as site:
        minted = await site.mint()
        assert await site.is_accepted(minted.token)
        own_valkey.kill()
        own_postgres.stop()
        await asyncio.sleep(1.5)  # long enough for pauses between attempts to have grown as far as they do
        own_postgres.start()
        await site.desk.store.revoke(minted.key.id, time.time() - 60, DEED)
        await site.refuse_within(minted.token, SOON_S)


async def test_new_keys_work_soon_after_postgres_is_back(own_postgres: Postgres, own_valkey: Valkey) -> None:
    async with open_site(own_postgres, own_valkey) as site:
        minted = await site.mint()
        own_postgres.stop()
        for _ in range(3):
            with pytest.raises(Unavailable):
                await site.cache.find(digest_of(minted.token))
        own_postgres.start()
        async with asyncio.timeout(60):
            while True:
                try:
                    assert await site.is_accepted(minted.token)
                except Unavailable:
                    continue
                break


async def test_a_flood_of_unknown_keys_delays_no_revocation(own_postgres: Postgres, own_valkey: Valkey) -> None:
    async with open_site(own_postgres, own_valkey) as site:
        minted = await site.mint()
        assert await site.is_accepted(minted.token)
        own_valkey.kill()
        flood = [asyncio.ensure_future(site.cache.find(secrets.token_bytes(32))) for _ in range(3_000)]
        await site.desk.store.revoke(minted.key.id, time.time() - 60, DEED)
        await site.refuse_within(minted.token, SOON_S)
        answers = await asyncio.gather(*flood, return_exceptions=True)
        assert all(answer is None or isinstance(answer, Unavailable) for answer in answers)


async def test_a_word_nobody_heard_is_made_up_for(own_postgres: Postgres) -> None:
    """Redis took the message while this worker's subscription was down: only the poll is left."""
    async with open_pool(own_postgres.dsn("migrated")) as pool, open_feed(own_postgres.dsn("migrated")) as feed:
        deaf = MemoryInvalidations(is_down=True)
        cache = CachedDirectory(PostgresDirectory(pool), feed, deaf, RealClock())
        store = PostgresKeys(pool)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(cache.run())
            await eventually(lambda: cache.is_following, "the first poll")
            desk = KeyDesk(store, MemoryInvalidations(), read_pepper, RealClock(), secrets.randbelow)
            minted = await Site(own_postgres, None, cache, desk).mint()
            digest = digest_of(minted.token)
            await cache.find(digest)
            assert (await revoke(desk, minted.key.id, DEED)).is_announced
            await eventually(lambda: not cache._keys[digest].is_live(time.time()), "the refusal", limit_s=SOON_S)
            task.cancel()
