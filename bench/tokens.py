"""``python bench/tokens.py``: how far estimates of input are from real tokenizers, by family, over tests/golden/tokens.

For each family, the most that any of its tokenizers makes of a text, against what is counted and what is reserved.
Exit codes: 0; 1: a text has more tokens than are reserved for it.
"""

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.figures import percentile
from extproc.policy.tokens import Family, read_text

_CORPUS = Path(__file__).resolve().parents[1] / "tests/golden/tokens/corpus.json"
TOKENIZERS = {
    Family.O200K: ("o200k_base",),
    Family.CL100K: ("cl100k_base",),
    Family.CLAUDE: ("claude2", "o200k_base"),
    Family.GEMINI: ("gemma3", "o200k_base", "tekken", "deepseek"),
    Family.MISTRAL: ("tekken", "mistral7"),
    Family.OTHER: ("o200k_base", "cl100k_base", "llama3", "qwen3", "claude2", "deepseek", "tekken", "mistral7"),
}
"""Whose counts stand for a family's. Gemini's and Claude's own are not public since 3."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--markdown", "is_markdown", is_flag=True, help="Print the table as Markdown.")
def main(*, is_markdown: bool) -> None:
    """Compare estimates with the tokenizers' own counts."""
    texts = [each for each in json.loads(_CORPUS.read_text(encoding="utf-8")) if each["text"]]
    table = Table(box=box.MARKDOWN if is_markdown else box.SIMPLE_HEAD)
    table.add_column("family", no_wrap=True)
    for name in ("count, worst", "count, median", "reserved, worst", "reserved, median", "reserved, p90"):
        table.add_column(name, justify="right")
    is_short = False
    for family in Family:
        counted = [_ratio(each, family, read_text([each["text"]]).tokens(family)) for each in texts]
        reserved = [_ratio(each, family, read_text([each["text"]]).most_tokens(family)) for each in texts]
        is_short |= min(reserved) < 1
        figures = (min(counted), percentile(counted, 50), min(reserved), percentile(reserved, 50))
        table.add_row(
            family.value, *(f"{(figure - 1) * 100:+.0f} %" for figure in (*figures, percentile(reserved, 90)))
        )
    console = Console(highlight=False, width=None if Console().is_terminal else 120)
    console.print(f"{len(texts)} texts; percent above (+) or below (-) the largest of the family's tokenizers")
    console.print(table)
    sys.exit(1 if is_short else 0)


def _ratio(text: dict[str, Any], family: Family, count: int) -> float:
    return float(count / max(text["tokens"][name] for name in TOKENIZERS[family]))


if __name__ == "__main__":
    main()
