"""Spans of time as people type them: ``90d``, ``12h``, ``30m``, ``45s``."""

import re
from typing import Any

import click

_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Duration(click.ParamType[float]):
    """``90d``, ``12h``, ``30m``, ``45s``; seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds; whatever has no unit is refused, but 0."""
        if isinstance(value, float):
            return value
        match = re.fullmatch(r"([0-9]{1,9})([smhd]?)", value, re.ASCII)
        if match is None or (not match[2] and match[1] != "0"):
            self.fail(f"{value!r} is not a duration; write 45s, 30m, 12h or 90d", param, ctx)
        return float(int(match[1]) * _UNIT_S.get(match[2], 1))
