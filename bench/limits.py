"""``make bench-limits``: what limits cost: reserve and settle, with a thousand, a hundred thousand and a million keys.

Ten budgets at five levels and two token buckets are for every request. Everybody's counters are loaded before, as if
every key had been used this month; then some keys, drawn at random, make requests. A server for each number of keys
runs all the time, and they are measured in turns, so that what disturbs the machine disturbs all: the CPU of each is
compared with that of the smallest within a round. A third measurement draws from a thousand of the keys only, the same
everywhere, so that the same counters are touched: what is dearer there has another reason than the processor's caches.
Nothing is asserted. Exit codes: 0 measured; 1 not.
"""

import asyncio
import itertools
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
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
from tests.servers import Redis8, Server, Valkey, short_directory

T = TypeVar("T")

_SIZES = (1_000, 100_000, 1_000_000)
_SERVERS = ("redis", "valkey")
_ESTIMATE = Estimate(1_000, 500, MicroUsd(900))


_FEW = 1_000
_PHASES = {"1 at once": (1, False), "1 at once, of 1,000 keys": (1, True), "32 at once": (32, False)}
"""Callers, and whether they draw from a few of the keys only."""


@dataclass(frozen=True, slots=True)
class Calls:
    """One phase of one round. Milliseconds are of one call, as its caller sees it."""

    exchanges_per_s: float
    reserve_p50_ms: float
    reserve_p99_ms: float
    settle_p50_ms: float
    settle_p99_ms: float
    server_us: float
    """CPU of Redis for one exchange: a reserve and a settle."""


