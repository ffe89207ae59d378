"""``make eval-auto``: learns the classifier again, measures it, and says whether it is good enough and up to date.

Every training example is judged by weights that were learned without it and without its document (five folds). The
held-out examples are judged by the weights that are checked in. Exit codes: 0 good; 1 it does not beat the length
threshold clearly; 2 the checked-in weights are not those of this data and these features (``ARGS=--write``).
"""

import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.auto_data import HELD_OUT, TRAINING, Example, digest, load
from bench.auto_figures import Figures, accuracy, figures, length_rule
from bench.auto_model import Sample, dump, fit
from extproc.policy import classify
from extproc.policy.classify_features import features

CLEAR_MARGIN = 0.15
"""By how much more of the requests must be told right than by the length alone."""

_FOLDS = 5
_SEED = 1
_CHEAP_MISTAKES = -1.0986  # log-odds of a probability of 1/4: where a missed premium costs three times a wasted one
_TOLERANCE = 0.03  # floating point differs a little between machines
_WEIGHTS = Path(classify.__file__).with_name("classify_weights.json")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--write", "is_writing", is_flag=True, help="Store the newly learned weights.")
@click.option("--on", "own", type=click.Path(exists=True, path_type=Path), help="Only measure, on labels of your own.")
def main(*, is_writing: bool, own: Path | None) -> None:
    """Learn and measure the classifier behind model: auto."""
    if own:
        _print(Console(width=100), own.name, load(own), *_checked_in(load(own), load(TRAINING)))
        return
    training, held_out = load(TRAINING), load(HELD_OUT)
    learned = classify.load(dump(fit(_samples(training), digest())))
    if is_writing:
        _WEIGHTS.write_text(dump(learned), encoding="utf-8")
    stored = classify.load(_WEIGHTS.read_text(encoding="utf-8"))
    by_length, by_classifier = _across_folds(training)
    held_by_length, held_by_classifier = _checked_in(held_out, training)
    console = Console(width=100)
    _print(console, f"Training set, {_FOLDS} folds", training, by_length, by_classifier)
    _print(console, "Held out", held_out, held_by_length, held_by_classifier)
    margins = [
        _margin(training, by_length, by_classifier),
        _margin(held_out, held_by_length, held_by_classifier),
    ]
    console.print(f"Margin over the length threshold: {margins[0]:.1%} across folds, {margins[1]:.1%} held out.")
    if not _is_same(stored, learned):
        console.print("The checked-in weights are stale: make eval-auto ARGS=--write")
        sys.exit(2)
    if min(margins) < CLEAR_MARGIN:
        console.print(f"Not good enough: {CLEAR_MARGIN:.0%} is asked for.")
        sys.exit(1)


def _samples(examples: Sequence[Example]) -> list[Sample]:
    return [Sample(features(example.payload), example.is_premium) for example in examples]


def _checked_in(examples: Sequence[Example], training: Sequence[Example]) -> tuple[list[float], list[float]]:
    """The verdicts of a length threshold found on the training set, and of the weights that are checked in."""
    rule, weights = length_rule(training), classify.load(_WEIGHTS.read_text(encoding="utf-8"))
    return [rule(example) for example in examples], [
        weights.log_odds(features(example.payload)) for example in examples
    ]


def _across_folds(examples: Sequence[Example]) -> tuple[list[float], list[float]]:
    """The verdicts of the length threshold and of the classifier, each found without the fold that it judges."""
    groups = sorted({example.group for example in examples})
    random.Random(_SEED).shuffle(groups)  # noqa: S311 - a split, not a secret
    fold_of = {group: at % _FOLDS for at, group in enumerate(groups)}
    by_length, by_classifier = [0.0] * len(examples), [0.0] * len(examples)
    for fold in range(_FOLDS):
        rest = [example for example in examples if fold_of[example.group] != fold]
        rule, weights = length_rule(rest), fit(_samples(rest), "")
        for at, example in enumerate(examples):
            if fold_of[example.group] == fold:
                by_length[at] = rule(example)
                by_classifier[at] = weights.log_odds(features(example.payload))
    return by_length, by_classifier


def _print(
    console: Console, title: str, examples: Sequence[Example], by_length: list[float], by_classifier: list[float]
) -> None:
    wanted = [example.is_premium for example in examples]
    table = Table(title=f"{title}: {len(examples)} requests, {sum(wanted)} premium", title_justify="left")
    for column in ("", "accuracy", "precision", "recall", "AUC", "cost"):
        table.add_column(column, justify="left" if not column else "right")
    _row(table, "always cheap", figures([-1.0] * len(wanted), wanted))
    _row(table, "length threshold", figures(by_length, wanted))
    _row(table, "classifier", figures(by_classifier, wanted))
    _row(table, "classifier, premium from 0.25", figures(by_classifier, wanted, _CHEAP_MISTAKES))
    console.print(table)
    _print_parts(console, examples, by_length, by_classifier, lambda example: example.language)
    _print_parts(console, examples, by_length, by_classifier, lambda example: example.category)


def _print_parts(
    console: Console,
    examples: Sequence[Example],
    by_length: list[float],
    by_classifier: list[float],
    part_of: Callable[[Example], str],
) -> None:
    """Accuracy by category or language."""
    table = Table("part", "requests", "premium", "length", "classifier")
    for part in sorted({part_of(example) for example in examples}):
        at = [index for index, example in enumerate(examples) if part_of(example) == part]
        wanted = [examples[index].is_premium for index in at]
        shares = (accuracy([scores[index] for index in at], wanted) for scores in (by_length, by_classifier))
        table.add_row(part, str(len(at)), str(sum(wanted)), *(f"{share:.0%}" for share in shares))
    console.print(table)


def _row(table: Table, name: str, found: Figures) -> None:
    shares = (found.accuracy, found.precision, found.recall)
    table.add_row(name, *(f"{share:.1%}" for share in shares), f"{found.auc:.3f}", f"{found.cost:.3f}")


def _margin(examples: Sequence[Example], by_length: list[float], by_classifier: list[float]) -> float:
    wanted = [example.is_premium for example in examples]
    return accuracy(by_classifier, wanted) - accuracy(by_length, wanted)


def _is_same(stored: classify.Weights, learned: classify.Weights) -> bool:
    """Whether the checked-in weights are those that this data gives."""
    names = stored.signals.keys() | learned.signals.keys()
    gaps = [abs(stored.signals.get(name, 9.0) - learned.signals.get(name, 9.0)) for name in names]
    gaps += [abs(one - other) for one, other in zip(stored.pieces, learned.pieces, strict=True)]
    return stored.data == learned.data and max(gaps) <= _TOLERANCE


if __name__ == "__main__":
    main()
