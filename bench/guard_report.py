"""The tables of ``make eval-guard``: on a terminal, and as docs/guard-eval.md."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from rich.table import Table

from bench.guard_figures import Line

MARKDOWN = Path(__file__).parents[1] / "docs" / "guard-eval.md"

_HEAD = """# How good the firewall's rules are

Measured on {day} by `make eval-guard DATA=… ARGS=--markdown`; do not edit. A case counts as found when any finding
scores 0.5 or more, the threshold of a check that names none.
*unread*: the same on the half of a file that nobody read while the rules were written (by digest, but for a few lines
at the top of each file).
No weight was learned from any of these files: they are set by hand.
What the scanners look for, and where they stop, is in [guard-rules.md](guard-rules.md).

"""
_SHORT = ("scanner", "set", "cases", "attacks", "precision", "recall", "false alarms", "unread recall")
_COLUMNS = (*_SHORT, "unread false alarms", "p50 µs", "p95 µs", "promised")


def lines_table(lines: Sequence[Line]) -> Table:
    """One row a scanner and set."""
    table = Table(title="Scanners", title_justify="left")
    for column in _COLUMNS:
        table.add_column(column, justify="left" if column in {"scanner", "set", "promised"} else "right")
    for each in lines:
        table.add_row(*_cells(each), style="" if each.is_met else "bold red")
    return table


def parts_table(name: str, shares: Mapping[str, tuple[int, float]]) -> Table:
    """Of one set, the share of attacks found by part."""
    table = Table("part", "attacks", "found", title=name, title_justify="left")
    for part, (count, share) in shares.items():
        table.add_row(part, str(count), _percent(share))
    return table


def costs_table(costs: Sequence[tuple[str, float, float]]) -> Table:
    """What 2 KB cost."""
    table = Table(
        "2 KB, median µs", "prose of a user", "document full of such words", title="Cost", title_justify="left"
    )
    for name, prose_us, full_us in costs:
        table.add_row(name, f"{prose_us:.0f}", f"{full_us:.0f}")
    return table


def markdown(
    lines: Sequence[Line],
    parts: Mapping[str, Mapping[str, tuple[int, float]]],
    costs: Sequence[tuple[str, float, float]],
    day: date,
) -> str:
    """The whole page."""
    text = _HEAD.format(day=day.isoformat()) + _rows(_COLUMNS, [_cells(each) for each in lines])
    for name, shares in parts.items():
        rows = [(part, str(count), _percent(share)) for part, (count, share) in shares.items()]
        text += f"\n## {name[0].upper()}{name[1:]}\n\n" + _rows(("part", "attacks", "found"), rows)
    text += (
        "\n## Cost\n\nMedian for 2 KB on one core of a machine that does other things too: prose that a user sends, "
        "and harmless text full of the words that the rules look for, as a document, which is judged most.\n\n"
    )
    rows = [(name, f"{prose_us:.0f}", f"{full_us:.0f}") for name, prose_us, full_us in costs]
    return text + _rows(("", "prose, µs", "full of such words, µs"), rows)


def _cells(each: Line) -> tuple[str, ...]:
    shares = (each.precision, each.recall, each.false_positives, each.unread_recall, each.unread_false_positives)
    promised = each.target + ("" if each.is_met else " — MISSED")
    counts, costs = (str(each.cases), str(each.attacks)), (f"{each.p50_us:.0f}", f"{each.p95_us:.0f}")
    return (each.scanner, each.name, *counts, *map(_percent, shares), *costs, promised)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _rows(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    ruled = [columns, ["---"] * len(columns), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in ruled)
