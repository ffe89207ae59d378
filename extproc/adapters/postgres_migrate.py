"""Brings a Postgres schema up to date: numbered SQL files, each applied once, all or none.

The files lie in ``migrations/``. What was applied is remembered with a checksum in ``schema_migrations``.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from importlib import resources

import psycopg

from extproc.adapters.postgres_pool import DEPENDENCY, check_dsn
from extproc.model.keys import SchemaProblem
from extproc.model.refusals import Unavailable

_LIMIT_S = 60.0
_LEDGER = b"""
create table if not exists schema_migrations (
    number     integer primary key,
    name       text not null,
    checksum   text not null,
    applied_at timestamptz not null default clock_timestamp()
)"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered SQL file."""

    number: int
    name: str
    sql: bytes

    @property
    def checksum(self) -> str:
        """SHA-256 of the file, in hexadecimal."""
        return hashlib.sha256(self.sql).hexdigest()


def read_migrations() -> tuple[Migration, ...]:
    """Every migration this version of the gateway knows, in order."""
    directory = resources.files("extproc.adapters") / "migrations"
    names = sorted(entry.name for entry in directory.iterdir() if entry.name.endswith(".sql"))
    return tuple(Migration(int(name[:4]), name, (directory / name).read_bytes()) for name in names)


async def migrate_schema(dsn: str, migrations: tuple[Migration, ...] | None = None) -> tuple[str, ...]:
    """Apply what is missing, in one transaction. Safe to repeat, and to run from several places at once.

    Returns:
        The names of the files that were applied now.

    Raises:
        Unavailable: Postgres did not answer, or not in time.
        SchemaProblem: an applied file was changed since, or the database is newer than this program.
    """
    check_dsn(dsn)
    known = read_migrations() if migrations is None else migrations
    try:
        async with asyncio.timeout(_LIMIT_S):
            return await _migrate(dsn, known)
    except TimeoutError as problem:
        raise Unavailable(DEPENDENCY, f"the schema was not migrated within {_LIMIT_S:g} s") from problem
    except psycopg.OperationalError as problem:
        raise Unavailable(DEPENDENCY, type(problem).__name__) from problem


async def _migrate(dsn: str, known: tuple[Migration, ...]) -> tuple[str, ...]:
    connection = await psycopg.AsyncConnection.connect(dsn, connect_timeout=5, application_name="extproc-migrate")
    # Leaving the connection's block commits; an exception rolls everything back, DDL included.
    async with connection:
        await connection.execute("set local lock_timeout = '30s'")
        await connection.execute("select pg_advisory_xact_lock(hashtext('extproc.migrate'))")
        await connection.execute(_LEDGER)
        rows = await (await connection.execute("select number, name, checksum from schema_migrations")).fetchall()
        missing = _find_missing(known, {number: (name, checksum) for number, name, checksum in rows})
        for migration in missing:
            await connection.execute(migration.sql)
            await connection.execute(
                "insert into schema_migrations (number, name, checksum) values (%s, %s, %s)",
                (migration.number, migration.name, migration.checksum),
            )
    return tuple(migration.name for migration in missing)


def _find_missing(known: tuple[Migration, ...], applied: dict[int, tuple[str, str]]) -> tuple[Migration, ...]:
    by_number = {migration.number: migration for migration in known}
    for number, (name, checksum) in sorted(applied.items()):
        if number not in by_number:
            raise SchemaProblem(f"the database has {name}, which this version does not know; install a newer one")
        if by_number[number].checksum != checksum:
            raise SchemaProblem(f"{name} was changed after it was applied; restore it and add a new file instead")
    return tuple(migration for migration in known if migration.number not in applied)
