"""A real Postgres, as the stack runs it: also as root, which Postgres itself refuses."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest

from extproc.local.postgres import dsn, postgres
from extproc.local.supervisor import Supervisor
from tests.servers import short_directory
from tests.unit.local.tiny import Reports


@dataclass
class Running:
    supervisor: Supervisor
    data: Path
    runtime_dir: Path

    async def start(self) -> None:
        await self.supervisor.start(postgres(self.data, self.runtime_dir))

    async def stop(self) -> None:
        await self.supervisor.stop("postgres")

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(dsn(self.runtime_dir), autocommit=True)


@pytest.fixture
def runtime_dir() -> Iterator[Path]:
    with short_directory() as directory:
        yield directory


@pytest.fixture
async def running(tmp_path: Path, runtime_dir: Path) -> AsyncIterator[Running]:
    made = Running(Supervisor(tmp_path, Reports(), lambda _: None), tmp_path / "postgres", runtime_dir)
    yield made
    await made.stop()


async def test_what_is_stored_is_there_after_a_crash_that_left_its_pid_file_behind(running: Running) -> None:
    # Half a cluster of a start that was interrupted is never taken for a whole one.
    unfinished = running.data.with_name("postgres.unfinished")
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    await running.start()
    assert not unfinished.exists()
    with running.connect() as connection:
        assert connection.info.dbname == "extproc"
        connection.execute("create table t as select 7 as n")
    await running.stop()
    # The pid of some process that runs now, and as the same user: Postgres by itself would refuse to start.
    other = await asyncio.create_subprocess_exec("/bin/sleep", "600", user="nobody" if os.geteuid() == 0 else None)
    try:
        (running.data / "postmaster.pid").write_text(f"{other.pid}\n{running.data}\n")
        await running.start()
    finally:
        other.kill()
        await other.wait()
    with running.connect() as connection:
        assert connection.execute("select n from t").fetchone() == (7,)


async def test_it_listens_on_its_private_socket_alone_and_never_runs_as_root(running: Running) -> None:
    await running.start()
    process = psutil.Process(running.supervisor._children["postgres"].identity.pid)
    assert process.net_connections("inet") == []
    assert process.uids().effective != 0
    sockets = running.runtime_dir / "pg"
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert await postgres(running.data, running.runtime_dir).is_ready()
    await running.stop()
    assert not await postgres(running.data, running.runtime_dir).is_ready()


def test_a_directory_with_any_name_survives_the_dsn() -> None:
    odd = Path("/somewhere/a b/é&x=y?%")
    assert psycopg.conninfo.conninfo_to_dict(dsn(odd)) == {
        "dbname": "extproc",
        "host": f"{odd}/pg",
        "user": "postgres",
    }
