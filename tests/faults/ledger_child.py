"""A writer of the ledger that kills itself at a named moment: a driver for ``test_ledger``, started as a process.

It prints the exchange of each row once the row is said to be safe. ``KILL_AT`` is ``<moment>:<passes before>``.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import structlog

from extproc.adapters.ledger_spool import LedgerSpool, Segment
from extproc.adapters.ledger_tables import LedgerTables
from extproc.adapters.postgres_ledger import PostgresLedger
from extproc.adapters.postgres_pool import open_pool
from extproc.model.ledger import LedgerRow
from tests.contracts.test_ledger import row

MOMENT, _, PASSES = os.environ.get("KILL_AT", "never:0").partition(":")
left = int(PASSES)


def at(moment: str) -> None:
    global left  # noqa: PLW0603 - one process, one countdown
    if moment != MOMENT:
        return
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1


class Spool(LedgerSpool):
    def _append(self, data: bytes) -> None:
        at("before spooling")
        super()._append(data[: len(data) // 2])
        at("half spooled")
        super()._append(data[len(data) // 2 :])
        at("spooled, not synced")

    def _sync(self) -> None:
        super()._sync()
        at("synced")

    def write(self, rows: Sequence[LedgerRow]) -> None:
        super().write(rows)
        at("spooled")

    def take(self) -> Segment | None:
        found = super().take()
        if found is not None:
            at("taken")
        return found

    def done(self, segment: Segment, *, is_damaged: bool = False) -> str | None:
        at("before removal")
        gone = super().done(segment, is_damaged=is_damaged)
        at("removed")
        return gone


class Tables(LedgerTables):
    async def write(self, rows: Sequence[LedgerRow]) -> tuple[LedgerRow, ...]:
        at("before commit")
        merged = await super().write(rows)
        at("committed")
        return merged


async def main(dsn: str, directory: Path, name: str, count: int) -> None:
    async with open_pool(dsn) as pool:
        ledger = PostgresLedger(
            Tables(pool, limit_s=2.0),
            Spool(directory, segment_bytes=4000),
            lambda _: at("told"),
            every_s=0.005,
            # Impatient now and then: rows take both ways.
            patience_s=float(os.environ.get("PATIENCE_S", "0.005")),
        )
        task = asyncio.create_task(ledger.run())
        for index in range(count):
            ledger.append(row(f"{name}-{index}", amount=1))
            if await ledger.flush(10):
                print(f"{name}-{index}", flush=True)  # noqa: T201 - how it tells
        while ledger.unwritten:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait({task}, timeout=10)


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
