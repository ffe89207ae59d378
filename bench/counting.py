"""``python bench/counting.py``: what counting one large request does to everybody else in the same worker.

A and B, one after the other, again and again: the count on the event loop, as it was, and beside it, as it is. A ticker
on the loop says how long nothing else could run. Nothing is asserted.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

import click
from rich import box
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.machine import describe
from extproc.exchange.counting import Counting
from extproc.model.catalog import Deployment, Operation
from extproc.model.chat import ModelRequest
from extproc.policy.estimate import estimate_ask, read_ask
from extproc.policy.tokens import family_of, load_tables
from tests.unit.policy.groups import deployment

_SIZES = (64, 256, 1024, 4096, 8192)
_TICK_S = 0.0005
_PLANS = {
    "exact (OpenAI)": (deployment("gpt", upstream_model="gpt-5"),),
    "weighed (Claude)": (deployment("claude", dialect="anthropic"),),
}
_PROSE = "It is a truth universally acknowledged, that 1 man in possession of $4,000 must be in want of a wife.\n"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rounds", default=9, help="Pairs for each size.")
@click.option("--markdown", "is_markdown", is_flag=True, help="Print the table as Markdown.")
def main(*, rounds: int, is_markdown: bool) -> None:
    """Measure the longest silence of the loop while one request's text is counted."""
    load_tables(family_of(each) for plan in _PLANS.values() for each in plan)
    machine = describe()
    console = Console(highlight=False, width=None if Console().is_terminal else 120)
    console.print(f"{machine.at}, commit {machine.commit}, Python {machine.versions['python']}", soft_wrap=True)
    console.print(f"{machine.cores} cores, {machine.processor}; load before: {machine.load_before}\n", soft_wrap=True)
    table = Table(box=box.MARKDOWN if is_markdown else box.SIMPLE_HEAD)
    for name in ("text, KiB", "counted", "on the loop: silence, ms", "beside it: silence, ms", "beside it: count, ms"):
        table.add_column(name, justify="left" if name == "counted" else "right")
    for kib in _SIZES:
        for name, plan in _PLANS.items():
            a, b = asyncio.run(_pairs(kib * 1024 + 1, plan, rounds))
            figures = (median(each[0] for each in a), median(each[0] for each in b), median(each[1] for each in b))
            table.add_row(f"{kib:,}", name, *(f"{figure * 1000:.1f}" for figure in figures))
    console.print(table)


async def _pairs(
    size: int, plan: tuple[Deployment, ...], rounds: int
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    text = (_PROSE * (size // len(_PROSE) + 1))[:size]
    payload = {"messages": [{"role": "user", "content": text}]}
    request = ModelRequest(Operation.CHAT, "m", is_stream=False, wants_usage=False, payload=payload)
    counting = Counting(limit_s=60.0)

    async def on_the_loop() -> None:
        estimate_ask(read_ask(request), Operation.CHAT, plan)

    async def beside_it() -> None:
        await counting.estimate(read_ask(request), Operation.CHAT, plan)

    try:
        pairs = [(await _silence(on_the_loop), await _silence(beside_it)) for _ in range(rounds)]
    finally:
        counting.close()
    return [a for a, _ in pairs], [b for _, b in pairs]


async def _silence(work: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """The longest time between two ticks beyond the pause itself, and how long the work took; seconds."""
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_TICK_S)
            longest = max(longest, time.perf_counter() - began - _TICK_S)

    ticker = asyncio.create_task(tick())
    await asyncio.sleep(0.02)
    longest = 0.0
    began = time.perf_counter()
    await work()
    took = time.perf_counter() - began
    await asyncio.sleep(_TICK_S * 4)
    ticker.cancel()
    await asyncio.wait([ticker])
    return longest, took


if __name__ == "__main__":
    main()
