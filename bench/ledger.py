"""How fast rows reach the ledger, and how long a baseline takes among a million of them.

    PYTHONPATH=. python bench/ledger.py [rows]

Postgres is a throw-away one with fsync off: figures are of what is computed, not of the disk.
"""

import asyncio
import random
import statistics
import sys
import time
from dataclasses import replace

import psycopg

from extproc.adapters.ledger_tables import LedgerTables
from extproc.adapters.postgres_pool import open_pool
from extproc.model.exchange import Usage
from extproc.model.ids import ExchangeId
from extproc.model.ledger import End, LedgerCharge, LedgerRow
from extproc.model.limits import Rank, Unit
from extproc.model.money import MicroUsd
from tests.servers import run_postgres

KEYS = 1000
RECENT = 10_000
BATCH = 100


def make_row(index: int, now_s: float) -> LedgerRow:
    key = f"key{index % KEYS}"
    amount = 1 + index % 977
    parts = (
        ("org", amount),
        (f"team:t{index % 10}", amount),
        (f"project:p{index % 50}", amount),
        (f"key:{key}", amount),
    )
    return LedgerRow(
        exchange=ExchangeId(f"{random.getrandbits(128):032x}"),
        started_at_s=now_s,
        ended_at_s=now_s + 1.5,
        rank=Rank.DELIVERY,
        is_final=False,
        outcome=End.ANSWERED,
        organisation="acme",
        team=f"t{index % 10}",
        project=f"p{index % 50}",
        key=key,
        model="gpt-5.4-mini",
        operation="chat.completions",
        status=200,
        tried=("openai",),
        attempts=1,
        deployment="openai",
        dialect="openai",
        upstream_model="gpt-5.4-mini",
        provider_request_id=f"req_{index}",
        usage=Usage(1200, 300, 100),
        micro_usd=MicroUsd(amount),
        price_version="2026-11-01",
        charges=tuple(LedgerCharge(part, Unit.MICRO_USD, each, "1.5") for part, each in parts),
    )


async def timed(tables: LedgerTables, parts: list[str], times: int = 40) -> str:
    await tables.baselines("acme", parts)
    took = []
    recent = 0
    for _ in range(times):
        begin = time.perf_counter()
        found = await tables.baselines("acme", parts)
        took.append((time.perf_counter() - begin) * 1000)
        recent = sum(len(each.recent) for each in found.values())
    took.sort()
    return f"p50 {statistics.median(took):.1f} ms, p95 {took[int(times * 0.95)]:.1f} ms ({recent} recent rows)"


async def main(dsn: str, count: int) -> None:
    async with open_pool(dsn) as pool:
        tables = LedgerTables(pool, limit_s=60)
        now_s = time.time()
        rows = [make_row(index, now_s) for index in range(count)]
        begin = time.perf_counter()
        for at in range(0, count, BATCH):
            await tables.write(rows[at : at + BATCH])
            if at == max(0, count - RECENT - BATCH):
                speed = at / (time.perf_counter() - begin)
                print(f"{count} rows of 4 charges: {speed:.0f} rows/s in batches of {BATCH}")
                # As if they were written over the hours before: what is left is the last hour's.
                with psycopg.connect(dsn, autocommit=True) as owner:
                    owner.execute("update ledger_recent set written_at = written_at - interval '90 minutes'")
                    owner.execute("vacuum analyze ledger_recent")
        took = []
        for index in range(200):
            one = [make_row(index, now_s) for _ in range(14)]
            begin = time.perf_counter()
            await tables.write(one)
            took.append((time.perf_counter() - begin) * 1000)
        print(f"a batch of 14 rows: p50 {statistics.median(took):.1f} ms, p95 {sorted(took)[190]:.1f} ms")
        begin = time.perf_counter()
        await tables.write([replace(row, rank=Rank.JOURNAL, is_final=True) for row in rows[-BATCH:]])
        print(f"a batch of {BATCH} merges: {(time.perf_counter() - begin) * 1000:.0f} ms")
        print("baseline of a key:          ", await timed(tables, ["key:key7"]))
        print("baseline of 60 rolling parts:", await timed(tables, [f"key:key{index}" for index in range(60)]))
        print("baseline of a project:      ", await timed(tables, ["project:p7"]))
        print("baseline of all:            ", await timed(tables, ["org"]))
        with psycopg.connect(dsn) as connection:
            begin = time.perf_counter()
            query = "select sum(c.amount) from ledger l, unnest(l.charges) c where c.part = 'org'"
            naive = connection.execute(query).fetchone()[0]
            took_s = time.perf_counter() - begin
        used = (await tables.baselines("acme", ["org"]))["org"].used
        print(f"the sum over the rows: {took_s * 1000:.0f} ms, equal: {naive == used}")


if __name__ == "__main__":
    with run_postgres() as server:
        asyncio.run(main(server.dsn("migrated"), int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
