"""What a caller says of remembered answers: the request directives of ``Cache-Control`` (RFC 9111, 5.2.1)."""

from dataclasses import dataclass

from extproc.model.plan import Headers

_MOST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class CacheWish:
    """What the caller wants; nothing said: look, and remember."""

    looks: bool = True
    """False for no-cache and no-store."""
    stores: bool = True
    """False for no-store."""
    max_age_s: float | None = None
    """The oldest answer that is taken."""
    is_only: bool = False
    """only-if-cached: no answer is better than a new one."""


def read_wish(headers: Headers) -> CacheWish:
    """The directives of all ``cache-control`` headers.

    What is unknown or unreadable is ignored, as the RFC says; of a directive given twice the stricter one counts.
    """
    looks, stores, is_only = True, True, False
    oldest: float | None = None
    directives = (
        part.strip(" \t").lower() for name, value in headers if name == "cache-control" for part in value.split(",")
    )
    for directive in directives:
        name, _, argument = directive.partition("=")
        match name:
            case "no-store":
                looks, stores = False, False
            case "no-cache":
                looks = False
            case "only-if-cached":
                is_only = True
            case "max-age":
                age_s = _seconds(argument)
                if age_s is not None:
                    oldest = age_s if oldest is None else min(oldest, age_s)
            case _:
                pass
    return CacheWish(looks, stores, oldest, is_only)


def _seconds(argument: str) -> float | None:
    text = argument.strip('"')
    return float(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None
