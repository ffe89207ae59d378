"""What only the real Postgres can show. ``contracts/test_uses`` has the rest."""

import pytest

from extproc.adapters.postgres_pool import open_pool
from extproc.adapters.postgres_uses import PostgresUses
from extproc.model.refusals import Unavailable
from extproc.model.uses import Count
from tests.contracts.test_uses import ALL, use
from tests.samples import NOW_S, make_key
from tests.servers import Postgres


async def test_a_schema_that_is_behind_says_what_to_do(empty_postgres_dsn: str) -> None:
    async with open_pool(empty_postgres_dsn) as pool:
        with pytest.raises(Unavailable, match="extproc migrate"):
            await PostgresUses(pool).add({use(make_key().id): Count(1, NOW_S)})


async def test_a_postgres_that_hangs_costs_no_more_than_the_limit(own_postgres: Postgres) -> None:
    dsn = own_postgres.dsn("migrated")
    async with open_pool(dsn, most_connections=1) as pool:
        uses = PostgresUses(pool, limit_s=0.2)
        await PostgresUses(pool, limit_s=60).add({use(make_key().id): Count(1, NOW_S)})
        own_postgres.pause()
        with pytest.raises(Unavailable):
            await uses.add({use(make_key().id): Count(1, NOW_S)})
        own_postgres.resume()
    async with open_pool(dsn) as pool:
        assert len(await PostgresUses(pool).list(ALL)) >= 1
