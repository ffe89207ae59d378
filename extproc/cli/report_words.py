"""How reports write amounts and names, the same in every format. A name can be anything: a caller chose it.

Amounts are whole micro-dollars up to here; all six decimals are written, so that every format says the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from extproc.model.adjustments import SpendAdjustment
from extproc.model.money import MicroUsd
from extproc.model.reports import Figures
from extproc.operations.currency import Conversion
from extproc.operations.periods import Period
from extproc.operations.reports import By, Name

NONE = "(none)"
ADJUSTMENTS = "(adjustments)"
"""Where other lines have a group's name."""
MOST_CHARS = 120
"""Of a name, where people read it; files for programs have all of it."""

_MILLION = 1_000_000
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "|", "%")


@dataclass(frozen=True, slots=True)
class Amount:
    """One column of a report."""

    key: str
    """In files for programs; for money without the currency."""
    title: str
    of: Callable[[Figures], int]
    is_money: bool = False


AMOUNTS = (
    Amount("requests", "requests", lambda each: each.requests),
    Amount("answered", "answered", lambda each: each.answered),
    Amount("cached", "from cache", lambda each: each.cached),
    Amount("refused", "refused", lambda each: each.refused),
    Amount("blocked", "blocked", lambda each: each.blocked),
    Amount("failed", "failed", lambda each: each.failed),
    Amount("abandoned", "abandoned", lambda each: each.abandoned),
    Amount("failovers", "failovers", lambda each: each.failovers),
    Amount("estimated", "estimated", lambda each: each.estimated),
    Amount("unpriced", "unpriced", lambda each: each.unpriced),
    Amount("input_tokens", "input tokens", lambda each: each.input_tokens),
    Amount("cached_tokens", "cached input", lambda each: each.cached_tokens),
    Amount("output_tokens", "output tokens", lambda each: each.output_tokens),
    Amount("reasoning_tokens", "reasoning", lambda each: each.reasoning_tokens),
    Amount("saved", "cache savings", lambda each: each.saved_micro_usd, is_money=True),
    Amount("estimated_cost", "estimated cost", lambda each: each.estimated_micro_usd, is_money=True),
    Amount("cost", "cost", lambda each: each.micro_usd, is_money=True),
)
"""Every figure, in the order in which they are shown."""


def six_decimals(millionths: int) -> str:
    """``1234.567890``, for programs."""
    sign = "-" if millionths < 0 else ""
    whole, rest = divmod(abs(millionths), _MILLION)
    return f"{sign}{whole}.{rest:06d}"


def for_people(millionths: int) -> str:
    """``1,234.567890``."""
    whole, _, rest = six_decimals(millionths).partition(".")
    return f"{int(whole):,}.{rest}" if whole != "-0" else f"-0.{rest}"


def in_cents(millionths: int) -> str:
    """``1,234.57``: for a headline; the exact amount stands elsewhere."""
    return for_people((millionths + 5_000) // 10_000 * 10_000)[:-4]


def converted(amount: int, conversion: Conversion | None) -> int:
    """Millionths of the other currency; of the dollar without one."""
    return amount if conversion is None else conversion.convert(MicroUsd(amount))


def said(by: By, name: Name, keys: Mapping[str, str] | None = None) -> str:
    """A group's name in one line, a key's with what ``keys`` call it; ``(none)`` where it is not known."""
    text = (", " if by in {By.TAG, By.FEATURE} else "/").join(name)
    called = key_name(by, name, keys or {})
    return (f"{text} {called}" if called else text) or NONE


def key_name(by: By, name: Name, keys: Mapping[str, str]) -> str:
    """What the directory calls the key of a group; empty: it is none, or not known."""
    return keys.get(name[0], "") if by is By.KEY and name else ""


def adjustment_words(each: SpendAdjustment, period: Period) -> str:
    """One adjustment in one line."""
    at = period.local(datetime.fromtimestamp(each.at_s, UTC))
    whose = "/".join(name for name in (each.organisation, each.team, each.project, each.key) if name)
    of = "".join(f", {name}" for name in (each.model, each.deployment) if name)
    return f"{each.id}: {for_people(each.micro_usd)} USD, {at:%Y-%m-%d %H:%M}, {whose}{of}: {each.reason}"


def printable(text: str) -> str:
    """The text without what could steer a terminal, reverse a line or break it: such characters are spelled out."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def short(text: str) -> str:
    """Printable, and not longer than people read."""
    text = printable(text[: MOST_CHARS + 1])
    return text if len(text) <= MOST_CHARS else text[:MOST_CHARS] + "…"


def for_spreadsheet(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: those get a leading ``'`` (OWASP, "CSV Injection")."""
    text = printable(text)
    return "'" + text if text.lstrip(" '\"").startswith(_FORMULA) else text


def period_words(period: Period) -> str:
    """From when until when, on the zone's wall clock."""
    start, end = (period.local(at) for at in (period.starts_at, period.ends_at))
    return f"{start:%Y-%m-%d %H:%M} up to {end:%Y-%m-%d %H:%M} ({period.zone})"


def currency_note(conversion: Conversion, rounding: str) -> str:
    """At which rate amounts were converted, and how."""
    return f"1 USD = {conversion.rate} {conversion.code}, a rate stated by whoever asked for the report; {rounding}."
