"""Prompts' lengths as table, CSV and JSON."""

import csv
import io
import json

import pytest
from rich.console import Console

from extproc.cli.report_prompts import print_prompts, prompts_csv, prompts_json
from extproc.model.money import MicroUsd
from extproc.model.reports import PromptAnswer, PromptSums
from extproc.operations.reports import PromptReport, ask_spend, make_prompts
from tests.spend_rows import NOON
from tests.unit.cli.reports import HOSTILE, PERIOD

RAG = PromptSums(
    "acme", "search", "answers", ("feature=rag",), 40, 12_000, 19_000, 20_000, 480_000, 48_000, MicroUsd(3_000_000)
)
CHAT = PromptSums("acme", "search", "answers", (), 900, 300, 420, 9_000, 270_000, 0, MicroUsd(1_000_000))


def made(*groups: PromptSums, total: int = 8_000_000) -> PromptReport:
    return make_prompts(ask_spend(PERIOD, ()), PromptAnswer(NOON, MicroUsd(total), groups), PERIOD)


def table(report: PromptReport) -> str:
    console = Console(width=140, file=io.StringIO(), color_system=None)
    with console.capture() as capture:
        print_prompts(report, console)
    return capture.get()


def test_every_format_says_the_same_with_the_longest_usual_prompt_on_top() -> None:
    report = made(CHAT, RAG)
    lines = list(csv.DictReader(io.StringIO(prompts_csv(report))))
    assert lines[0] == {
        "project": "acme/search/answers",
        "tags": "feature=rag",
        "requests": "40",
        "input_p50": "12000",
        "input_p95": "19000",
        "input_max": "20000",
        "input_tokens": "480000",
        "cached_tokens": "48000",
        "cost_usd": "3.000000",
        "share_percent": "37.5",
    }
    assert lines[1]["tags"] == "(none)"
    told = json.loads(prompts_json(report))
    assert told["total_micro_usd"] == 8_000_000
    for row, line in zip(told["rows"], lines, strict=True):
        assert [row[name] for name in ("requests", "input_p50", "input_p95", "input_max", "input_tokens")] == [
            int(line[name]) for name in ("requests", "input_p50", "input_p95", "input_max", "input_tokens")
        ]
        assert str(row["share_percent"]) == line["share_percent"]
    assert told["rows"][0]["tags"] == ["feature=rag"]
    rows = [line for line in table(report).splitlines() if line.startswith("│")]
    assert [cell.strip() for cell in rows[0].strip("│").split("│")] == [
        "acme/search/answers", "feature=rag", "40", "12,000", "19,000", "20,000", "10 %", "3.000000", "37.5 %",
    ]  # fmt: skip


def test_an_empty_period_is_said_to_be_empty() -> None:
    assert "No prompts in that time." in table(made(total=0))
    assert len(prompts_csv(made()).splitlines()) == 1
    assert json.loads(prompts_json(made()))["rows"] == []


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_tag_is_harmless(name: str) -> None:
    report = made(PromptSums("acme", "search", name, (name,), 1, 1, 1, 1, 1, 0, MicroUsd(1)))
    for text in (table(report), prompts_csv(report)):
        assert all(line.isprintable() for line in text.splitlines())
    (line,) = csv.DictReader(io.StringIO(prompts_csv(report)))
    assert line["tags"].lstrip()[:1] not in set("=+-@|%\uff1d")
    assert json.loads(prompts_json(report))["rows"][0]["tags"] == [name]
