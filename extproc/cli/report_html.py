"""Spend as one page that Finance can read, print and file. It fetches nothing, runs nothing and is whole by itself.

Names are hostile: ``report_elements`` escapes all that is not markup of ours, and the page's policy forbids scripts.
"""

from extproc.cli.report_charts import meter, over_time, parts_of
from extproc.cli.report_elements import Html, element, joined
from extproc.cli.report_style import POLICY, STYLE
from extproc.cli.report_text import headings, notes
from extproc.cli.report_words import (
    ADJUSTMENTS,
    AMOUNTS,
    Amount,
    converted,
    currency_note,
    for_people,
    in_cents,
    period_words,
    said,
    short,
)
from extproc.model.reports import Figures
from extproc.operations.currency import ROUNDING, Conversion
from extproc.operations.reports import By, Name, SpendReport, permille

_MOST_BARS = 12
_ENDS = ("answered", "cached", "refused", "failed", "abandoned")
_TITLES = {each.key: each.title for each in AMOUNTS}
_DAY_CHARS = len("2026-11-01")


def spend_html(report: SpendReport, conversion: Conversion | None) -> str:
    """The page."""
    title = f"LLM spend, {report.organisation or 'all organisations'}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", f"{title}, {period_words(report.period)}"),
        element("style", Html(STYLE)),
    )
    sections = [
        element("header", element("h1", title), element("p", period_words(report.period), class_="soft")),
        _notes(report),
        _tiles(report, conversion),
        _over_time(report),
        _endings(report.total),
        _top(report),
        _table(report, conversion),
        _facts(report, conversion),
    ]
    return (
        Html("<!doctype html>\n") + element("html", head, element("body", element("main", *sections)), lang="en") + "\n"
    )


def _notes(report: SpendReport) -> Html:
    found = notes(report)
    return element("ul", *(element("li", note) for note in found), class_="notes") if found else Html()


def _tiles(report: SpendReport, conversion: Conversion | None) -> Html:
    total = report.total
    tiles = [_tile("Cost", f"${in_cents(total.micro_usd)}", f"exactly {for_people(total.micro_usd)} USD")]
    if conversion is not None:
        amount = conversion.convert(total.micro_usd)
        exactly = f"{for_people(amount)} {conversion.code} at {conversion.rate}"
        tiles.append(_tile(f"Cost in {conversion.code}", f"{in_cents(amount)} {conversion.code}", exactly))
    tokens = f"{total.input_tokens:,} in, {total.output_tokens:,} out"
    rests = f"{total.blocked:,} by a limit, a budget or a boundary"
    tiles += [
        _tile("Requests", f"{total.requests:,}", f"{_percent(total.answered + total.cached, total.requests)} answered"),
        _tile("Tokens", f"{total.input_tokens + total.output_tokens:,}", tokens),
        _tile("Cache savings", f"${in_cents(total.saved_micro_usd)}", f"{total.cached:,} answers from the cache"),
        _tile("Refused", f"{total.refused:,}", rests),
        _tile("Failovers", f"{total.failovers:,}", "more than one deployment was asked"),
    ]
    return element("div", *tiles, class_="tiles")


def _tile(title: str, headline: str, detail: str) -> Html:
    return element("div", element("span", title), element("b", headline), element("small", detail), class_="tile")


def _over_time(report: SpendReport) -> Html:
    unit = "day" if len(report.series[0][0]) == _DAY_CHARS else "month"
    title = f"Cost by {unit}, USD"
    chart = over_time([(name, figures.micro_usd) for name, figures in report.series], title)
    return element("section", element("h2", title), chart)


def _endings(total: Figures) -> Html:
    parts = [(key, _TITLES[key], int(getattr(total, key))) for key in _ENDS]
    return element("section", element("h2", "How requests ended"), parts_of(parts))


def _top(report: SpendReport) -> Html:
    if not report.by:
        return Html()
    rows = sorted(report.rows, key=lambda row: -row.figures.micro_usd)[:_MOST_BARS]
    most = max((row.figures.micro_usd for row in rows), default=0)
    cells = []
    for row in rows:
        amount = row.figures.micro_usd
        cells += [
            element("div", _names(report, row.names), class_="name"),
            meter(amount, most),
            element("div", f"${in_cents(amount)}", class_="number"),
            element("div", _percent(amount, report.total.micro_usd), class_="number soft"),
        ]
    title = f"The dearest, by {', '.join(headings(report.by))}"
    return element("section", element("h2", title), element("div", *cells, class_="bars"))


