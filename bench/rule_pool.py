"""``make bench-rules``: what one organisation's slow texts cost another, and what the processes that run rules cost.

Two sides, measured in turns: an organisation asks about ordinary texts alone, and again while another one has a rule
that sleeps, or megabytes of text, always under way. Its own time from question to answer is compared within a round, so
that what disturbs the machine disturbs both. Then the start-up of the processes, and their memory. Nothing is asserted.
Exit codes: 0 measured.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import click
import psutil
from rich import box
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tests.slow_rules
from bench.figures import percentile
from bench.machine import describe
from extproc.adapters.rule_pool import PoolSize, RulePool, open_rule_pool
from extproc.guard.rules import RULES
from extproc.model.guard import Direction, Leaf, Trust
from extproc.model.guard_policy import RuleSpec
from extproc.model.refusals import Unavailable

_ORDINARY = "The quarterly report is attached. Please read the second page and tell me what you think of the plan. "
_SLEEPS = RuleSpec("test_word", (("sleeps_s", 0.5),))
_SIZES = {"2 KB, on the event loop": 2_000, "32 KB, in a process": 32_000}


@dataclass(frozen=True, slots=True)
class Measured:
    """One text size beside one disturbance."""

    text: str
    beside: str
    alone_ms: tuple[float, float]
    """Median over rounds of p50 and p99."""
    disturbed_ms: tuple[float, float]
    ratios: tuple[float, float]
    """Median over rounds of the ratio within a round."""


def rules() -> tuple[RuleSpec, ...]:
    """Every built-in rule that needs no settings."""
    specs = []
    for name in RULES:
        if name != "test_word":
            with suppress(ValueError):
                RULES[name](())
                specs.append(RuleSpec(name))
    return tuple(specs)


def text(characters: int) -> Leaf:
    """Ordinary words."""
    return Leaf(("messages", 0, "content"), (_ORDINARY * (characters // len(_ORDINARY) + 1))[:characters], Trust.USER)


async def asked_ms(pool: RulePool, leaf: Leaf, specs: tuple[RuleSpec, ...], times: int) -> list[float]:
    """How long each question took, with a pause between two."""
    took = []
    for _ in range(times):
        began_s = time.perf_counter()
        await pool.run("quiet", specs, (leaf,), Direction.INPUT)
        took.append((time.perf_counter() - began_s) * 1000)
        await asyncio.sleep(0.002)
    return took


async def disturb(pool: RulePool, leaf: Leaf, specs: tuple[RuleSpec, ...]) -> None:
    """Ask without end, four at a time."""

    async def one() -> None:
        while True:
            with suppress(Unavailable):
                await pool.run("noisy", specs, (leaf,), Direction.INPUT)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(one())


async def compare(
    pool: RulePool,
    size: str,
    beside: str,
    disturbance: Callable[[], Coroutine[Any, Any, None]],
    rounds: int,
    times: int,
) -> Measured:
    """Alone and disturbed, in turns."""
    specs, leaf = rules(), text(_SIZES[size])
    sides: list[tuple[tuple[float, float], tuple[float, float]]] = []
    await asked_ms(pool, leaf, specs, 20)
    for _ in range(rounds):
        alone = await asked_ms(pool, leaf, specs, times)
        task = asyncio.create_task(disturbance())
        await asyncio.sleep(0.1)
        disturbed = await asked_ms(pool, leaf, specs, times)
        task.cancel()
        await asyncio.wait({task})
        while pool._running:  # noqa: SLF001, ASYNC110 - what it has begun goes on to its end
            await asyncio.sleep(0.05)
        sides.append(((_p(alone, 50), _p(alone, 99)), (_p(disturbed, 50), _p(disturbed, 99))))
    return Measured(
        size,
        beside,
        (median(each[0][0] for each in sides), median(each[0][1] for each in sides)),
        (median(each[1][0] for each in sides), median(each[1][1] for each in sides)),
        (
            median(each[1][0] / each[0][0] for each in sides),
            median(each[1][1] / each[0][1] for each in sides),
        ),
    )


def _p(values: Sequence[float], percent: float) -> float:
    return percentile(sorted(values), percent)


async def measure(rounds: int, times: int) -> tuple[list[Measured], dict[str, float]]:
    """Everything."""
    began_s = time.perf_counter()
    async with open_rule_pool(PoolSize(limit_s=30.0), modules=(tests.slow_rules.__name__,)) as pool:
        started_s = time.perf_counter() - began_s
        await pool.prepare(rules())
        await asked_ms(pool, text(32_000), rules(), 20)
        memory = [psutil.Process(each.pid).memory_full_info() for each in pool.processes]
        costs = {
            "start_s": round(started_s, 3),
            "rss_mb": round(median(each.rss for each in memory) / 2**20, 1),
            "own_mb": round(median(each.uss for each in memory) / 2**20, 1),
        }
        large = text(1_000_000)
        found = [
            await compare(pool, size, beside, disturbance, rounds, times)
            for size in _SIZES
            for beside, disturbance in (
                ("a rule that sleeps 0.5 s", lambda: disturb(pool, text(9_000), (_SLEEPS,))),
                ("texts of 1 MB", lambda: disturb(pool, large, rules())),
            )
        ]
        costs["replaced"] = pool.replaced
    return found, costs


@click.command()
@click.option("--rounds", default=7, show_default=True)
@click.option("--times", default=150, show_default=True, help="Questions of a side in a round.")
@click.option("--json", "is_json", is_flag=True)
def main(rounds: int, times: int, *, is_json: bool) -> None:
    """Measure, and print a table."""
    found, costs = asyncio.run(measure(rounds, times))
    if is_json:
        print(
            json.dumps(
                {"costs": costs, "measured": [(m.text, m.beside, m.alone_ms, m.disturbed_ms, m.ratios) for m in found]}
            )
        )
        return
    console = Console()
    table = Table("text", "beside", "alone p50 / p99 ms", "disturbed", "ratio p50", "ratio p99", box=box.SIMPLE)
    for each in found:
        table.add_row(
            each.text,
            each.beside,
            " / ".join(f"{value:.2f}" for value in each.alone_ms),
            " / ".join(f"{value:.2f}" for value in each.disturbed_ms),
            *(f"{value:.2f}" for value in each.ratios),
        )
    console.print(table)
    console.print(
        f"two processes ready after {costs['start_s']} s; each {costs['rss_mb']} MB, {costs['own_mb']} MB its own;"
        f" replaced while measured: {costs['replaced']:.0f}. {describe()}"
    )


if __name__ == "__main__":
    main()
