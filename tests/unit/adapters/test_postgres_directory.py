"""A row becomes a key, in bounded time. ``contracts/test_directory`` has what it promises beside the other stores."""

import asyncio

import pytest

from extproc.adapters.postgres_directory import KEY_COLUMNS, PostgresDirectory, read_key
from extproc.adapters.postgres_pool import open_pool
from extproc.model.identity import VirtualKey
from extproc.model.ids import KeyId, ModelName, OrganisationId, ProjectId, TeamId
from extproc.model.refusals import Unavailable
from tests.servers import Postgres

ROW = ("key_1", "acme", "search", "ranking", "test", "ada", ["b", "a"], ["small"], 1.5, 2.5, 3.5, "gk_acme_…abcd")


def test_each_column_lands_in_its_own_field() -> None:
    assert read_key(ROW) == VirtualKey(
        id=KeyId("key_1"),
        organisation=OrganisationId("acme"),
        team=TeamId("search"),
        project=ProjectId("ranking"),
        environment="test",
        owner="ada",
        allowed_models=frozenset({ModelName("small")}),
        tags=("b", "a"),
        created_at_s=1.5,
        expires_at_s=2.5,
        revoked_at_s=3.5,
        hint="gk_acme_…abcd",
    )


def test_every_model_and_no_model_are_not_confused() -> None:
    assert read_key((*ROW[:7], None, *ROW[8:])).allowed_models is None
    assert read_key((*ROW[:7], [], *ROW[8:])).allowed_models == frozenset()


def test_the_digest_never_leaves_the_database() -> None:
    assert "digest" not in KEY_COLUMNS


async def test_a_hanging_postgres_is_unavailable_within_the_limit(own_postgres: Postgres) -> None:
    async with open_pool(own_postgres.dsn("migrated")) as pool:
        directory = PostgresDirectory(pool, limit_s=0.2)
        assert await PostgresDirectory(pool, limit_s=60).find(b"\0" * 32) is None
        own_postgres.pause()
        try:
            async with asyncio.timeout(60):  # a paused server never answers
                with pytest.raises(Unavailable, match=r"no answer in 0\.2 s"):
                    await directory.find(b"\0" * 32)
        finally:
            own_postgres.resume()
        assert await PostgresDirectory(pool, limit_s=60).find(b"\0" * 32) is None


async def test_a_database_without_the_schema_says_what_to_run(empty_postgres_dsn: str) -> None:
    async with open_pool(empty_postgres_dsn) as pool:
        with pytest.raises(Unavailable, match="run `extproc migrate`"):
            await PostgresDirectory(pool, limit_s=60).find(b"\0" * 32)
