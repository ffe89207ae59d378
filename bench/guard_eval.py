"""``make eval-guard [DATA=dir]``: how good the built-in scanners are, and what they cost.

Measured on the repository's own cases, and on a folder of JSON Lines where one is named. ``--onnx`` adds a classifier
from a local directory, on the same texts. Exit codes: 0 everything promised is held; 1 something is not.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import click
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.guard_classifier import classifier
from bench.guard_data import Case, CaseSet, folder_sets, own_sets
from bench.guard_eval_data import data_lines
from bench.guard_figures import Judged, Line, by_part, line
from bench.guard_report import MARKDOWN, costs_table, lines_table, markdown, parts_table
from extproc.guard.read import read
from extproc.guard.rules import RULES, compile_rule
from extproc.model.guard import Direction, Leaf, Trust
from extproc.model.guard_policy import RuleSpec

_COST_CHARS = 2048
_COST_ROUNDS = 200
_PROSE = Path(__file__).parents[1] / "docs" / "limits.md"
_ALSO = ("markers",)
"""Other scanners that block by default: what must not be blocked must not be blocked by them either."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A folder of JSON Lines.")
@click.option("--onnx", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A classifier's directory.")
@click.option("--label", help="The classifier's label that means an attack; its last one where nothing is said.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
@click.option("--markdown", "is_writing", is_flag=True, help="Write docs/guard-eval.md.")
def main(*, data: Path | None, onnx: Path | None, label: str | None, is_json: bool, is_writing: bool) -> None:
    """Measure the built-in scanners."""
    sets = own_sets() + (folder_sets(data) if data else [])
    lines: list[Line] = []
    parts: dict[str, dict[str, tuple[int, float]]] = {}
    for case_set in sets:
        judged = judge(case_set)
        lines.append(line(case_set.scanner, case_set.name, judged))
        if found := by_part(judged):
            parts[case_set.name] = dict(found)
    of_data, data_parts = data_lines(data)
    lines += of_data
    parts.update({name: dict(shares) for name, shares in data_parts.items()})
    if onnx:
        ask = classifier(onnx, label)
        lines += [
            line(onnx.name, case_set.name, [_classified(case, ask) for case in case_set.cases])
            for case_set in sets
            if case_set.scanner == "injection" and case_set.name != "planted in documents"
        ]
    costs = [(name, *cost_us(name)) for name in ("reading", *_free_of_options())]
    if is_json:
        click.echo(json.dumps({"lines": [each.as_json() for each in lines], "parts": parts, "costs_us": costs}))
    else:
        console = Console(width=150)
        console.print(lines_table(lines))
        for name, shares in parts.items():
            console.print(parts_table(name, shares))
        console.print(costs_table(costs))
    if is_writing:
        MARKDOWN.write_text(markdown(lines, parts, costs, datetime.now(UTC).date()), encoding="utf-8")
    missed = [each for each in lines if not each.is_met and each.scanner in RULES]
    for each in missed:
        click.echo(f"Missed: {each.scanner} on {each.name}: {each.target}", err=True)
    sys.exit(1 if missed else 0)


def judge(case_set: CaseSet) -> list[Judged]:
    """What the scanner of a set says of each case. What users may say is held to every scanner that blocks."""
    others = _ALSO if case_set.scanner == "injection" and not case_set.name.startswith("own") else ()
    return [_judged(case, (case_set.scanner, *others)) for case in case_set.cases]


def _judged(case: Case, scanners: Sequence[str]) -> Judged:
    rules = [compile_rule(RuleSpec(name, case.options if name == scanners[0] else ())) for name in scanners]
    direction = Direction.OUTPUT if case.trust is Trust.MODEL else Direction.INPUT
    reading = read(Leaf(("messages", 0, "content"), case.text, case.trust))
    began_ns = time.perf_counter_ns()
    found = list(rules[0].scan(reading, direction))
    took_us = (time.perf_counter_ns() - began_ns) / 1000
    found += [finding for rule in rules[1:] for finding in rule.scan(reading, direction)]
    score = max((finding.score for finding in found), default=0.0)
    return Judged(case.is_attack, score, took_us, case.part, case.was_seen)


def _classified(case: Case, ask: Callable[[str], float]) -> Judged:
    began_ns = time.perf_counter_ns()
    score = ask(case.text)
    return Judged(case.is_attack, score, (time.perf_counter_ns() - began_ns) / 1000, case.part, case.was_seen)


def cost_us(name: str) -> tuple[float, float]:
    """The medians of what 2 KB cost, to read, or to scan once read; microseconds.

    First of prose that a user sends, then of harmless text full of the words that the rules look for, as a document.
    """
    prose = _PROSE.read_text(encoding="utf-8").encode("ascii", "ignore").decode()
    full = "".join(case.text + "\n" for each in own_sets() for case in each.cases if not case.is_attack)
    return _median_us(name, prose, Trust.USER), _median_us(name, full, Trust.HOSTILE)


def _median_us(name: str, text: str, trust: Trust) -> float:
    pieces = [text[at : at + _COST_CHARS] for at in range(0, len(text) - _COST_CHARS, _COST_CHARS)]
    took: list[float] = []
    for nth in range(_COST_ROUNDS):
        leaf = Leaf(("messages", 0, "content"), pieces[nth % len(pieces)], trust)
        began_ns = time.perf_counter_ns()
        reading = read(leaf)
        if name != "reading":
            rule = compile_rule(RuleSpec(name))
            began_ns = time.perf_counter_ns()
            rule.scan(reading, Direction.INPUT)
        took.append((time.perf_counter_ns() - began_ns) / 1000)
    return median(took)


def _free_of_options() -> list[str]:
    """The scanners that do something without settings."""
    found = []
    for name in RULES:
        try:
            compile_rule(RuleSpec(name))
        except ValueError:
            continue
        found.append(name)
    return found


if __name__ == "__main__":
    main()
