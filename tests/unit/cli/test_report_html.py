"""The page for Finance: whole by itself, harmless whatever names are in it, and to the micro-dollar."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.cli.report_html import spend_html
from extproc.cli.report_words import AMOUNTS, converted, for_people, printable
from extproc.model.ledger import End, Flag, LedgerRow
from extproc.operations.currency import Conversion
from extproc.operations.reports import By
from tests.spend_rows import NOON, naive, spend_row, spend_rows
from tests.unit.cli.reports import HOSTILE, adjustment, euro, spend, within

_NAMES = """
    html head meta title style body main header section h1 h2 p ul li i b div span small svg g rect line text
    table thead tbody tfoot tr th td dl dt dd
"""
OURS = frozenset(_NAMES.split())
NO_END = {"meta"}


class Page(HTMLParser):
    """What a browser makes of it, as far as it matters here."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.rows: list[list[str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in NO_END:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)
            if "td" in self.open:
                self.rows[-1][-1] += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def check(text: str) -> Page:
    """A page of our elements only, which fetches nothing and runs nothing."""
    page = Page(text)
    assert text.startswith("<!doctype html>\n<html lang=")
    assert page.open == []
    for tag, attributes in page.tags:
        # SVG's names are case-sensitive in no browser; the parser lowers them.
        assert tag in OURS
        assert not [
            name for name in attributes if name.startswith("on") or name in {"href", "src", "style", "xlink:href"}
        ]
    (style,) = page.texts["style"]
    assert not re.search(r"url\(|@import|expression|<", style)
    (policy,) = (each["content"] for tag, each in page.tags if each.get("http-equiv") == "Content-Security-Policy")
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return page


@settings(max_examples=60, deadline=None)
@given(spend_rows.map(within), st.lists(st.sampled_from(By), unique=True, max_size=3), st.sampled_from([None, euro()]))
def test_the_page_says_what_the_ledger_says_to_the_micro_dollar(
    rows: list[LedgerRow], by: list[By], conversion: Conversion | None
) -> None:
    total = naive(rows)
    page = check(spend_html(spend(rows, *by), conversion))
    *body, foot = [row for row in page.rows if row]
    assert foot[0] == "Total"
    assert foot[1] == for_people(total.micro_usd)
    costs = [int(row[max(1, len(by))].replace(",", "").replace(".", "")) for row in body]
    assert sum(costs) == total.micro_usd
    wanted = [for_people(converted(each.of(total), conversion)) for each in AMOUNTS if each.is_money and each.of(total)]
    wanted += [f"{each.of(total):,}" for each in AMOUNTS if not each.is_money and each.of(total)]
    assert set(wanted) <= set(foot)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_text_wherever_it_stands(name: str) -> None:
    row = spend_row(NOON, 5, model=name, tags=(name,), key=name, deployment=name, user=name, price_version=name)
    page = check(spend_html(spend([row], By.MODEL, By.KEY, By.DEPLOYMENT), None))
    shown = printable(name)
    assert page.rows[1][:3] == [shown] * 3
    assert " · ".join([shown] * 3) in page.texts["div"]
    assert any(shown in text for text in page.texts["dd"])


def test_a_hostile_organisation_is_text_in_the_title() -> None:
    report = spend([])
    for name in HOSTILE:
        object.__setattr__(report, "organisation", name)
        page = check(spend_html(report, None))
        assert any(printable(name) in printable(text) for text in page.texts["h1"])


def test_the_page_tells_what_finance_asks() -> None:
    rows = [
        spend_row(NOON, 1_234_567_890),
        spend_row(NOON, 0, outcome=End.REFUSED, refusal="insufficient_quota"),
        spend_row(NOON, 0, outcome=End.CACHED, saved_micro_usd=500_000),
        spend_row(NOON, 10, attempts=2, flags=(Flag.ESTIMATED,)),
    ]
    text = spend_html(spend(rows, By.TEAM, By.TAG), euro())
    for said in (
        "LLM spend, all organisations",
        "2026-10-23 00:00 up to 2026-11-24 00:00 (UTC)",
        "<b>$1,234.57</b>",
        "exactly 1,234.567900 USD",
        "<b>1,135.80 EUR</b>",
        "1,135.802468 EUR at 0.92",
        "75.0 % answered",
        "1 by a limit, a budget or a boundary",
        "<b>$0.50</b>",
        "2026-11: 4 requests, 1,234.567900 USD",
        "2026-11-23 12:00:00 (UTC), by the ledger&#x27;s clock",
        "1 USD = 0.92 EUR",
        "halves to even",
        "under all of them together",
        "0.000010 USD are an estimate of ours",
        "prefers-color-scheme:dark",
        "@media print",
    ):
        assert said in text, said


def test_a_page_lists_the_dearest_and_sums_up_the_rest() -> None:
    report = spend([spend_row(NOON, 10**place, model=f"m{place}") for place in range(20)], By.MODEL, most=15)
    page = check(spend_html(report, None))
    assert page.rows[-2][:2] == ["5 others", for_people(11_111)]
    assert len([1 for tag, each in page.tags if each.get("class") == "meter"]) == 12


def test_an_empty_period_is_a_page() -> None:
    page = check(spend_html(spend([], By.TEAM), euro()))
    assert "There was nothing in that time." in page.texts["li"]
    check(spend_html(spend([]), None))


@pytest.mark.parametrize("name", HOSTILE)
def test_adjustments_and_names_of_keys_are_text_too(name: str) -> None:
    rows = [spend_row(NOON, 10_000_000, key="key_1")]
    page = spend_html(spend(rows, By.KEY, adjustments=[adjustment(reason=name)], keys={"key_1": name}), None)
    assert "<script" not in page
    assert "<img" not in page
    assert "-2.500000" in page
    assert "7.500000" in page
    assert "133.3 %" in page
    assert "-33.3 %" in page
