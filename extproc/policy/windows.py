"""When a budget's window begins and ends, and which counters add up to it. Pure; the clock is Redis's."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from extproc.model.limits import Span, Window

ROLLING_PARTS = 60
"""A rolling window is counted in as many parts; the oldest one is forgotten whole."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A window as it stands at one moment. Times are UTC seconds."""

    parts: tuple[str, ...]
    """Names of the counters that add up to it, oldest first; the last one is charged."""
    starts_at_s: float
    ends_at_s: float
    """When the charged part ends: until then a claim may be made on it."""
    resets_at_s: float
    """When something of what is used now is forgotten."""


def window_at(window: Window, now_s: float) -> Moment:
    """The window that ``now_s`` lies in. Days and months are those of its time zone, whatever their length in hours."""
    match window.span:
        case Span.DAY:
            day = _midnight(now_s, window.time_zone)
            return _between(f"{day:%Y-%m-%d}", day, day + timedelta(days=1))
        case Span.MONTH:
            first = _midnight(now_s, window.time_zone).replace(day=1)
            return _between(f"{first:%Y-%m}", first, (first + timedelta(days=32)).replace(day=1))
        case Span.ROLLING:
            return _rolling(window.rolling_s, now_s)


def _midnight(now_s: float, time_zone: str) -> datetime:
    now = datetime.fromtimestamp(now_s, ZoneInfo(time_zone))
    return now.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def _between(name: str, start: datetime, end: datetime) -> Moment:
    # Added on the wall clock: a day with a change of the hour is 23 or 25 hours long.
    ends_at_s = end.astimezone(UTC).timestamp()
    return Moment((name,), start.astimezone(UTC).timestamp(), ends_at_s, ends_at_s)


def _rolling(length_s: int, now_s: float) -> Moment:
    part_s = length_s // ROLLING_PARTS
    index = int(now_s // part_s)
    parts = tuple(f"r{each}" for each in range(index - ROLLING_PARTS + 1, index + 1))
    ends_at_s = (index + 1) * part_s
    return Moment(parts, index * part_s, ends_at_s, ends_at_s)
