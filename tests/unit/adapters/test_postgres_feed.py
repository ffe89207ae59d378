"""The feed's own connection and its bounds. ``contracts/test_directory`` has what it tells."""

import psycopg
import pytest

from extproc.adapters.postgres_feed import open_feed
from extproc.model.refusals import Unavailable
from tests.servers import Postgres

_FILL = """
    insert into admin_log (actor, action, subject, approval, detail)
    select 'a', 'project.create', %s || n, 'c', '{}' from generate_series(1, %s) as n
"""


async def test_more_changes_than_it_tells_at_once_are_said_to_be_not_whole(postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute(_FILL, ("key_", 1001))
    async with open_feed(postgres_dsn, limit_s=10) as feed:
        assert not (await feed.changes_since(0)).is_whole
        assert (await feed.changes_since(1)).is_whole
        assert (await feed.changes_since(1001)).is_whole
        assert not (await feed.changes_since(1002)).is_whole


async def test_many_changes_of_something_else_are_no_reason_to_forget_keys(postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute(_FILL, ("limit:", 5000))
    async with open_feed(postgres_dsn, limit_s=10) as feed:
        changes = await feed.changes_since(0)
    assert (changes.head, changes.keys, changes.is_whole) == (5000, (), True)


async def test_a_change_of_something_else_than_a_key_moves_only_the_head(postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute(_FILL, ("s", 1))
    async with open_feed(postgres_dsn, limit_s=10) as feed:
        changes = await feed.changes_since(0)
    assert (changes.head, changes.keys) == (1, ())


async def test_it_keeps_one_connection_of_its_own_and_gives_it_back(postgres_dsn: str) -> None:
    asked = (
        "select count(*) from pg_stat_activity where application_name = 'extproc-feed' and datname = current_database()"
    )
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        async with open_feed(postgres_dsn, limit_s=10) as feed:
            for _ in range(3):
                await feed.changes_since(None)
            assert connection.execute(asked).fetchone() == (1,)
            assert feed._connection is not None
        assert feed._connection is None


async def test_after_an_outage_the_next_question_makes_a_new_connection(own_postgres: Postgres) -> None:
    async with open_feed(own_postgres.dsn("migrated"), limit_s=60) as feed:
        await feed.changes_since(None)
        own_postgres.kill()
        with pytest.raises(Unavailable):
            await feed.changes_since(None)
        assert feed._connection is None
        own_postgres.start()
        assert (await feed.changes_since(None)).head == 0


async def test_a_feed_that_hangs_is_unavailable_within_its_limit(own_postgres: Postgres) -> None:
    async with open_feed(own_postgres.dsn("migrated"), limit_s=0.3) as feed:
        await feed.changes_since(None)
        own_postgres.pause()
        try:
            with pytest.raises(Unavailable, match=r"no answer in 0\.3 s"):
                await feed.changes_since(None)
        finally:
            own_postgres.resume()


async def test_a_dsn_that_cannot_be_read_is_refused_before_anything_is_tried() -> None:
    with pytest.raises(Unavailable, match="the DSN is not"):
        await open_feed("postgresql://[").__aenter__()