def _table(report: SpendReport, conversion: Conversion | None) -> Html:
    columns = _columns(report, conversion)
    costs = 1 if conversion is None else 2

    def numbers(figures: Figures) -> list[Html]:
        texts = []
        for amount, code in columns:
            number = converted(amount.of(figures), code)
            texts.append(for_people(number) if amount.is_money else f"{number:,}")
        texts.insert(costs, _percent(figures.micro_usd, report.total.micro_usd))
        return [element("td", text, class_="number") for text in texts]

    titles = [f"{each.title} {code.code if code else 'USD'}" if each.is_money else each.title for each, code in columns]
    titles.insert(costs, "share")
    names = headings(report.by)
    head = [*(element("th", name, scope="col") for name in names)]
    head += [element("th", title, scope="col", class_="number") for title in titles]
    body = []
    for row in report.rows:
        said_names = [_said(report, by, name) for by, name in zip(report.by, row.names, strict=True)] or ["all"]
        cells = [element("td", name, class_="name") for name in said_names]
        body.append(element("tr", *cells, *numbers(row.figures)))
    if report.rest is not None:
        others = element("td", f"{report.rest.groups:,} others", class_="name", colspan=len(names))
        body.append(element("tr", others, *numbers(report.rest.figures)))
    if report.adjustments:
        adjusted = element("td", ADJUSTMENTS, class_="name", colspan=len(names))
        body.append(element("tr", adjusted, *numbers(Figures(micro_usd=report.adjusted))))
    foot = element("tr", element("td", "Total", colspan=len(names)), *numbers(report.total))
    table = element("table", element("thead", element("tr", *head)), element("tbody", *body), element("tfoot", foot))
    return element("section", element("h2", "All of it"), element("div", table, class_="wide"))


def _columns(report: SpendReport, conversion: Conversion | None) -> list[tuple[Amount, Conversion | None]]:
    """Cost first; without figures that are zero in every row."""
    found: list[tuple[Amount, Conversion | None]] = []
    for amount in sorted(AMOUNTS, key=lambda each: each.key != "cost"):
        if amount.of(report.total) or amount.key in {"cost", "requests"}:
            found.append((amount, None))
            found += [(amount, conversion)] if amount.is_money and conversion is not None else []
    return found


def _facts(report: SpendReport, conversion: Conversion | None) -> Html:
    versions = [
        f"{short(name) or 'none, nothing was charged'}: {each.requests:,} requests, {for_people(each.micro_usd)} USD"
        for name, each in report.price_versions
    ]
    facts = [
        ("Period", f"{period_words(report.period)}, by the beginning of each request"),
        ("Organisation", report.organisation or "all of them"),
        (
            "As of",
            f"{report.period.local(report.as_of):%Y-%m-%d %H:%M:%S} ({report.period.zone}), by the ledger's clock",
        ),
        ("Prices", "; ".join(versions) or "none"),
        ("Currency", "US dollars"),
        ("Blocked", "of the refused: stopped by a limit, a budget or a data boundary"),
        ("Failovers", "requests for which more than one deployment was asked"),
        ("Estimated", "the provider told no usable usage, or was cut off: tokens were counted or assumed here"),
    ]
    facts.append(("Left out", "columns that are zero in every row"))
    if conversion is not None:
        facts.append(("Conversion", currency_note(conversion, ROUNDING)))
    if {By.TAG, By.FEATURE} & set(report.by):
        facts.append(("Tags", "a request with several is in one row, under all of them together"))
    listed = [joined(element("dt", name), element("dd", text)) for name, text in facts]
    return element("section", element("h2", "About these figures"), element("dl", *listed))


def _names(report: SpendReport, names: tuple[Name, ...]) -> str:
    return " · ".join(_said(report, each, name) for each, name in zip(report.by, names, strict=True))


def _said(report: SpendReport, by: By, name: Name) -> str:
    return short(said(by, name, report.keys))


def _percent(part: int, whole: int) -> str:
    tenths = permille(part, whole)
    return f"{'-' if tenths < 0 else ''}{abs(tenths) // 10}.{abs(tenths) % 10} %"
