"""Whether to ask something that has failed lately: a circuit breaker.

    closed   asked, until so many failures in a row
    open     not asked, for a while that doubles with each further failure
    then     one question finds out; the others are still refused until it has

Pure: the time is an argument, in seconds on any clock that does not go back.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When it opens, and for how long."""

    failures: int = 3
    """In a row."""
    open_s: float = 1.0
    most_open_s: float = 30.0


@dataclass(slots=True)
class Breaker:
    """Of one dependency."""

    policy: BreakerPolicy = BreakerPolicy()
    failures: int = 0
    """In a row, up to now."""
    open_until_s: float = 0.0
    _is_probing: bool = False

    def may_ask(self, now_s: float) -> bool:
        """Whether to ask now. Whoever is told yes says afterwards how it went."""
        if self.failures < self.policy.failures:
            return True
        if self._is_probing or now_s < self.open_until_s:
            return False
        self._is_probing = True
        return True

    def worked(self) -> None:
        """An answer came."""
        self.failures = 0
        self._is_probing = False

    def failed(self, now_s: float) -> None:
        """None came."""
        self._is_probing = False
        self.failures += 1
        beyond = self.failures - self.policy.failures
        if beyond >= 0:
            pause_s = min(self.policy.open_s * 2 ** min(beyond, 30), self.policy.most_open_s)
            self.open_until_s = now_s + pause_s

    def gave_up(self) -> None:
        """Nobody waited for the end: it tells nothing."""
        self._is_probing = False
