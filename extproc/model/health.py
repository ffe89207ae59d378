"""How a deployment is doing, as all workers together see it."""

from dataclasses import dataclass
from enum import StrEnum


class Trouble(StrEnum):
    """Why a deployment is left alone for a while."""

    FAILURES = "failures"
    """Too many failures in a row."""
    RATE_LIMITED = "rate_limited"
    """The provider said when to come again."""
    REJECTED = "rejected"
    """The provider does not take our credential."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one deployment at one moment. The default is what nobody has tried yet."""

    first_token_s: float | None = None
    """Average time to the first token, recent requests weighing most; None: no recent request."""
    error_rate: float = 0.0
    """Share of recent attempts that failed, 0 to 1, recent ones weighing most."""
    failures: int = 0
    """In a row, up to now."""
    in_flight: int = 0
    """Requests under way, over all workers."""
    requests_in_minute: int = 0
    tokens_in_minute: int = 0
    """Of the last sixty seconds, over all workers."""
    cooldown_until_s: float = 0.0
    """UTC seconds; in the past: it may be tried."""
    trouble: Trouble | None = None
    """Why it cooled down last; None after a success."""

    def is_cooling(self, now_s: float) -> bool:
        """Whether it is to be left alone."""
        return now_s < self.cooldown_until_s

    def is_unproven(self, now_s: float) -> bool:
        """Whether its cooldown is over and nobody knows yet if it helped: half-open."""
        return self.trouble is not None and not self.is_cooling(now_s)


FRESH = Standing()
