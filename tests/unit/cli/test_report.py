"""``extproc report`` as it is typed, against a real Postgres."""

import asyncio
import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result

from extproc.model.exchange import Usage
from tests.spend_rows import spend_row, store
from tests.unit.cli.scripted_admin import typed

NOVEMBER = ("--from", "2026-11", "--to", "2026-11")
FORMATS = ("table", "csv", "json", "html")


@pytest.fixture
def ledger(postgres_dsn: str) -> str:
    """A ledger with a November of 111.000001 USD, of which 11 are another organisation's, and a December."""
    start = datetime(2026, 11, 1, tzinfo=UTC)
    rows = [
        spend_row(start, 100_000_000, tags=("feature=rag",), usage=Usage(9_000, 10)),
        spend_row(start + timedelta(days=29), 1, model="=cmd"),
        spend_row(start + timedelta(days=9), 11_000_000, organisation="other"),
        spend_row(start - timedelta(minutes=30), 7_000_000),
        spend_row(start + timedelta(days=30), 5_000_000),
    ]
    asyncio.run(store(postgres_dsn, rows))
    return postgres_dsn


def report(dsn: str, *words: str) -> Result:
    return typed("report", *words, EXTPROC_POSTGRES_DSN=dsn)


def cost(result: Result) -> int:
    assert result.exit_code == 0, result.output
    lines = csv.DictReader(io.StringIO(result.stdout))
    return sum(int(line["cost_usd"].replace(".", "")) for line in lines)


def test_every_format_has_the_ledgers_total(ledger: str) -> None:
    found = {form: report(ledger, "spend", "--by", "team,model", *NOVEMBER, "--format", form) for form in FORMATS}
    assert cost(found["csv"]) == 111_000_001
    assert json.loads(found["json"].stdout)["total"]["cost_micro_usd"] == 111_000_001
    assert "111.000001" in found["table"].stdout
    assert "exactly 111.000001 USD" in found["html"].stdout
    assert [each.exit_code for each in found.values()] == [0] * 4


@pytest.mark.parametrize(
    "by",
    ["", "organisation", "team", "project", "key", "model", "deployment", "user", "tag", "feature", "day", "month"],
)
def test_whatever_it_is_told_apart_by_it_is_the_same_total(ledger: str, by: str) -> None:
    assert cost(report(ledger, "spend", "--by", by, *NOVEMBER, "--format", "csv")) == 111_000_001


def test_a_report_is_of_one_organisation_if_it_is_named(ledger: str) -> None:
    assert cost(report(ledger, "spend", "--organisation", "other", *NOVEMBER, "--format", "csv")) == 11_000_000
    assert cost(report(ledger, "spend", "--organisation", "nobody", *NOVEMBER, "--format", "csv")) == 0


def test_a_month_is_the_time_zones(ledger: str) -> None:
    words = ("spend", *NOVEMBER, "--format", "csv", "--time-zone")
    assert cost(report(ledger, *words, "Europe/Berlin")) == 118_000_001
    assert cost(report(ledger, *words, "America/New_York")) == 16_000_001


def test_the_rest_is_summed_up_only_for_people_or_where_it_is_asked_for(ledger: str) -> None:
    found = report(ledger, "spend", "--by", "day", "--top", "1", *NOVEMBER, "--format", "csv")
    assert [line.partition(",")[0] for line in found.stdout.splitlines()] == ["day", "2026-11-01", "(2 others)"]
    assert cost(found) == 111_000_001


def test_people_get_a_hundred_groups_and_programs_all(ledger: str) -> None:
    start = datetime(2026, 11, 2, tzinfo=UTC)
    asyncio.run(store(ledger, [spend_row(start, 1, model=f"m{number}") for number in range(103)]))
    words = ("spend", "--by", "model", *NOVEMBER, "--format")
    assert len(report(ledger, *words, "csv").stdout.splitlines()) == 1 + 105
    assert len(json.loads(report(ledger, *words, "json").stdout)["rows"]) == 105
    assert "(5 others)" in report(ledger, *words, "table").stdout
    assert "5 others" in report(ledger, *words, "html").stdout
    assert "others" not in report(ledger, *words, "table", "--top", "105").stdout


def test_another_currency_stands_beside_the_dollar(ledger: str) -> None:
    words = ("spend", *NOVEMBER, "--currency", "EUR", "--rate", "0.92", "--format")
    assert json.loads(report(ledger, *words, "json").stdout)["total"]["cost_micro_eur"] == 102_120_001
    assert "102.120001" in report(ledger, *words, "table").stdout
    assert "102.12 EUR" in report(ledger, *words, "html").stdout


def test_a_report_is_written_to_the_file_that_is_named(ledger: str, tmp_path: Path) -> None:
    for form in FORMATS:
        path = tmp_path / form
        found = report(ledger, "spend", *NOVEMBER, "--format", form, "--out", str(path))
        assert (found.exit_code, found.stdout) == (0, "")
        assert "111.000001" in path.read_text() or '"cost_micro_usd": 111000001' in path.read_text() or form == "csv"
    assert (tmp_path / "html").read_text().startswith("<!doctype html>")
    missing = report(ledger, "spend", *NOVEMBER, "--out", str(tmp_path / "no" / "where"))
    assert (missing.exit_code, "cannot be written" in missing.stderr) == (1, True)


def test_a_formula_in_a_models_name_is_no_formula_in_csv(ledger: str) -> None:
    assert "\n'=cmd," in report(ledger, "spend", "--by", "model", *NOVEMBER, "--format", "csv").stdout


def test_prompts_are_told_in_every_format(ledger: str) -> None:
    words = ("prompts", *NOVEMBER, "--format")
    (row,) = json.loads(report(ledger, *words, "json").stdout)["rows"]
    assert (row["project"], row["tags"], row["input_p50"]) == ("acme/search/ranking", ["feature=rag"], 9_000)
    assert row["share_percent"] == 90.1
    assert "9000,9000,9000" in report(ledger, *words, "csv").stdout
    assert "90.1 %" in report(ledger, *words, "table").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--by", "team,color"), "'color' is none of organisation, team"),
        (("--from", "x"), "--from 'x' is no time"),
        (("--from", "2026-11", "--to", "2026-10"), "nothing lies between"),
        (("--time-zone", "Nowhere"), "is not known"),
        (("--currency", "EUR"), "belong together"),
        (("--rate", "-1", "--currency", "EUR"), "nine decimals"),
        (("--by", "day", "--from", "2024-01", "--to", "2026-01"), "366 days at most"),
        (("--top", "0"), "--top"),
    ],
)
def test_a_wrong_option_is_told_with_what_to_write(ledger: str, words: tuple[str, ...], said: str) -> None:
    found = report(ledger, "spend", *words)
    assert found.exit_code == 2
    assert said in found.stderr


def test_without_postgres_it_says_so(tmp_path: Path) -> None:
    for word in ("spend", "prompts"):
        found = report(f"postgresql://nobody@/nothing?host={tmp_path}", word)
        assert found.exit_code == 3
        assert found.stderr.startswith("extproc report: postgres unavailable")
        assert typed("report", word, EXTPROC_NOTHING="x").exit_code == 2


def test_without_the_ledgers_tables_the_way_out_is_said(empty_postgres_dsn: str) -> None:
    found = report(empty_postgres_dsn, "spend")
    assert (found.exit_code, "extproc migrate" in found.stderr) == (3, True)
