"""How far the classifier's score tells which questions a small model got wrong, on answers that others measured.

Reads a checkout of github.com/lm-sys/RouteLLM (Apache-2.0), in which Mixtral 8x7B and GPT-4 answered MMLU, GSM8K and
MT-Bench: ``python bench/auto_outside.py PATH``. Premium is what Mixtral got wrong and GPT-4 right, or, in MT-Bench,
where a judge gave Mixtral less than 8 of 10. Nothing is learned from it. Read next: docs/auto.md.
"""

import csv
import json
import re
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.auto_figures import auc
from extproc.policy.classify import classify

_WEAK, _STRONG = "mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"
_GOOD_GRADE = 8
_ASKED = re.compile(r"### User:\n(.*?)\n\n### |\[Question\]\n(.*?)\n\n\[The Start", re.DOTALL)

Case = tuple[str, bool]
"""A question, and whether it needed the strong model."""


@click.command()
@click.argument("checkout", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(checkout: Path) -> None:
    """Measure the classifier on answers of Mixtral and GPT-4."""
    evals = checkout / "routellm" / "evals"
    sets = {
        "MMLU": [case for path in sorted(evals.glob("mmlu/responses/*.csv")) for case in _answered(path)],
        "GSM8K": list(_answered(evals / "gsm8k" / "gsm8k_responses.csv")),
        "MT-Bench": list(_graded(evals / "mt_bench" / "judgements.jsonl")),
    }
    table = Table("", "questions", "needed premium", "sent to premium", "AUC of the score", "AUC of the length")
    for name, cases in sets.items():
        wanted = [needs for _, needs in cases]
        scores = [classify({"messages": [{"role": "user", "content": text}]}).score for text, _ in cases]
        lengths = [float(len(text)) for text, _ in cases]
        shares = (f"{statistics.mean(wanted):.0%}", f"{statistics.mean(score >= 0.5 for score in scores):.0%}")
        table.add_row(name, str(len(cases)), *shares, f"{auc(scores, wanted):.2f}", f"{auc(lengths, wanted):.2f}")
    Console(width=100).print(table)


def _answered(path: Path) -> Iterator[Case]:
    csv.field_size_limit(1 << 24)
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            yield row["prompt"], row[_WEAK] != "True" and row[_STRONG] == "True"


def _graded(path: Path) -> Iterator[Case]:
    """The first turns of MT-Bench, by Mixtral's mean grade over both turns."""
    grades: dict[int, list[float]] = {}
    asked: dict[int, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["model"] == _WEAK:
            grades.setdefault(row["question_id"], []).append(row["score"])
        if found := _ASKED.search(row["user_prompt"]):
            asked.setdefault(row["question_id"], found[1] or found[2])
    for question, given in sorted(grades.items()):
        yield asked[question], statistics.mean(given) < _GOOD_GRADE


if __name__ == "__main__":
    main()
