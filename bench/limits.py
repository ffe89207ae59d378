"""``make bench-limits``: what limits cost: reserve and settle, with a thousand, a hundred thousand and a million keys.

Ten budgets at five levels and two token buckets are for every request. Everybody's counters are loaded before, as if
every key had been used this month; then some keys, drawn at random, make requests. Where the figures of one size differ
from another's by more than the machine's own unrest, something depends on how many keys there are. Nothing is asserted.
Exit codes: 0 measured; 1 not.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import click
from redis.asyncio import Redis
from rich import box
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.figures import percentile
from bench.limits_data import LIMITS, ORGANISATION, asker, fill
from bench.machine import Machine, describe
from extproc.adapters.redis_budgets import RedisBudgets
from extproc.adapters.redis_client import open_redis
from extproc.bootstrap import SystemClock
from extproc.model.ids import ExchangeId
from extproc.model.limits import (
    Baseline,
    Charge,
    Estimate,
    Rank,
    Reservation,
    Settlement,
)
from extproc.model.money import MicroUsd
from extproc.model.refusals import Unavailable
from extproc.policy.reserve import make_claim
from tests.servers import Server, run_redis8, run_valkey

T = TypeVar("T")

_SIZES = (1_000, 100_000, 1_000_000)
_ESTIMATE = Estimate(1_000, 500, MicroUsd(900))


@dataclass(frozen=True, slots=True)
class Calls:
    """Exchanges of so many callers at once. Milliseconds are of one call, as its caller sees it."""

    callers: int
    exchanges_per_s: float
    reserve_p50_ms: float
    reserve_p99_ms: float
    settle_p50_ms: float
    settle_p99_ms: float
    server_us: float
    """CPU of Redis for one exchange: a reserve and a settle."""


@dataclass(frozen=True, slots=True)
class Row:
    """One number of keys."""

    keys: int
    counters: int
    """That Redis holds."""
    fill_s: float
    memory_mib: float
    """Of all of them, over what an empty Redis uses."""
    calls: tuple[Calls, ...]


class NoLedger:
    """Nothing was used; and nobody should have to ask."""

    def __init__(self) -> None:
        self.asked = 0

    async def baselines(self, organisation: str, parts: Sequence[str]) -> dict[str, Baseline]:  # noqa: ARG002
        """See ``Baselines``."""
        self.asked += len(parts)
        return {part: Baseline(0) for part in parts}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--size", "sizes", type=click.IntRange(100), multiple=True, default=_SIZES, help="Keys.")
@click.option("--exchanges", default=4_000, help="How many are measured, for each number of callers.")
@click.option("--server", type=click.Choice(["valkey", "redis"]), default="valkey")
@click.option("--json", "is_json", is_flag=True, help="Print JSON, for scripts.")
@click.option("--markdown", "is_markdown", is_flag=True, help="Print the table as Markdown.")
def main(*, sizes: tuple[int, ...], exchanges: int, server: str, is_json: bool, is_markdown: bool) -> None:
    """Measure limits on this machine."""
    machine = describe()
    try:
        rows = [asyncio.run(_measure(size, exchanges, server)) for size in sizes]
    except (Unavailable, OSError, TimeoutError) as problem:
        click.echo(f"not measured: {problem}", err=True)
        sys.exit(1)
    if is_json:
        click.echo(json.dumps({"machine": asdict(machine), "rows": [asdict(row) for row in rows]}, indent=2))
    else:
        _print(machine, rows, server, is_markdown=is_markdown)


@asynccontextmanager
async def _server(name: str) -> AsyncIterator[str]:
    with run_valkey() if name == "valkey" else run_redis8() as server:
        assert isinstance(server, Server)
        yield server.url


async def _measure(size: int, exchanges: int, name: str) -> Row:
    click.echo(f"{size:,} keys", err=True)
    async with _server(name) as url, open_redis(url, most_connections=32) as redis:
        ledger = NoLedger()
        budgets = RedisBudgets(redis, ledger, SystemClock(), deadline_s=10.0)
        await budgets.install()
        empty = (await _info(redis, "memory"))["used_memory"]
        began = time.perf_counter()
        counters = await fill(redis, size, SystemClock().now_s())
        fill_s = time.perf_counter() - began
        memory_mib = ((await _info(redis, "memory"))["used_memory"] - empty) / 2**20
        draw = random.Random(1)  # noqa: S311 - repeatable
        calls = [await _calls(redis, budgets, size, exchanges, callers, draw) for callers in (1, 32)]
        if ledger.asked:
            raise Unavailable("bench", "counters were not loaded as the gateway names them")
        return Row(size, counters, fill_s, memory_mib, tuple(calls))


async def _calls(
    redis: Redis, budgets: RedisBudgets, size: int, exchanges: int, callers: int, draw: random.Random
) -> Calls:
    reserves: list[float] = []
    settles: list[float] = []

    async def one(number: int) -> None:
        who, rid = asker(draw.randrange(size)), ExchangeId(f"{callers}-{number}-0123456789abcdef")
        taken, granted = await _timed(
            lambda: budgets.reserve(lambda now_s: make_claim(LIMITS, who, _ESTIMATE, rid, 60.0, now_s))
        )
        reserves.append(taken)
        assert isinstance(granted, Reservation)
        charges = tuple(Charge(each.parts[-1], 500) for each in granted.claim.counters)
        buckets = tuple(each.id for each in granted.claim.buckets)
        bill = Settlement(rid, ORGANISATION, charges, buckets, 700, Rank.DELIVERY)
        taken, _ = await _timed(lambda: budgets.settle(bill))
        settles.append(taken)

    numbers = iter(range(exchanges))

    async def caller() -> None:
        for number in numbers:
            await one(number)

    before = await _info(redis, "cpu")
    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    took_s = time.perf_counter() - began
    after = await _info(redis, "cpu")
    cpu_s = sum(after[name] - before[name] for name in ("used_cpu_user", "used_cpu_sys"))
    return Calls(
        callers=callers,
        exchanges_per_s=exchanges / took_s,
        reserve_p50_ms=percentile(reserves, 50) * 1000,
        reserve_p99_ms=percentile(reserves, 99) * 1000,
        settle_p50_ms=percentile(settles, 50) * 1000,
        settle_p99_ms=percentile(settles, 99) * 1000,
        server_us=cpu_s / exchanges * 1e6,
    )


async def _timed(work: Callable[[], Awaitable[T]]) -> tuple[float, T]:
    began = time.perf_counter()
    result = await work()
    return time.perf_counter() - began, result


async def _info(redis: Redis, section: str) -> dict[str, float]:
    async with asyncio.timeout(10):
        found: dict[str, float] = await redis.info(section)
        return found


def _print(machine: Machine, rows: list[Row], server: str, *, is_markdown: bool) -> None:
    console = Console(highlight=False, width=None if Console().is_terminal else 120)
    console.print(
        f"{machine.at}, commit {machine.commit}; {server}, Python {machine.versions['python']}", soft_wrap=True
    )
    text = f"{machine.cores} cores, {machine.processor}, {machine.memory_gib} GiB; load before: {machine.load_before}"
    console.print(text, soft_wrap=True)
    console.print()
    table = Table(box=box.MARKDOWN if is_markdown else box.SIMPLE_HEAD)
    table.add_column("keys", no_wrap=True)
    for row in rows:
        table.add_column(f"{row.keys:,}", justify="right", no_wrap=True)
    table.add_row("counters in Redis", *(f"{row.counters:,}" for row in rows))
    table.add_row("their memory, MiB", *(f"{row.memory_mib:,.1f}" for row in rows))
    table.add_row("bytes a counter", *(f"{row.memory_mib * 2**20 / row.counters:,.0f}" for row in rows))
    for index, callers in enumerate((1, 32)):
        for name, read in _LINES:
            table.add_row(f"{callers} at once: {name}", *(read(row.calls[index]) for row in rows))
    console.print(table)


_LINES: tuple[tuple[str, Callable[[Calls], str]], ...] = (
    ("exchanges/s", lambda calls: f"{calls.exchanges_per_s:,.0f}"),
    ("reserve p50, ms", lambda calls: f"{calls.reserve_p50_ms:.2f}"),
    ("reserve p99, ms", lambda calls: f"{calls.reserve_p99_ms:.2f}"),
    ("settle p50, ms", lambda calls: f"{calls.settle_p50_ms:.2f}"),
    ("settle p99, ms", lambda calls: f"{calls.settle_p99_ms:.2f}"),
    ("CPU of Redis an exchange, µs", lambda calls: f"{calls.server_us:.0f}"),
)


if __name__ == "__main__":
    main()
