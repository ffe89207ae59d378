"""The figures as tables for people and as one JSON object for scripts."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from statistics import median

from rich import box
from rich.console import Console
from rich.table import Table

from bench.answers import EVENTS
from bench.figures import Compared, Segment, compare
from bench.machine import Machine
from bench.stack import BARE, GATEWAY

PROCESSES = ("envoy", "workers", "upstream", "load")
FIGURES = ("rate", "p50_ms", "p99_ms")


@dataclass(frozen=True, slots=True)
class Case:
    """What was asked, and both sides' segments, round by round."""

    kind: str
    connections: int
    base: list[Segment]
    other: list[Segment]

    def compared(self, figure: str) -> Compared:
        """A figure of ``FIGURES``."""
        return compare([getattr(each, figure) for each in self.base], [getattr(each, figure) for each in self.other])

    def cpu_us(self, side: str, process: str) -> float:
        """The median over rounds."""
        return median(each.cpu_us(process) for each in (self.base if side == BARE else self.other))


@dataclass(frozen=True, slots=True)
class Report:
    """One run."""

    machine: Machine
    rounds: int
    segment_s: float
    cases: list[Case]
    abuse: Case
    """The gateway without and with slow connections."""
    slow_connections: int

    @property
    def load_share(self) -> float:
        """The most of one core that the load generator took; near 1 it would have measured itself."""
        segments = [each for case in [*self.cases, self.abuse] for each in [*case.base, *case.other]]
        return max(each.cpu_s.get("load", 0.0) / each.seconds for each in segments)


def as_json(report: Report) -> str:
    """Everything, every round included."""

    def case(each: Case) -> dict[str, object]:
        return {
            "kind": each.kind,
            "connections": each.connections,
            **{figure: asdict(each.compared(figure)) for figure in FIGURES},
            "rounds": {"base": [asdict(s) for s in each.base], "other": [asdict(s) for s in each.other]},
        }

    cases = [
        {
            **case(each),
            "cpu_us": {side: {name: each.cpu_us(side, name) for name in PROCESSES} for side in (BARE, GATEWAY)},
        }
        for each in report.cases
    ]
    value = {
        "machine": asdict(report.machine),
        "rounds": report.rounds,
        "segment_s": report.segment_s,
        "load_share": report.load_share,
        "cases": cases,
        "abuse": {"slow_connections": report.slow_connections, **case(report.abuse)},
    }
    return json.dumps(value, indent=2)


def print_tables(report: Report, *, is_markdown: bool) -> None:
    """Three tables: rate and latency, CPU, and latency under abuse."""
    # A pipe has no width; a table squeezed to 80 columns cannot be read.
    console = Console(highlight=False, width=None if Console().is_terminal else 120)
    machine = report.machine
    versions = ", ".join(f"{name} {number}" for name, number in machine.versions.items())
    for line in (
        f"{machine.at}, commit {machine.commit}; {versions}",
        f"{machine.cores} cores, {machine.processor}, {machine.memory_gib} GiB; load before: {machine.load_before}",
        f"{report.rounds} rounds of {report.segment_s:.1f} s a side; medians, and the least and most ratio of a round",
        f"a stream has {EVENTS} events; the load generator was busy {report.load_share:.0%} of the time at most",
    ):
        console.print(line, soft_wrap=True)
        if is_markdown:
            console.print()
    for title, table in _tables(report, is_markdown=is_markdown):
        console.print()
        console.print(f"### {title}\n" if is_markdown else f"[bold]{title}[/bold]")
        console.print(table)


def _tables(report: Report, *, is_markdown: bool) -> Iterator[tuple[str, Table]]:
    sides = ("bare", "gateway", "ratio")
    speed = _table(("", "", *sides), is_markdown=is_markdown)
    for case in report.cases:
        _add_figures(speed, case)
    yield "Bare Envoy and the gateway", speed
    cpu = _table(("", "", *PROCESSES), is_markdown=is_markdown)
    for case in report.cases:
        for side in (BARE, GATEWAY):
            name = _name(case) if side == BARE else ""
            cpu.add_row(name, side, *(f"{case.cpu_us(side, process):,.0f}" for process in PROCESSES))
    yield "CPU, microseconds a request", cpu
    abuse = _table(("", "", "alone", f"beside {report.slow_connections} slow", "ratio"), is_markdown=is_markdown)
    _add_figures(abuse, report.abuse)
    yield "A good client of the gateway, beside slow connections", abuse


def _table(columns: tuple[str, ...], *, is_markdown: bool) -> Table:
    table = Table(box=box.MARKDOWN if is_markdown else box.SIMPLE_HEAD)
    for index, name in enumerate(columns):
        table.add_column(name, justify="left" if index < 2 else "right", no_wrap=True)
    return table


def _add_figures(table: Table, case: Case) -> None:
    labels = (("req/s", ",.0f"), ("p50 ms", ",.2f"), ("p99 ms", ",.2f"))
    for figure, (label, form) in zip(FIGURES, labels, strict=True):
        found = case.compared(figure)
        ratio = f"{found.ratio:.3g} ({found.least:.3g}-{found.most:.3g})"
        name = _name(case) if figure == FIGURES[0] else ""
        table.add_row(name, label, format(found.base, form), format(found.other, form), ratio)


def _name(case: Case) -> str:
    return f"{case.kind}, {case.connections} connection{'s' if case.connections > 1 else ''}"
