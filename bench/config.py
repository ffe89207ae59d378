"""``make bench-config``: what a large gateway.yaml costs: to check, to render, to validate, to change while it serves.

Sizes go up by tens: where ten times the deployments take much more than ten times as long, something is quadratic.
Nothing is asserted of the figures. Exit codes: 0 measured; 1 not.
"""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.config_stack import ConfigStack, NotMeasured, Swap
from bench.large import gateway_yaml
from bench.machine import Machine, describe
from extproc.config.gateway import load
from extproc.dataplane.render import render
from extproc.dataplane.swap import publish
from extproc.dataplane.target import Target
from extproc.dataplane.validate import find_envoy, validate

_SIZES = (10, 100, 1000)
_TIMES = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One size. Seconds are the least of a few tries; bytes are of files."""

    deployments: int
    yaml_bytes: int
    envoy_bytes: int
    check_s: float
    """``extproc check``, the start of Python included."""
    load_s: float
    render_s: float
    """With the lint."""
    validate_s: float
    """``envoy --mode validate``."""
    publish_s: float
    swap: Swap | None


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--size", "sizes", type=click.IntRange(10, 1000), multiple=True, default=_SIZES, help="Deployments.")
@click.option("--no-stack", is_flag=True, help="Without a running stack: nothing about changes.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON, for scripts.")
@click.option("--markdown", "is_markdown", is_flag=True, help="Print the table as Markdown.")
def main(*, sizes: tuple[int, ...], no_stack: bool, is_json: bool, is_markdown: bool) -> None:
    """Measure configurations of 10, 100 and 1,000 deployments on this machine."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the children are ended
    machine = describe()
    try:
        rows = [_measure(size, has_stack=not no_stack) for size in sizes]
    except (NotMeasured, OSError, subprocess.SubprocessError) as problem:
        click.echo(f"not measured: {problem}", err=True)
        sys.exit(1)
    if is_json:
        click.echo(json.dumps({"machine": asdict(machine), "rows": [asdict(row) for row in rows]}, indent=2))
    else:
        _print(machine, rows, is_markdown=is_markdown)


def _measure(size: int, *, has_stack: bool) -> Row:
    click.echo(f"{size} deployments", err=True)
    directory = Path(tempfile.mkdtemp(prefix="bench-", dir="/tmp"))
    try:
        swap = None
        if has_stack:
            with ConfigStack(directory / "state") as stack:
                stack.start(size)
                swap = stack.swap(size)
        file = directory / "gateway.yaml"
        file.write_text(gateway_yaml(size, "http://127.0.0.1:9/v1"))
        target = Target(directory / "envoy", directory)
        gateway = load(file)
        files = render(gateway, target)
        envoy = find_envoy()
        if envoy is None:
            raise NotMeasured("there is no Envoy")
        command = (sys.executable, "-m", "extproc", "check", str(file))
        return Row(
            deployments=size,
            yaml_bytes=file.stat().st_size,
            envoy_bytes=sum(len(text.encode()) for text in files.values()),
            check_s=_time(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)),
            load_s=_time(lambda: load(file)),
            render_s=_time(lambda: render(gateway, target)),
            validate_s=_time(lambda: validate(files, envoy)),
            publish_s=_time(lambda: publish(files, directory / f"envoy-{time.monotonic_ns()}")),
            swap=swap,
        )
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _time(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def _print(machine: Machine, rows: list[Row], *, is_markdown: bool) -> None:
    console = Console(highlight=False, width=None if Console().is_terminal else 120)
    versions = ", ".join(f"{name} {number}" for name, number in machine.versions.items())
    console.print(f"{machine.at}, commit {machine.commit}; {versions}", soft_wrap=True)
    text = f"{machine.cores} cores, {machine.processor}, {machine.memory_gib} GiB; load before: {machine.load_before}"
    console.print(text, soft_wrap=True)
    console.print()
    table = Table(box=box.MARKDOWN if is_markdown else box.SIMPLE_HEAD)
    table.add_column("deployments", no_wrap=True)
    for row in rows:
        table.add_column(f"{row.deployments:,}", justify="right", no_wrap=True)
    for name, read in _LINES:
        table.add_row(name, *(read(row) for row in rows))
    if all(row.swap is not None for row in rows):
        for name, read_swap in _SWAP_LINES:
            table.add_row(name, *(read_swap(row.swap) for row in rows if row.swap is not None))
    console.print(table)


_LINES: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("gateway.yaml, KiB", lambda row: f"{row.yaml_bytes / 1024:,.0f}"),
    ("Envoy's files, KiB", lambda row: f"{row.envoy_bytes / 1024:,.0f}"),
    ("extproc check, s", lambda row: f"{row.check_s:.2f}"),
    ("read and check, in a worker, s", lambda row: f"{row.load_s:.3f}"),
    ("render and lint, s", lambda row: f"{row.render_s:.3f}"),
    ("envoy --mode validate, s", lambda row: f"{row.validate_s:.2f}"),
    ("publish, s", lambda row: f"{row.publish_s:.3f}"),
)
_SWAP_LINES: tuple[tuple[str, Callable[[Swap], str]], ...] = (
    ("a swap: edit to Envoy has it, s", lambda swap: f"{swap.taken_s:.1f}"),
    ("a swap: edit to every worker uses it, s", lambda swap: f"{swap.served_s:.1f}"),
    ("requests meanwhile", lambda swap: f"{swap.requests:,}"),
    ("of which failed", lambda swap: f"{swap.failed}"),
    ("their median, ms", lambda swap: f"{swap.usual_s * 1000:.0f}"),
    ("the slowest of them, ms", lambda swap: f"{swap.slowest_s * 1000:.0f}"),
    ("Envoy, MiB", lambda swap: f"{swap.envoy_mib:.0f}"),
    ("a worker, MiB", lambda swap: f"{swap.worker_mib:.0f}"),
)

if __name__ == "__main__":
    main()
