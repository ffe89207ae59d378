"""What the schema holds whoever writes, and how much at once. ``contracts/test_limits`` has the rest."""

from collections.abc import AsyncIterator
from dataclasses import replace

import psycopg
import pytest

from extproc.adapters.postgres_limits import PostgresLimits, open_limit_feed
from extproc.adapters.postgres_pool import open_pool
from extproc.model.keys import Deed
from extproc.model.limit_records import LimitChange, Source
from extproc.model.limits import LimitId, Rate, Scope
from extproc.model.refusals import Unavailable
from tests.servers import Postgres

DEED = Deed("ada", "CHG-1")
RATE = Rate(LimitId("acme-rate"), Scope("acme"), 60)


@pytest.fixture
async def store(postgres_dsn: str) -> AsyncIterator[PostgresLimits]:
    async with open_pool(postgres_dsn) as pool:
        yield PostgresLimits(pool)


async def add(store: PostgresLimits, *limits: Rate) -> int:
    return await store.change([LimitChange(limit.id, limit, Source.FILE, 0) for limit in limits], DEED)


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("delete from limits", "never deleted"),
        ("truncate limits", "never deleted"),
        ("update limits set organisation = 'globex', version = 2", "keeps its organisation"),
        ("update limits set id = 'other', version = 2", "keeps its organisation"),
        ('update limits set definition = definition || \'{"window": "day"}\', version = 2', "and its unit"),
        ("update limits set definition = '{}'", "a row of its own"),
        ("update limits set definition = '[]', version = 2", "limits_definition_check"),
    ],
)
async def test_the_schema_keeps_limits_whoever_writes(
    store: PostgresLimits, postgres_dsn: str, statement: str, says: str
) -> None:
    await add(store, RATE)
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute(
            "insert into admin_log (actor, action, subject, approval) values ('a', 'project.create', 's', 'c')"
        )
        for role in ("origin", "replica"):
            connection.execute(f"set session_replication_role = {role}".encode())
            connection.commit()
            with pytest.raises(psycopg.Error, match=says):
                connection.execute(statement.encode())
            connection.rollback()


async def test_ten_thousand_limits_are_declared_in_one_go_each_with_its_row(
    store: PostgresLimits, postgres_dsn: str
) -> None:
    limits = [replace(RATE, id=LimitId(f"limit-{number}")) for number in range(10_000)]
    assert await add(store, *limits) == 10_000
    with psycopg.connect(postgres_dsn) as connection:
        assert connection.execute("select count(distinct xmin::text) from limits").fetchone() == (1,)
    found = await store.read()
    assert (found.version, len(found.limits)) == (10_000, 10_000)
    assert {each.version for each in found.limits} == set(range(1, 10_001))


async def test_a_limit_that_this_version_does_not_know_stops_who_reads_it(
    store: PostgresLimits, postgres_dsn: str
) -> None:
    version = await add(store, RATE)
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute(
            "insert into admin_log (actor, action, subject, approval) values ('a', 'limit.set', 'limit:new', 'c')"
        )
        connection.execute(
            "insert into limits (id, organisation, definition, source, version)"
            ' values (\'new\', \'acme\', \'{"scope": {"organisation": "acme"}, "window": "era"}\', \'file\', 2)'
        )
    async with open_limit_feed(postgres_dsn) as feed:
        for asked in (None, version):
            with pytest.raises(Unavailable, match="such as new: install a newer one"):
                await feed.limits_since(asked)
    with pytest.raises(Unavailable, match="install a newer one"):
        await store.read()


async def test_a_database_without_the_schema_says_what_to_run(empty_postgres_dsn: str) -> None:
    async with open_limit_feed(empty_postgres_dsn) as feed:
        with pytest.raises(Unavailable, match="extproc migrate"):
            await feed.limits_since(None)


async def test_after_an_outage_the_feed_comes_back_by_itself(own_postgres: Postgres) -> None:
    async with open_limit_feed(own_postgres.dsn("migrated"), limit_s=2) as feed:
        assert (await feed.limits_since(None)).version == 0
        own_postgres.kill()
        with pytest.raises(Unavailable):
            await feed.limits_since(0)
        own_postgres.start()
        assert (await feed.limits_since(0)).version == 0
    with pytest.raises(Unavailable, match="the DSN is not"):
        await open_limit_feed("postgresql://[").__aenter__()
