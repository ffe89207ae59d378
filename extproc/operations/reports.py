"""What was spent, on what and by whom; and whose prompts are long. Pure: the ledger's sums in, a report out.

Every exchange is in exactly one row of a report, whatever it is told apart by, so the rows add up to the total of the
ledger, and with the adjustments, which are in no row, to the report's. An exchange's tags are therefore one name
together: one tagged ``batch`` and ``eu`` is in the row ``batch, eu`` and in no other. A feature is the tag
``feature=NAME`` (or ``feature:NAME``).

``periods`` reads the time, ``currency`` converts, ``model.reports`` has what is asked of the ledger.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from extproc.model import refusals
from extproc.model.adjustments import SpendAdjustment
from extproc.model.money import MicroUsd
from extproc.model.reports import Bucket, Column, Figures, PromptAnswer, PromptSums, Question, Sums, Value, add
from extproc.operations.periods import Period, days_of, months_of

BLOCKING = frozenset(
    kind.code
    for kind in (
        refusals.RATE_LIMIT_EXCEEDED,
        refusals.INSUFFICIENT_QUOTA,
        refusals.MODEL_WITHOUT_PRICE,
        refusals.DATA_BOUNDARY,
        refusals.CONTENT_BLOCKED,
    )
)
"""Refusals of requests that were well-formed, with a good key: limits, budgets, boundaries, the firewall at work."""

FEW = 10
"""So many prompts say little of a feature; with fewer, it stands behind the others."""

MOST_DAYS_SHOWN = 93
"""A longer period is told month by month."""

_MONTH_CHARS = len("2026-11")
_FEATURE = ("feature=", "feature:")

Name = tuple[str, ...]
"""Of a group by one thing: the place's names from the organisation down, or its tags. Empty: it is not known."""


class By(StrEnum):
    """What spend is told apart by."""

    ORGANISATION = "organisation"
    TEAM = "team"
    PROJECT = "project"
    KEY = "key"
    MODEL = "model"
    DEPLOYMENT = "deployment"
    USER = "user"
    """The end user that the application named, within its project; only a hash is known."""
    TAG = "tag"
    FEATURE = "feature"
    DAY = "day"
    MONTH = "month"


_COLUMNS: Mapping[By, tuple[Column, ...]] = {
    By.ORGANISATION: (Column.ORGANISATION,),
    # Two organisations may each have a team of this name.
    By.TEAM: (Column.ORGANISATION, Column.TEAM),
    By.PROJECT: (Column.ORGANISATION, Column.TEAM, Column.PROJECT),
    By.KEY: (Column.KEY,),
    By.MODEL: (Column.MODEL,),
    By.DEPLOYMENT: (Column.DEPLOYMENT,),
    By.USER: (Column.ORGANISATION, Column.TEAM, Column.PROJECT, Column.USER),
    By.TAG: (Column.TAGS,),
    By.FEATURE: (Column.TAGS,),
    By.DAY: (Column.TIME,),
    By.MONTH: (Column.TIME,),
}
_TIMES = frozenset({By.DAY, By.MONTH})


@dataclass(frozen=True, slots=True)
class Row:
    """One group."""

    names: tuple[Name, ...]
    """One for each thing it is told apart by."""
    figures: Figures


@dataclass(frozen=True, slots=True)
class Rest:
    """The groups that are not listed."""

    groups: int
    figures: Figures


