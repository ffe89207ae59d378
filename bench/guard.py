"""``make bench-guard``: what reading and the built-in rules cost, on ordinary texts and on those meant to be slow.

The panel is every built-in rule for requests, over one leaf: read once, then each rule. In CPU time
of one core, so that what else runs on the machine weighs less.
"per KB" tells whether it is linear: what a KB costs at a size, by what it costs at 16 KB.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.figures import percentile
from bench.guard_texts import HARD, ORDINARY, text_of
from extproc.guard.read import read
from extproc.guard.rule import Rule
from extproc.guard.rules import RULES, compile_rule
from extproc.model.guard import Direction, Leaf, Trust
from extproc.model.guard_policy import Options, RuleSpec

SIZES = (2_048, 16_384, 262_144, 1_048_576)
_BASE = 16_384
_SETTINGS: Mapping[str, Options] = {
    "topics": (("words", ("rival bank", "competitor", "merger")),),
    "size": (("max_characters_total", 100_000_000),),
}
"""Of rules that do nothing without; those that judge only answers are left out."""
_MOST_ROUNDS, _LEAST_ROUNDS = 300, 3


@dataclass(frozen=True, slots=True)
class Cost:
    """What one text of one size costs."""

    text: str
    chars: int
    read_ms: float
    """Median."""
    p50_ms: float
    """Of the panel, reading included."""
    p99_ms: float
    slowest: str
    """The rule that takes longest, and its median in milliseconds."""
    slowest_ms: float
    per_kb: float = 1.0
    """What a KB costs, by what it costs at 16 KB."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seconds", default=1.5, show_default=True, help="For each text and size.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
@click.option("--markdown", "is_markdown", is_flag=True, help="Print the tables as docs/guard-reading.md has them.")
def main(*, seconds: float, is_json: bool, is_markdown: bool) -> None:
    """What the firewall's rules cost."""
    rules, left_out = _rules()
    costs = [
        cost
        for texts in (ORDINARY, HARD)
        for name, unit in texts.items()
        for cost in _of_text(name, unit, rules, seconds, is_quiet=is_json or is_markdown)
    ]
    if is_json:
        print(json.dumps([asdict(cost) for cost in costs], indent=1))
        return
    print(
        f"\nRules: {', '.join(rules)}."
        + (f" Left out, for they need what an exchange brings: {', '.join(left_out)}." * bool(left_out))
    )
    print("\n".join(_table(costs, is_markdown=is_markdown)))


def _rules() -> tuple[dict[str, Rule], list[str]]:
    found: dict[str, Rule] = {}
    left_out: list[str] = []
    for name in RULES:
        try:
            found[name] = compile_rule(RuleSpec(name, _SETTINGS.get(name, ())))
        except ValueError:
            left_out.append(name)
    return found, left_out


def _of_text(name: str, unit: str, rules: Mapping[str, Rule], seconds: float, *, is_quiet: bool) -> list[Cost]:
    costs: list[Cost] = []
    for size in SIZES:
        if not is_quiet:
            print(f"{name}, {size >> 10} KB", file=sys.stderr)
        costs.append(_cost(name, text_of(unit, size), rules, seconds))
    base = next(cost.p50_ms / cost.chars for cost in costs if cost.chars >= _BASE)
    return [
        Cost(**{**asdict(cost), "per_kb": cost.p50_ms / cost.chars / base}) for cost in costs
    ]  # fmt: skip


def _cost(name: str, text: str, rules: Mapping[str, Rule], seconds: float) -> Cost:
    leaf = Leaf(("input",), text, Trust.HOSTILE)
    reading = read(leaf)
    by_rule = {
        rule: _median(lambda rule=rule: rules[rule].scan(reading, Direction.INPUT), seconds / 16) for rule in rules
    }
    slowest = max(by_rule, key=lambda rule: by_rule[rule])

    def panel() -> None:
        read_anew = read(leaf)
        for rule in rules.values():
            rule.scan(read_anew, Direction.INPUT)

    times = _times(panel, seconds)
    return Cost(
        name,
        len(text),
        _median(lambda: read(leaf), seconds / 8),
        percentile(times, 50),
        percentile(times, 99),
        slowest,
        by_rule[slowest],
    )


def _median(deed: Callable[[], object], seconds: float) -> float:
    return percentile(_times(deed, seconds), 50)


def _times(deed: Callable[[], object], seconds: float) -> list[float]:
    """Milliseconds of CPU of each round; the first, in which things are compiled, is not counted."""
    deed()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < _LEAST_ROUNDS or (len(times) < _MOST_ROUNDS and time.perf_counter() < end):
        start = time.thread_time()
        deed()
        times.append((time.thread_time() - start) * 1e3)
    return times


def _table(costs: Sequence[Cost], *, is_markdown: bool) -> list[str]:
    head = ("text", "size", "reading ms", "panel p50 ms", "p99 ms", "slowest rule, ms", "per KB")
    rows = [
        (
            cost.text,
            f"{cost.chars / 1024:.0f} KB",
            f"{cost.read_ms:.3g}",
            f"{cost.p50_ms:.3g}",
            f"{cost.p99_ms:.3g}",
            f"{cost.slowest} {cost.slowest_ms:.3g}",
            f"{cost.per_kb:.1f}",
        )
        for cost in costs
    ]
    if is_markdown:
        return [f"| {' | '.join(head)} |", "|---|---" + "|---:" * 5 + "|", *(f"| {' | '.join(row)} |" for row in rows)]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]


if __name__ == "__main__":
    main()
