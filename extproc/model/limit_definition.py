"""A limit in the words of ``gateway.yaml``, as it is stored, compared and shown: limit ⇄ plain values of JSON.

    {"scope": {"organisation": "acme", "each": "key"}, "amount_usd": "2500", "window": "month", …}

Money is a decimal text, never a float. Writing what was read gives the same again: equal limits, equal definitions.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from extproc.model.limits import Budget, Level, Limit, LimitId, Rate, Scope, Span, Unit, Window

Definition = Mapping[str, object]

MICRO_PER_USD = 1_000_000
_UNIT_S = {"m": 60, "h": 3600, "d": 86_400}
_RATES = ("requests_per_minute", "tokens_per_minute", "concurrent")
_NAMED = ("team", "project", "key", "model")


class DefinitionInvalid(ValueError):  # noqa: N818 - reads as a claim
    """It defines no limit that this version knows."""


def write_limit(limit: Limit) -> dict[str, object]:
    """The definition: in the order of the file, and without what is not said. The id is not part of it."""
    scope = limit.scope
    named = {name: value for name in _NAMED if (value := getattr(scope, name)) is not None}
    each = {} if scope.each is None else {"each": scope.each.value}
    said: dict[str, object] = {"scope": {"organisation": scope.organisation, **named, **each}}
    if isinstance(limit, Rate):
        return said | {name: value for name in _RATES if (value := getattr(limit, name)) is not None}
    money = limit.unit is Unit.MICRO_USD
    return (
        said
        | ({"amount_usd": write_usd(limit.amount)} if money else {"tokens": limit.amount})
        | {"window": _write_window(limit.window)}
        | ({} if limit.window.span is Span.ROLLING else {"time_zone": limit.window.time_zone})
        | {"hard": limit.is_hard, "alert_at": [percent / 100 for percent in limit.alert_percents]}
    )


def read_limit(identity: str, definition: Definition) -> Limit:
    """The limit that a definition is of: one with a window is a budget, any other a rate.

    Raises:
        DefinitionInvalid: it defines none.
    """
    try:
        scope = _read_scope(definition["scope"])
        if "window" not in definition:
            return Rate(LimitId(identity), scope, *(_read_count(definition.get(name)) for name in _RATES))
        is_money = definition.get("amount_usd") is not None
        amount = read_usd(definition["amount_usd"]) if is_money else _read_count(definition["tokens"])
        percents = {_read_percent(share) for share in _list(definition.get("alert_at", [0.8, 1.0]))}
        return Budget(
            id=LimitId(identity),
            scope=scope,
            unit=Unit.MICRO_USD if is_money else Unit.TOKENS,
            amount=amount or 0,
            window=_read_window(str(definition["window"]), definition.get("time_zone")),
            is_hard=bool(definition.get("hard", True)),
            alert_percents=tuple(sorted(percents)),
        )
    except (KeyError, TypeError, ValueError, InvalidOperation) as problem:
        raise DefinitionInvalid(f"{identity}: {type(problem).__name__}") from problem


def write_usd(micro_usd: int) -> str:
    """Micro-USD as USD, exactly, without needless zeros: ``2500``, ``0.25``, ``-0.000001``."""
    whole, rest = divmod(abs(micro_usd), MICRO_PER_USD)
    decimals = f".{rest:06}".rstrip("0") if rest else ""
    return f"{'-' if micro_usd < 0 else ''}{whole}{decimals}"


def read_usd(usd: object) -> int:
    """USD as micro-USD, exactly.

    Raises:
        ValueError, InvalidOperation: it is no number, or has more than six decimals.
    """
    micro_usd = Decimal(str(usd)) * MICRO_PER_USD
    if micro_usd != micro_usd.to_integral_value():
        raise ValueError("more than six decimals")
    return int(micro_usd)


def _read_scope(said: object) -> Scope:
    if not isinstance(said, Mapping):
        raise TypeError("scope")
    each = said.get("each")
    team, project, key, model = (None if (value := said.get(name)) is None else str(value) for name in _NAMED)
    return Scope(str(said["organisation"]), team, project, key, model, None if each is None else Level(each))


def _read_count(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise TypeError("count")


def _read_percent(share: object) -> int:
    if isinstance(share, (int, float, Decimal)):
        return round(float(share) * 100)
    raise TypeError("share")


def _list(value: object) -> list[object]:
    if isinstance(value, list):
        return value
    raise TypeError("list")


def _read_window(text: str, time_zone: object) -> Window:
    if text in {Span.DAY, Span.MONTH}:
        return Window(Span(text), "UTC" if time_zone is None else str(time_zone))
    return Window(Span.ROLLING, rolling_s=int(text[:-1]) * _UNIT_S[text[-1:]])


def _write_window(window: Window) -> str:
    if window.span is not Span.ROLLING:
        return window.span.value
    length_s = window.rolling_s
    # Days only from two on: 24h is how people say it.
    unit = (
        "d"
        if length_s % _UNIT_S["d"] == 0 and length_s > _UNIT_S["d"]
        else "h"
        if length_s % _UNIT_S["h"] == 0
        else "m"
    )
    return f"{length_s // _UNIT_S[unit]}{unit}"
