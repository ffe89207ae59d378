"""The ledger as reports open it."""

import pytest

from extproc.adapters.postgres_reports import PostgresReports
from extproc.bootstrap_reports import open_reports
from extproc.config.environment import Environment
from extproc.model.refusals import Unavailable


async def test_reports_are_of_the_environments_ledger(postgres_dsn: str) -> None:
    async with open_reports(Environment(postgres_dsn=postgres_dsn)) as reports:
        assert isinstance(reports, PostgresReports)
        async with reports.pool.connection() as connection:
            assert await (await connection.execute("select count(*) from ledger")).fetchone() == (0,)


async def test_a_dsn_that_cannot_be_read_is_told_as_such() -> None:
    with pytest.raises(Unavailable, match="DSN"):
        async with open_reports(Environment(postgres_dsn="postgresql://%")):
            pass
