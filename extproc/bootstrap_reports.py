"""The part of the composition root that opens the ledger for reports."""

import contextlib
from collections.abc import AsyncIterator

from extproc.adapters.postgres_pool import open_pool
from extproc.adapters.postgres_reports import PostgresReports
from extproc.config.environment import Environment


@contextlib.asynccontextmanager
async def open_reports(environment: Environment) -> AsyncIterator[PostgresReports]:
    """The ledger's sums.

    Raises:
        Unavailable: the DSN cannot be read.
    """
    async with open_pool(environment.postgres_dsn, most_connections=1) as pool:
        yield PostgresReports(pool)
