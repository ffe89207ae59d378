"""Holds the ledger against a provider's usage export, request by request: what is missing, and what differs.

A row of the export is one request, or a part of one: rows with the same request id are added up. Exports that are
summed by day have no request id and cannot be matched.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TextIO

from extproc.model.ledger import LedgerRow
from extproc.policy.money_ports import LedgerBook

_DAY_S = 86_400.0
_MICRO = 1_000_000

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "openai": {
        "request_id": "request_id",
        "model": "model",
        "input_tokens": "input_tokens",
        "output_tokens": "output_tokens",
        "cost_usd": "cost_usd",
        "time": "timestamp",
    },
    # Anthropic counts what its cache had apart from the input.
    "anthropic": {
        "request_id": "request_id",
        "model": "model",
        "input_tokens": "input_tokens+cache_read_input_tokens+cache_creation_input_tokens",
        "output_tokens": "output_tokens",
        "cost_usd": "cost_usd",
        "time": "timestamp",
    },
    # Bedrock's model invocation log, as Athena writes it.
    "bedrock": {
        "request_id": "requestId",
        "model": "modelId",
        "input_tokens": "inputTokenCount",
        "output_tokens": "outputTokenCount",
        "cost_usd": "cost_usd",
        "time": "timestamp",
    },
}
"""The columns that are looked for, by dialect; those of other dialects are as OpenAI's. ``a+b`` adds columns up."""

_REQUIRED = frozenset({"request_id", "input_tokens", "output_tokens"})


class InvoiceProblem(ValueError):  # noqa: N818 - reads as a claim
    """The export cannot be read; the message says where, and what to do."""


@dataclass(frozen=True, slots=True)
class Billed:
    """One request as the provider counts it."""

    request_id: str
    model: str
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    at_s: float | None


@dataclass(slots=True)
class Tally:
    """Both sides of one model, or of all. Variances are what the provider has more, over the matched requests."""

    matched: int = 0
    only_provider: int = 0
    only_ledger: int = 0
    provider_input_tokens: int = 0
    provider_output_tokens: int = 0
    ledger_input_tokens: int = 0
    ledger_output_tokens: int = 0
    provider_usd: Decimal | None = None
    """None: the export has no costs."""
    ledger_micro_usd: int = 0
    differing: int = 0
    """Matched requests whose tokens or costs are not the same."""

    @property
    def provider_micro_usd(self) -> int | None:
        """Rounded once."""
        if self.provider_usd is None:
            return None
        return int((self.provider_usd * _MICRO).to_integral_value(ROUND_HALF_UP))

    @property
    def micro_usd_variance(self) -> int | None:
        """None where the export has no costs."""
        provider = self.provider_micro_usd
        return None if provider is None else provider - self.ledger_micro_usd


@dataclass(slots=True)
class Match:
    """What the two have in common, and what not."""

    models: dict[str, Tally] = field(default_factory=dict)
    total: Tally = field(default_factory=Tally)
    only_provider: list[str] = field(default_factory=list)
    """Request ids that the ledger does not have."""
    only_ledger: list[str] = field(default_factory=list)
    is_one_sided: bool = False
    """The export has no times and no period was given: what only the ledger has is not known."""

    @property
    def is_even(self) -> bool:
        """Whether both have the same requests and count them alike."""
        return not (self.only_provider or self.only_ledger or self.total.differing)


def read_export(source: TextIO, dialect: str, columns: Mapping[str, str]) -> tuple[Billed, ...]:
    """The requests of an export, those with the same id added up.

    Args:
        source: CSV with a header.
        dialect: whose export it is, for the names of the columns.
        columns: other names for some of them.

    Raises:
        InvoiceProblem: it cannot be read.
    """
    reader = csv.DictReader(source)
    header = set(reader.fieldnames or ())
    wanted = dict(COLUMNS.get(dialect, COLUMNS["openai"])) | dict(columns)
    places: dict[str, list[str]] = {}
    for name, text in wanted.items():
        there = [each for each in text.split("+") if each in header]
        if not there and (name in _REQUIRED or name in columns):
            raise InvoiceProblem(
                f"no column {text!r} for {name}; it has {', '.join(sorted(header)) or 'none'}: name it with --column"
            )
        places[name] = there
    found: dict[str, Billed] = {}
    try:
        for line in reader:
            one = _read_line(line, places, reader.line_num)
            if one is not None:
                before = found.get(one.request_id)
                found[one.request_id] = one if before is None else _added(before, one)
    except csv.Error as problem:
        raise InvoiceProblem(f"line {reader.line_num}: {problem}") from None
    return tuple(found.values())


