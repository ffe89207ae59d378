"""How the ledger is opened for operators."""

import pytest

from extproc.bootstrap import SystemClock, open_redis_of
from extproc.bootstrap_ledger import open_books, open_corrections, open_ledger
from extproc.config.environment import Environment
from extproc.model.refusals import Unavailable


async def test_ledger_and_counters_are_those_of_the_environment(postgres_dsn: str, valkey_url: str) -> None:
    environment = Environment(postgres_dsn=postgres_dsn, redis_url=valkey_url)
    async with open_redis_of(environment) as redis, open_books(environment, redis, SystemClock()) as books:
        assert await books.ledger.writers() == ()
        assert await books.counters.live(None) == ()


async def test_a_dsn_that_cannot_be_read_is_told() -> None:
    with pytest.raises(Unavailable):
        async with open_ledger(Environment(postgres_dsn="postgres//")):
            pass


async def test_adjustments_are_kept_where_the_ledger_is(postgres_dsn: str, valkey_url: str) -> None:
    environment = Environment(postgres_dsn=postgres_dsn, redis_url=valkey_url)
    async with open_redis_of(environment) as redis, open_corrections(environment, redis, SystemClock()) as desk:
        assert await desk.adjustments.find("adj_none") is None
        assert (await desk.limits.read()).limits == ()
