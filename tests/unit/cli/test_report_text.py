"""Spend as table, CSV and JSON: each says the same, to the micro-dollar."""

import csv
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from extproc.cli.report_text import notes, print_spend, spend_csv, spend_json
from extproc.cli.report_words import AMOUNTS, converted, for_people, six_decimals
from extproc.model.ledger import Flag, LedgerRow
from extproc.model.money import MicroUsd
from extproc.operations.currency import Conversion
from extproc.operations.reports import By, SpendReport
from tests.spend_rows import NOON, naive, spend_row, spend_rows
from tests.unit.cli.reports import HOSTILE, adjustment, euro, spend, within

MONEY = [each for each in AMOUNTS if each.is_money]


def table(report: SpendReport, conversion: Conversion | None = None, width: int = 500) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    with console.capture() as capture:
        print_spend(report, conversion, console)
    return capture.get()


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("│┃").split("│" if "│" in line else "┃")]


def micro(text: str) -> int:
    assert re.fullmatch(r"-?[0-9]+\.[0-9]{6}", text)
    return int(text.replace(".", ""))


@given(spend_rows.map(within), st.lists(st.sampled_from(By), unique=True, max_size=3), st.sampled_from([None, euro()]))
def test_csv_json_and_table_agree_with_the_rows_to_the_micro_dollar(
    rows: list[LedgerRow], by: list[By], conversion: Conversion | None
) -> None:
    report = spend(rows, *by)
    total = naive(rows)
    told = json.loads(spend_json(report, conversion))
    lines = list(csv.DictReader(io.StringIO(spend_csv(report, conversion))))
    assert len(lines) == len(told["rows"]) == len(report.rows)
    for each in AMOUNTS:
        if not each.is_money:
            assert sum(int(line[each.key]) for line in lines) == told["total"][each.key] == each.of(total)
            continue
        assert sum(micro(line[f"{each.key}_usd"]) for line in lines) == each.of(total)
        assert told["total"][f"{each.key}_micro_usd"] == each.of(total)
        assert sum(row[f"{each.key}_micro_usd"] for row in told["rows"]) == each.of(total)
        assert sum(row[f"{each.key}_micro_usd"] for row in told["series"]) == each.of(total)
        if conversion is not None:
            assert told["total"][f"{each.key}_micro_eur"] == conversion.convert(MicroUsd(each.of(total)))
            for line, row in zip(lines, told["rows"], strict=True):
                exact = conversion.convert(MicroUsd(row[f"{each.key}_micro_usd"]))
                assert micro(line[f"{each.key}_eur"]) == row[f"{each.key}_micro_eur"] == exact
    foot = next(cells(line) for line in table(report, conversion).splitlines() if "│ total" in line)
    shown = [each.of(total) for each in AMOUNTS if not each.is_money]
    money = [
        converted(each.of(total), code) for each in MONEY for code in ([None, conversion] if conversion else [None])
    ]
    assert foot[max(1, len(by)) :] == [*(f"{number:,}" for number in shown), *map(for_people, money)]


def test_the_table_has_a_line_for_each_group_and_the_rest() -> None:
    report = spend([spend_row(NOON, 10**place, model=f"m{place}") for place in range(7)], By.MODEL, most=2)
    text = table(report)
    assert [cells(line)[0] for line in text.splitlines() if line.startswith("│")] == ["m6", "m5", "(5 others)", "total"]
    assert "1.000000" in text
    assert "0.011111" in text
    assert "2026-10-23 00:00 up to 2026-11-24 00:00 (UTC), all organisations" in text


@pytest.mark.parametrize("width", [60, 80, 120, 200, 400])
def test_a_narrow_terminal_leaves_columns_out_and_says_so_but_never_cuts_an_amount(width: int) -> None:
    rows = [spend_row(NOON, 123_456_789_012, model=f"a-model-with-a-long-name-{place}") for place in range(3)]
    text = table(spend(rows, By.TEAM, By.MODEL), width=width)
    assert "370,370.367036" in text
    assert "123,456.789012" in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    assert ("Left out" in text) == (width < 400)


def test_without_anything_to_tell_apart_there_is_one_line() -> None:
    report = spend([spend_row(NOON, 5), spend_row(NOON, 6)])
    assert [line["cost_usd"] for line in csv.DictReader(io.StringIO(spend_csv(report, None)))] == ["0.000011"]
    assert [cells(line)[0] for line in table(report).splitlines() if line.startswith("│")] == ["all", "total"]


def test_an_empty_period_is_empty_in_every_format() -> None:
    report = spend([], By.TEAM)
    assert len(spend_csv(report, None).splitlines()) == 1
    told = json.loads(spend_json(report, None))
    assert (told["rows"], told["total"]["cost_micro_usd"], told["rest"], told["currency"]) == ([], 0, None, None)
    assert "There was nothing in that time." in table(report)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_a_harmless_line_of_a_table_and_a_harmless_cell(name: str) -> None:
    report = spend([spend_row(NOON, 5, model=name, tags=(name,))], By.MODEL, By.TAG)
    assert all(line.isprintable() for line in table(report).splitlines())
    text = spend_csv(report, None)
    assert all(line.isprintable() for line in text.splitlines())
    (line,) = csv.DictReader(io.StringIO(text))
    assert line["model"].startswith("'") or line["model"].lstrip(" '\"")[:1] not in set("=+-@|%\uff1d")
    assert line["cost_usd"] == six_decimals(5)
    (row,) = json.loads(spend_json(report, None))["rows"]
    assert (row["model"], row["tag"]) == (name, [name])


