"""How the schema is brought up to date."""

import asyncio
import subprocess
import sys

import psycopg
import pytest

from extproc.adapters.postgres_migrate import Migration, migrate_schema, read_migrations
from extproc.model.keys import SchemaProblem
from extproc.model.refusals import Unavailable
from tests.servers import Postgres

NAMES = tuple(migration.name for migration in read_migrations())


def tables(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as connection:
        query = "select tablename from pg_tables where schemaname = 'public' order by 1"
        return [name for (name,) in connection.execute(query)]


def test_the_files_are_numbered_without_gaps() -> None:
    assert [migration.number for migration in read_migrations()] == list(range(1, len(NAMES) + 1))


async def test_a_new_database_gets_everything_and_a_second_run_changes_nothing(empty_postgres_dsn: str) -> None:
    assert await migrate_schema(empty_postgres_dsn) == NAMES
    assert {"admin_log", "organisations", "projects", "teams", "virtual_keys"} <= set(tables(empty_postgres_dsn))
    assert await migrate_schema(empty_postgres_dsn) == ()


async def test_many_at_once_apply_each_file_once(empty_postgres_dsn: str) -> None:
    applied = await asyncio.gather(*(migrate_schema(empty_postgres_dsn) for _ in range(8)))
    assert sorted(applied) == [()] * 7 + [NAMES]


def test_processes_at_once_apply_each_file_once(empty_postgres_dsn: str) -> None:
    program = (
        "import asyncio, sys\n"
        "from extproc.adapters.postgres_migrate import migrate_schema\n"
        "print(len(asyncio.run(migrate_schema(sys.argv[1]))))\n"
    )
    command = [sys.executable, "-c", program, empty_postgres_dsn]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    counts = [int(process.communicate(timeout=60)[0]) for process in running]
    assert sorted(counts) == [0, 0, len(NAMES)]


async def test_a_broken_file_leaves_nothing_of_any(empty_postgres_dsn: str) -> None:
    files = (Migration(1, "0001_a.sql", b"create table a ()"), Migration(2, "0002_b.sql", b"create tabel b ()"))
    with pytest.raises(psycopg.errors.SyntaxError):
        await migrate_schema(empty_postgres_dsn, files)
    assert tables(empty_postgres_dsn) == []


async def test_an_applied_file_that_was_edited_is_refused(empty_postgres_dsn: str) -> None:
    await migrate_schema(empty_postgres_dsn, (Migration(1, "0001_a.sql", b"create table a ()"),))
    with pytest.raises(SchemaProblem, match=r"0001_a\.sql was changed"):
        await migrate_schema(empty_postgres_dsn, (Migration(1, "0001_a.sql", b"create table b ()"),))


async def test_a_database_from_a_newer_version_is_refused(empty_postgres_dsn: str) -> None:
    first, second = Migration(1, "0001_a.sql", b"select 1"), Migration(2, "0002_b.sql", b"select 1")
    assert await migrate_schema(empty_postgres_dsn, (first, second)) == ("0001_a.sql", "0002_b.sql")
    with pytest.raises(SchemaProblem, match=r"0002_b\.sql"):
        await migrate_schema(empty_postgres_dsn, (first,))


async def test_a_dead_database_is_unavailable_and_so_is_an_unreadable_address(postgres_server: Postgres) -> None:
    with pytest.raises(Unavailable):
        await migrate_schema("postgresql:///x?host=/nowhere")
    with pytest.raises(Unavailable) as refused:
        await migrate_schema("postgresql://user:hunter2@[")
    assert "hunter2" not in str(refused.value)