@dataclass(frozen=True, slots=True)
class SpendReport:
    """What was spent in a period. Rows, rest and adjustments add up to the total; the series is of exchanges alone."""

    period: Period
    organisation: str
    """Empty: all of them."""
    by: tuple[By, ...]
    as_of: datetime
    unwritten: int
    """Exchanges that were not in the ledger yet."""
    total: Figures
    rows: tuple[Row, ...]
    """The dearest first; where they are told apart by day or month, the earliest."""
    rest: Rest | None
    series: tuple[tuple[str, Figures], ...]
    """By day, or by month where the period is long; every one of them."""
    price_versions: tuple[tuple[str, Figures], ...]
    adjustments: tuple[SpendAdjustment, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    """Names of keys, by their ids; of those that the directory knows."""

    @property
    def adjusted(self) -> MicroUsd:
        """All adjustments together."""
        return MicroUsd(sum(each.micro_usd for each in self.adjustments))


@dataclass(frozen=True, slots=True)
class PromptReport:
    """Whose prompts are long, the longest first by what is usual, not by one that was."""

    period: Period
    organisation: str
    as_of: datetime
    total_micro_usd: MicroUsd
    rows: tuple[PromptSums, ...]


def buckets_of(period: Period, by: Iterable[By]) -> tuple[Bucket, ...]:
    """The days of the period, or its months where it is too long for days.

    Raises:
        PeriodProblem: it is too long, and days are asked for.
    """
    is_long = period.ends_at - period.starts_at > timedelta(days=MOST_DAYS_SHOWN)
    return months_of(period) if is_long and By.DAY not in by else days_of(period)


def ask_spend(period: Period, by: Sequence[By], organisation: str = "") -> Question:
    """What the ledger is asked for a report of spend.

    Raises:
        PeriodProblem: the period is too long for it.
    """
    columns = dict.fromkeys(column for each in by for column in _COLUMNS[each])
    buckets = buckets_of(period, by)
    return Question(period.starts_at, period.ends_at, tuple(columns), buckets, BLOCKING, organisation)


def make_spend(
    question: Question, sums: Sums, period: Period, by: Sequence[By], most: int | None = None
) -> SpendReport:
    """The report of what the ledger answered.

    Args:
        question: from ``ask_spend`` with the same period and ``by``.
        sums: the answer.
        period: what it is about.
        by: what it is told apart by.
        most: list so many groups, the dearest, and sum up the rest; None: all.

    Raises:
        ArithmeticError: the groups do not add up to the total.
    """
    groups: dict[tuple[Name, ...], Figures] = {}
    for values, figures in sums.groups:
        known = dict(zip(question.columns, values, strict=True))
        names = tuple(_name(each, known) for each in by)
        groups[names] = add(groups[names], figures) if names in groups else figures
    dearest = sorted((Row(names, figures) for names, figures in groups.items()), key=_dear)
    listed, left = (dearest, []) if most is None else (dearest[:most], dearest[most:])
    times = [place for place, each in enumerate(by) if each in _TIMES]
    in_order = sorted(listed, key=lambda row: [row.names[place] for place in times])
    rest = Rest(len(left), add(*(row.figures for row in left))) if left else None
    happened = dict(sums.series)
    series = tuple((bucket.name, happened.get(bucket.name, Figures())) for bucket in question.buckets)
    if sums.total != add(*groups.values()) or sums.total != add(*happened.values()):
        raise ArithmeticError("the groups do not add up to the ledger's total")
    adjusted = Figures(micro_usd=MicroUsd(sum(each.micro_usd for each in sums.adjustments)))
    return SpendReport(
        period, question.organisation, tuple(by), sums.as_of, sums.unwritten, add(sums.total, adjusted),
        tuple(in_order), rest, series, sums.price_versions, sums.adjustments, dict(sums.keys),
    )  # fmt: skip


def make_prompts(question: Question, answer: PromptAnswer, period: Period) -> PromptReport:
    """The report of what the ledger answered about prompts."""
    rows = sorted(
        answer.groups,
        key=lambda row: (row.requests < FEW, -row.p50, -row.p95, -row.micro_usd, _place(row), row.tags),
    )
    return PromptReport(period, question.organisation, answer.as_of, answer.total_micro_usd, tuple(rows))


def permille(part: int, whole: int) -> int:
    """How many thousandths of the whole the part is, to the nearest; 0 of nothing."""
    return (part * 2000 + whole) // (2 * whole) if whole else 0


def feature_of(tags: Iterable[str]) -> Name:
    """The features that tags name."""
    return tuple(sorted({tag[len(start) :] for tag in tags for start in _FEATURE if tag.startswith(start)} - {""}))


def _name(by: By, values: Mapping[Column, Value]) -> Name:
    columns = _COLUMNS[by]
    value = values[columns[-1]]
    if not value:
        return ()
    if not isinstance(value, str):
        return feature_of(value) if by is By.FEATURE else tuple(sorted(set(value)))
    if by is By.MONTH:
        return (value[:_MONTH_CHARS],)
    return tuple(str(values[column]) for column in columns)


def _dear(row: Row) -> tuple[int, int, tuple[Name, ...]]:
    return -row.figures.micro_usd, -row.figures.requests, row.names


def _place(row: PromptSums) -> Name:
    return row.organisation, row.team, row.project