def test_markup_of_the_table_is_text() -> None:
    assert "[bold red]markup[/]" in table(spend([spend_row(NOON, 5, model="[bold red]markup[/]")], By.MODEL))


def test_json_tells_what_the_report_is_of() -> None:
    report = spend([spend_row(NOON, 5), spend_row(NOON, 6, price_version="")], By.TEAM, By.KEY, unwritten=3)
    told = json.loads(spend_json(report, euro()))
    assert told["period"] == {
        "from": "2026-10-23T00:00:00+00:00",
        "before": "2026-11-24T00:00:00+00:00",
        "time_zone": "UTC",
    }
    assert told["currency"] == {
        "code": "EUR",
        "usd": 1,
        "rate": "0.92",
        "rounding": "each amount is converted by itself and rounded to 0.000001, halves to even",
    }
    assert (told["by"], told["not_in_the_ledger_yet"]) == (["team", "key"], 3)
    assert [(each["version"], each["cost_micro_usd"]) for each in told["price_versions"]] == [(None, 6), ("2026-11", 5)]
    assert (told["rows"][0]["team"], told["rows"][0]["key"]) == ("acme/search", "key_1")


def test_what_makes_figures_less_than_exact_is_said() -> None:
    assert notes(spend([spend_row(NOON, 5)])) == []
    report = spend(
        [spend_row(NOON, 5, flags=(Flag.ESTIMATED,)), spend_row(NOON, 0, flags=(Flag.UNPRICED,))], unwritten=1_234
    )
    said = " ".join(notes(report))
    assert "1,234 exchanges that are not in the ledger yet" in said
    assert "1 requests were to deployments without a price" in said
    assert "0.000005 USD are an estimate of ours" in said
    assert "1 USD = 0.92 EUR" in table(report, euro())


# -- adjustments and keys -----------------------------------------------------------------------------------------


@given(
    spend_rows.map(within),
    st.lists(st.sampled_from(By), unique=True, max_size=3),
    st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=30),
    st.sampled_from([None, 1]),
)
def test_adjustments_are_a_line_of_their_own_and_everything_adds_up_to_the_total(
    rows: list[LedgerRow], by: list[By], amounts: list[int], most: int | None
) -> None:
    report = spend(rows, *by, most=most, adjustments=[adjustment(each) for each in amounts])
    total = naive(rows).micro_usd + sum(amounts)
    lines = list(csv.DictReader(io.StringIO(spend_csv(report, None))))
    assert sum(micro(line["cost_usd"]) for line in lines) == total
    assert (micro(lines[-1]["cost_usd"]), lines[-1]["requests"]) == (sum(amounts), "0")
    assert None not in lines[-1]
    if by:
        assert lines[-1][by[0].value] == "(adjustments)"
    told = json.loads(spend_json(report, None))
    assert told["total"]["cost_micro_usd"] == total
    rest = told["rest"]["cost_micro_usd"] if told["rest"] else 0
    assert sum(row["cost_micro_usd"] for row in told["rows"]) + rest + sum(amounts) == total
    assert [each["micro_usd"] for each in told["adjustments"]] == amounts
    text = table(report)
    foot = next(cells(line) for line in text.splitlines() if "│ total" in line)
    own = next(cells(line) for line in text.splitlines() if "│ (adjustments)" in line)
    assert (foot[-1], own[-1]) == (for_people(total), for_people(sum(amounts)))


def test_each_adjustment_is_told_with_its_reason_and_too_many_are_counted() -> None:
    few = notes(spend([], adjustments=[adjustment()]))
    assert few[0] == "Adjustments, 1 of together -2.500000 USD, are in the line (adjustments):"
    assert few[1] == "adj_credit-1: -2.500000 USD, 2026-11-23 12:00, acme/search: credit note 4711"
    assert len(few) == 2
    assert notes(spend([], adjustments=[adjustment()] * 25))[-1] == "and 5 more: --format json has all."


def test_a_key_has_its_name_beside_its_id_in_every_format() -> None:
    called = "acme/search/ranking (prod, ada)"
    rows = [spend_row(NOON, 5, key="key_1"), spend_row(NOON, 3, key="key_gone")]
    report = spend(rows, By.KEY, By.MODEL, keys={"key_1": called})
    assert f"key_1 {called}" in table(report)
    known, gone = csv.DictReader(io.StringIO(spend_csv(report, None)))
    assert (known["key"], known["key_name"], known["model"]) == ("key_1", called, "chat")
    assert (gone["key"], gone["key_name"]) == ("key_gone", "")
    told = json.loads(spend_json(report, None))["rows"]
    assert [(row["key"], row["key_name"]) for row in told] == [("key_1", called), ("key_gone", None)]
