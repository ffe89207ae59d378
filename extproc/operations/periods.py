"""Which stretch of time a report is about, as people say it, and the days and months within.

A date without a time means the whole day, and ``2026-11`` the whole month, on the wall clock of the time zone: a day on
which the clock changes is 23 or 25 hours long. Python's time zone data decides; Postgres only gets moments.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from extproc.model.reports import Bucket

MOST_DAYS = 366
"""A report by day is no longer than this; by month there is no limit."""

_MONTH = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_YEARS = range(2000, 2200)


class PeriodProblem(Exception):  # noqa: N818 - reads as what it is
    """There is no such period. The message says what to write."""


@dataclass(frozen=True, slots=True)
class Period:
    """From a moment up to another, which is not within, as a wall clock of the zone counts."""

    starts_at: datetime
    """UTC, as ``ends_at``."""
    ends_at: datetime
    zone: str
    """IANA name."""

    def local(self, at: datetime) -> datetime:
        """The moment on the zone's wall clock."""
        return at.astimezone(ZoneInfo(self.zone))


def read_period(first: str, last: str, zone: str, now: datetime) -> Period:
    """The period that a person asks for.

    Args:
        first: a month, a day or a moment from which on; empty: the current month's first day.
        last: a month or a day until whose end, or a moment before which; empty: now.
        zone: IANA name, which days and months are of; a moment may name its own offset.
        now: the present, with a time zone.

    Raises:
        PeriodProblem: one of them cannot be read, or nothing lies between them.
    """
    clock = _read_zone(zone)
    if not first:
        first = f"{now.astimezone(clock):%Y-%m}"
    starts_at = _read_moment("--from", first, clock, is_end=False)
    ends_at = _read_moment("--to", last, clock, is_end=True) if last else now.astimezone(UTC)
    if ends_at <= starts_at:
        raise PeriodProblem(f"nothing lies between --from {first} and --to {last or 'now'} ({zone})")
    return Period(starts_at, ends_at, zone)


def days_of(period: Period) -> tuple[Bucket, ...]:
    """Every day that the period touches.

    Raises:
        PeriodProblem: there are more than ``MOST_DAYS``.
    """
    day = period.local(period.starts_at).date()
    last = period.local(period.ends_at - timedelta(microseconds=1)).date()
    if (last - day).days >= MOST_DAYS:
        raise PeriodProblem(f"a report by day is of {MOST_DAYS} days at most; ask for a shorter period, or by month")
    days = [day + timedelta(days=number) for number in range((last - day).days + 1)]
    return _without_empty([Bucket(f"{each:%Y-%m-%d}", _midnight(each, ZoneInfo(period.zone))) for each in days])


def months_of(period: Period) -> tuple[Bucket, ...]:
    """Every month that the period touches."""
    first = period.local(period.starts_at).date().replace(day=1)
    last = period.local(period.ends_at - timedelta(microseconds=1)).date()
    found = []
    while first <= last:
        found.append(Bucket(f"{first:%Y-%m}", _midnight(first, ZoneInfo(period.zone))))
        first = _next_month(first)
    return _without_empty(found)


def _without_empty(buckets: list[Bucket]) -> tuple[Bucket, ...]:
    """Those that have a length: a country that crosses the date line leaves a day out."""
    ends = [bucket.starts_at for bucket in buckets[1:]]
    kept = [bucket for bucket, end in zip(buckets, ends, strict=False) if bucket.starts_at < end]
    return (*kept, buckets[-1])


def _read_zone(zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(zone)
    except (KeyError, OSError, ValueError):  # unknown; a directory of the data; a path outside of it
        raise PeriodProblem(f"--time-zone {zone!r} is not known; write an IANA name such as Europe/Berlin") from None


def _read_moment(option: str, text: str, zone: ZoneInfo, *, is_end: bool) -> datetime:
    try:
        if month := _MONTH.fullmatch(text):
            day = date(int(month["year"]), int(month["month"]), 1)
            moment = _midnight(_next_month(day) if is_end else day, zone)
        elif _DAY.fullmatch(text):
            moment = _midnight(date.fromisoformat(text) + timedelta(days=is_end), zone)
        else:
            given = datetime.fromisoformat(text)
            moment = (given if given.tzinfo else given.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        problem = f"{option} {text!r} is no time; write 2026-11, 2026-11-30 or 2026-11-30T18:00"
        raise PeriodProblem(problem) from None
    if moment.year not in _YEARS:
        raise PeriodProblem(f"{option} {text!r} is not in the years {_YEARS[0]} to {_YEARS[-1]}")
    return moment


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of the day. Where the clock jumps over midnight that is when it jumps."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _next_month(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)
