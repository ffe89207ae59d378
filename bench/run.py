"""``make bench``: one paired run of bare Envoy and the gateway in front of one fast mock upstream.

Sides take turns, round after round, and swap who begins; see ``figures`` for why and docs/bench.md for how to read it.
Nothing is asserted of the figures; a wrong answer ends the run. Exit codes: 0 measured; 1 not.
"""

import shutil
import signal
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.abuse import COUNT
from bench.answers import PLAIN, STREAMED
from bench.machine import describe
from bench.report import Case, Report, as_json, print_tables
from bench.stack import BARE, GATEWAY, Stack, WrongAnswer

_CASES = ((PLAIN, 1), (PLAIN, 32), (STREAMED, 1), (STREAMED, 32))
_WARM_UP_S = 0.5


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seconds", default=85.0, show_default=True, help="How long to measure, all segments together.")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="How often the sides take turns.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON, for scripts.")
@click.option("--markdown", "is_markdown", is_flag=True, help="Print the tables as Markdown.")
def main(*, seconds: float, rounds: int, is_json: bool, is_markdown: bool) -> None:
    """Measure bare Envoy and the gateway side by side on this machine."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the children are ended
    segment_s = seconds / (rounds * 2 * (len(_CASES) + 1))
    machine = describe()
    # Unix sockets have 107 bytes for their path: not below a long temporary directory.
    directory = Path(tempfile.mkdtemp(prefix="bench-", dir="/tmp"))
    stack = Stack(directory)
    try:
        stack.start()
        cases, abuse = _measure(stack, rounds, segment_s)
    except (WrongAnswer, RuntimeError, TimeoutError) as problem:
        click.echo(f"not measured: {problem}", err=True)
        sys.exit(1)
    finally:
        stack.stop()
        shutil.rmtree(directory, ignore_errors=True)
    report = Report(machine, rounds, segment_s, cases, abuse, COUNT)
    if is_json:
        click.echo(as_json(report))
    else:
        print_tables(report, is_markdown=is_markdown)


def _measure(stack: Stack, rounds: int, segment_s: float) -> tuple[list[Case], Case]:
    cases = [Case(kind, connections, [], []) for kind, connections in _CASES]
    abuse = Case(PLAIN, 1, [], [])
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("warming up", total=rounds * (2 * len(cases) + 2))
        for kind, connections in _CASES:
            for side in (BARE, GATEWAY):
                stack.measure(side, kind, connections, _WARM_UP_S)
        for number in range(rounds):
            if not console.is_terminal:
                console.print(f"round {number + 1} of {rounds}")
            for case in cases:
                for side in (BARE, GATEWAY) if number % 2 == 0 else (GATEWAY, BARE):
                    progress.update(task, description=f"{case.kind}, {case.connections}: {side}")
                    segment = stack.measure(side, case.kind, case.connections, segment_s)
                    (case.base if side == BARE else case.other).append(segment)
                    progress.advance(task)
            for is_on in (False, True) if number % 2 == 0 else (True, False):
                progress.update(task, description="beside slow connections" if is_on else "without them")
                if is_on:
                    stack.abuse(is_on=True)
                segment = stack.measure(GATEWAY, PLAIN, 1, segment_s)
                if is_on:
                    stack.abuse(is_on=False)
                (abuse.other if is_on else abuse.base).append(segment)
                progress.advance(task)
    return cases, abuse


if __name__ == "__main__":
    main()