async def match(
    book: LedgerBook, dialect: str, billed: tuple[Billed, ...], period: tuple[float, float] | None
) -> Match:
    """Hold both against each other.

    Args:
        book: the ledger.
        dialect: of the deployments that the provider bills.
        billed: its export.
        period: UTC seconds in which the export is whole; None: between its first and last time, where it has any.

    Raises:
        Unavailable
    """
    times = [each.at_s for each in billed if each.at_s is not None]
    if period is None and times:
        period = (min(times), max(times))
    begin, end = period or (0.0, 0.0)
    # A request that began just before the period was billed within it, and the other way round.
    rows = await book.billed(dialect, [each.request_id for each in billed], begin, end)
    found = Match(is_one_sided=period is None)
    return _hold(found, {each.request_id: each for each in billed}, rows)


def _hold(found: Match, billed: Mapping[str, Billed], rows: Iterable[LedgerRow]) -> Match:
    met = set()
    for row in sorted(rows, key=lambda each: each.provider_request_id):
        one = billed.get(row.provider_request_id)
        if one is None:
            found.only_ledger.append(row.provider_request_id)
            for tally in _tallies(found, row.upstream_model):
                tally.only_ledger += 1
            continue
        met.add(one.request_id)
        for tally in _tallies(found, row.upstream_model or one.model):
            _add_pair(tally, one, row)
    for one in billed.values():
        if one.request_id not in met:
            found.only_provider.append(one.request_id)
            for tally in _tallies(found, one.model):
                tally.only_provider += 1
    return found


def _tallies(found: Match, model: str) -> tuple[Tally, Tally]:
    return found.models.setdefault(model, Tally()), found.total


def _add_pair(tally: Tally, one: Billed, row: LedgerRow) -> None:
    tally.matched += 1
    tally.provider_input_tokens += one.input_tokens
    tally.provider_output_tokens += one.output_tokens
    tally.ledger_input_tokens += row.usage.input_tokens
    tally.ledger_output_tokens += row.usage.output_tokens
    tally.ledger_micro_usd += row.answer_micro_usd
    is_same = (one.input_tokens, one.output_tokens) == (row.usage.input_tokens, row.usage.output_tokens)
    if one.cost_usd is not None:
        tally.provider_usd = (tally.provider_usd or Decimal(0)) + one.cost_usd
        # The ledger rounds each exchange up to a micro-USD.
        is_same = is_same and abs(one.cost_usd * _MICRO - row.answer_micro_usd) < 1
    tally.differing += not is_same


def _read_line(line: Mapping[str, str | None], places: Mapping[str, list[str]], number: int) -> Billed | None:
    def text(name: str) -> str:
        return next((value.strip() for place in places[name] if (value := line.get(place))), "")

    def count(name: str) -> int:
        return sum(int(_number(line.get(place) or "0", place, number)) for place in places[name])

    request_id = text("request_id")
    if not request_id:
        return None
    cost = text("cost_usd")
    return Billed(
        request_id=request_id,
        model=text("model"),
        input_tokens=count("input_tokens"),
        output_tokens=count("output_tokens"),
        cost_usd=_number(cost, "cost", number) if cost else None,
        at_s=_moment(text("time"), number),
    )


def _number(text: str, place: str, line: int) -> Decimal:
    try:
        value = Decimal(text.strip().removeprefix("$").replace(",", "") or "0")
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise InvoiceProblem(f"line {line}: {place} is {text[:40]!r}, which is no number")
    return value


def _moment(text: str, line: int) -> float | None:
    if not text:
        return None
    try:
        if text.replace(".", "", 1).isdigit():
            return float(text)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvoiceProblem(f"line {line}: the time is {text[:40]!r}; write ISO 8601 or UTC seconds") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _added(a: Billed, b: Billed) -> Billed:
    costs = [each.cost_usd for each in (a, b) if each.cost_usd is not None]
    return replace(
        a,
        model=a.model or b.model,
        input_tokens=a.input_tokens + b.input_tokens,
        output_tokens=a.output_tokens + b.output_tokens,
        cost_usd=sum(costs, Decimal(0)) if costs else None,
        at_s=a.at_s if a.at_s is not None else b.at_s,
    )
