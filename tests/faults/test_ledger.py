"""Whatever dies, each row that was said to be safe is in the ledger once, and counted once."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest

from extproc.adapters.ledger_spool import LedgerSpool
from extproc.adapters.ledger_tables import LedgerTables
from extproc.adapters.postgres_ledger import PostgresLedger
from extproc.adapters.postgres_pool import open_pool
from extproc.model.ledger import LedgerRow
from tests.contracts.test_ledger import row
from tests.servers import Postgres, eventually, wait_until

ROOT = Path(__file__).parents[2]
MOMENTS = (
    "before spooling",
    "half spooled",
    "spooled, not synced",
    "synced",
    "spooled",
    "taken",
    "before commit",
    "committed",
    "told",
    "before removal",
    "removed",
)


@contextlib.contextmanager
def child(dsn: str, directory: Path, name: str, count: int, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, ROOT / "tests/faults/ledger_child.py", dsn, directory, name, str(count)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


async def replay(dsn: str, directory: Path) -> None:
    """Be the next worker of this host until nothing is left on its disk."""
    spool = LedgerSpool(directory)
    async with open_pool(dsn) as pool:
        ledger = PostgresLedger(LedgerTables(pool), spool)
        task = asyncio.create_task(ledger.run())
        await eventually(lambda: not list(directory.glob("*.rows")), "the replay", 30)
        await eventually(lambda: len(list(directory.glob("*.lock"))) == 1, "the heritage", 30)
        task.cancel()
        await asyncio.wait({task}, timeout=10)
    spool.close()


def check(dsn: str, safe: set[str], appended: set[str]) -> None:
    """Each safe row is there once; what else is there was at least appended; the sum is that of the rows."""
    with psycopg.connect(dsn) as connection:
        found = [name for (name,) in connection.execute("select exchange from ledger")]
        (total,) = connection.execute(
            "select coalesce(sum(amount), 0) from ledger_totals where part = 'org'"
        ).fetchone()
    assert len(found) == len(set(found))
    assert safe <= set(found) <= appended
    assert total == len(found)


@pytest.mark.parametrize("patience_s", ["0", "5"], ids=["by way of the disk", "straight"])
@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_writer_killed_between_any_two_steps_loses_and_doubles_nothing(
    postgres_dsn: str, tmp_path: Path, moment: str, patience_s: str
) -> None:
    directory = tmp_path / "spool"
    passes = 0 if moment in {"taken", "before removal", "removed"} else 2
    with child(postgres_dsn, directory, "a", 12, KILL_AT=f"{moment}:{passes}", PATIENCE_S=patience_s) as process:
        out, _ = await asyncio.to_thread(process.communicate, timeout=60)
    if patience_s == "0" or moment in {"before commit", "committed", "told"}:
        assert process.returncode == -signal.SIGKILL, "it never came to that moment"
    await replay(postgres_dsn, directory)
    check(postgres_dsn, set(out.split()), {f"a-{index}" for index in range(12)})
    assert list(directory.iterdir()) == []


async def test_writers_killed_at_random_one_after_another_lose_and_double_nothing(
    postgres_dsn: str, tmp_path: Path
) -> None:
    directory = tmp_path / "spool"
    safe: set[str] = set()
    for index, moment in enumerate(MOMENTS):
        with child(postgres_dsn, directory, str(index), 40, KILL_AT=f"{moment}:{index + 3}", PATIENCE_S="0") as process:
            out, _ = await asyncio.to_thread(process.communicate, timeout=60)
        safe |= set(out.split())
    assert len(safe) > 40
    await replay(postgres_dsn, directory)
    check(postgres_dsn, safe, {f"{name}-{index}" for name in range(len(MOMENTS)) for index in range(40)})


@pytest.mark.parametrize("how", ["killed", "stopped", "paused"])
async def test_postgres_going_and_coming_under_writing_loses_and_doubles_nothing(
    own_postgres: Postgres, tmp_path: Path, how: str
) -> None:
    dsn = own_postgres.dsn("migrated")
    directory = tmp_path / "spool"
    with child(dsn, directory, "a", 600, PATIENCE_S="0.02") as process:
        assert process.stdout is not None
        safe = [process.stdout.readline().strip() for _ in range(20)]
        for _ in range(3):
            if how == "paused":
                own_postgres.pause()
            elif how == "stopped":
                own_postgres.stop()
            else:
                # Its children go with it, as in a crash; fsync is off, so only the process dies, not the machine.
                own_postgres.kill()
            safe += [(await asyncio.to_thread(process.stdout.readline)).strip() for _ in range(60)]
            if how == "paused":
                own_postgres.resume()
            else:
                wait_until(lambda: not _lives(own_postgres), "the end of the old one")
                own_postgres.start()
            safe += [(await asyncio.to_thread(process.stdout.readline)).strip() for _ in range(60)]
        # Not communicate: it reads past what readline has buffered.
        with process.stdout:
            out = await asyncio.to_thread(process.stdout.read)
        assert process.wait(90) == 0
    safe += out.split()
    assert len(safe) == 600
    check(dsn, set(safe), set(safe))


def _lives(server: Postgres) -> bool:
    return server.process is not None and server.process.poll() is None


async def test_two_writers_and_their_heirs_share_one_directory(postgres_dsn: str, tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    with (
        child(postgres_dsn, directory, "a", 60, PATIENCE_S="0") as first,
        child(postgres_dsn, directory, "b", 60, PATIENCE_S="0", KILL_AT="spooled:30") as second,
    ):
        outs = await asyncio.gather(*(asyncio.to_thread(each.communicate, timeout=60) for each in (first, second)))
    safe = {name for out, _ in outs for name in out.split()}
    assert len(safe) >= 90
    await replay(postgres_dsn, directory)
    check(postgres_dsn, safe, {f"{name}-{index}" for name in "ab" for index in range(60)})


async def test_an_answer_that_got_lost_is_no_second_row(postgres_dsn: str, tmp_path: Path) -> None:
    class Deaf(LedgerTables):
        async def write(self, rows: Sequence[LedgerRow]) -> tuple[LedgerRow, ...]:
            await super().write(rows)
            raise psycopg.OperationalError

    async with open_pool(postgres_dsn) as pool:
        spool = LedgerSpool(tmp_path)
        ledger = PostgresLedger(Deaf(pool), spool)
        task = asyncio.create_task(ledger.run())
        for index in range(10):
            ledger.append(row(f"a-{index}", amount=1))
        assert await ledger.flush(10)
        task.cancel()
        await asyncio.wait({task}, timeout=10)
        assert ledger.unwritten == 10
    spool.close()
    await replay(postgres_dsn, tmp_path)
    check(postgres_dsn, {f"a-{index}" for index in range(10)}, {f"a-{index}" for index in range(10)})