@dataclass(slots=True)
class Side:
    """A server with so many keys, and what was measured there."""

    keys: int
    redis: Redis
    budgets: RedisBudgets
    ledger: "NoLedger"
    allocator: str
    counters: int
    """That Redis holds."""
    fill_s: float
    memory_mib: float
    """Of all of them, over what an empty Redis uses."""
    rounds: dict[str, list[Calls]] = field(default_factory=dict)

    def median(self, phase: str, name: str) -> float:
        """Over the rounds."""
        return median(getattr(each, name) for each in self.rounds[phase])


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
@click.option("--exchanges", default=6_000, help="How many are measured of each phase, over all rounds.")
@click.option("--rounds", default=6, help="Turns that each size gets.")
@click.option("--server", "servers", type=click.Choice(_SERVERS), multiple=True, default=_SERVERS)
@click.option("--preload", default="", help="A shared object to load into the server, such as another allocator.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON, for scripts.")
@click.option("--markdown", "is_markdown", is_flag=True, help="Print the table as Markdown.")
def main(
    *,
    sizes: tuple[int, ...],
    exchanges: int,
    rounds: int,
    servers: tuple[str, ...],
    preload: str,
    is_json: bool,
    is_markdown: bool,
) -> None:
    """Measure limits on this machine."""
    machine = describe()
    for server in servers:
        try:
            sides = asyncio.run(_measure(sizes, exchanges // rounds, rounds, server, preload))
        except (Unavailable, OSError, TimeoutError) as problem:
            click.echo(f"not measured: {problem}", err=True)
            sys.exit(1)
        if is_json:
            click.echo(json.dumps({"machine": asdict(machine), "server": server, "sides": [*map(_facts, sides)]}))
        else:
            _print(machine, sides, server, is_markdown=is_markdown)


@contextmanager
def _server(name: str, preload: str) -> Iterator[str]:
    class Preloaded(Valkey if name == "valkey" else Redis8):  # type: ignore[misc]
        def spawn(self, *command: str | Path) -> None:
            Server.spawn(self, *(("/usr/bin/env", f"LD_PRELOAD={preload}") if preload else ()), *command)

    with short_directory() as directory:
        server = Preloaded(directory)
        try:
            server.start()
            yield server.url
        finally:
            server.stop()


async def _measure(sizes: Sequence[int], exchanges: int, rounds: int, name: str, preload: str) -> list[Side]:
    async with AsyncExitStack() as stack:
        sides = []
        for size in sizes:
            url = stack.enter_context(_server(name, preload))
            sides.append(await _side(size, await stack.enter_async_context(open_redis(url, most_connections=32))))
        draw = random.Random(1)  # noqa: S311 - repeatable
        for number in range(rounds):
            for side in sides if number % 2 else reversed(sides):
                for phase, (callers, is_few) in _PHASES.items():
                    keys = range(min(_FEW, side.keys) if is_few else side.keys)
                    found = await _calls(side, exchanges, callers, keys, draw)
                    side.rounds.setdefault(phase, []).append(found)
        if any(side.ledger.asked for side in sides):
            raise Unavailable("bench", "counters were not loaded as the gateway names them")
        return sides


async def _side(size: int, redis: Redis) -> Side:
    click.echo(f"{size:,} keys", err=True)
    ledger = NoLedger()
    budgets = RedisBudgets(redis, ledger, SystemClock(), deadline_s=10.0)
    await budgets.install()
    before = await _info(redis, "memory")
    began = time.perf_counter()
    counters = await fill(redis, size, SystemClock().now_s())
    fill_s = time.perf_counter() - began
    memory_mib = ((await _info(redis, "memory"))["used_memory"] - before["used_memory"]) / 2**20
    return Side(size, redis, budgets, ledger, str(before["mem_allocator"]), counters, fill_s, memory_mib)


_numbers = itertools.count()


async def _calls(side: Side, exchanges: int, callers: int, keys: Sequence[int], draw: random.Random) -> Calls:
    reserves: list[float] = []
    settles: list[float] = []

    async def one() -> None:
        who, rid = asker(draw.choice(keys)), ExchangeId(f"{next(_numbers)}-0123456789abcdef")
        taken, granted = await _timed(
            lambda: side.budgets.reserve(lambda now_s: make_claim(LIMITS, who, _ESTIMATE, rid, 60.0, now_s))
        )
        reserves.append(taken)
        assert isinstance(granted, Reservation)
        charges = tuple(Charge(each.parts[-1], 500) for each in granted.claim.counters)
        buckets = tuple(each.id for each in granted.claim.buckets)
        bill = Settlement(rid, ORGANISATION, charges, buckets, 700, Rank.DELIVERY)
        taken, _ = await _timed(lambda: side.budgets.settle(bill))
        settles.append(taken)

    left = iter(range(exchanges))

    async def caller() -> None:
        for _ in left:
            await one()

    before = await _info(side.redis, "cpu")
    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    took_s = time.perf_counter() - began
    after = await _info(side.redis, "cpu")
    cpu_s = sum(after[name] - before[name] for name in ("used_cpu_user", "used_cpu_sys"))
    return Calls(
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


def _print(machine: Machine, sides: list[Side], server: str, *, is_markdown: bool) -> None:
    console = Console(highlight=False, width=None if Console().is_terminal else 120)
    told = f"{machine.at}, commit {machine.commit}; {server} with {sides[0].allocator}"
    console.print(f"{told}, Python {machine.versions['python']}", soft_wrap=True)
    text = f"{machine.cores} cores, {machine.processor}, {machine.memory_gib} GiB; load before: {machine.load_before}"
    console.print(text, soft_wrap=True)
    console.print()
    table = Table(box=box.MARKDOWN if is_markdown else box.SIMPLE_HEAD)
    table.add_column("keys", no_wrap=True)
    for side in sides:
        table.add_column(f"{side.keys:,}", justify="right", no_wrap=True)
    table.add_row("counters in Redis", *(f"{side.counters:,}" for side in sides))
    table.add_row("their memory, MiB", *(f"{side.memory_mib:,.1f}" for side in sides))
    table.add_row("bytes a counter", *(f"{side.memory_mib * 2**20 / side.counters:,.0f}" for side in sides))
    for phase in _PHASES:
        for name, (field_name, form) in _LINES.items():
            if not _PHASES[phase][1] or field_name == "server_us":
                table.add_row(f"{phase}: {name}", *(f"{side.median(phase, field_name):{form}}" for side in sides))
        table.add_row(f"{phase}: times the smallest's", *(_against(side, sides[0], phase) for side in sides))
    console.print(table)


def _against(side: Side, smallest: Side, phase: str) -> str:
    """CPU against the smallest's in the same round: the median, the least and the most."""
    pairs = zip(side.rounds[phase], smallest.rounds[phase], strict=True)
    ratios = sorted(each.server_us / other.server_us for each, other in pairs)
    return "1" if side is smallest else f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"


def _facts(side: Side) -> dict[str, object]:
    rounds = {phase: [asdict(each) for each in found] for phase, found in side.rounds.items()}
    names = ("keys", "allocator", "counters", "fill_s", "memory_mib")
    return {**{name: getattr(side, name) for name in names}, "rounds": rounds}


_LINES = {
    "exchanges/s": ("exchanges_per_s", ",.0f"),
    "reserve p50, ms": ("reserve_p50_ms", ".2f"),
    "reserve p99, ms": ("reserve_p99_ms", ".2f"),
    "settle p50, ms": ("settle_p50_ms", ".2f"),
    "settle p99, ms": ("settle_p99_ms", ".2f"),
    "CPU of Redis an exchange, µs": ("server_us", ".0f"),
}


if __name__ == "__main__":
    main()
