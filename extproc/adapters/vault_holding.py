"""One source as it is held in memory: its values, how long they may be used, and when to see to it again.

Nothing here asks anybody. ``vault`` does, and writes down here what it was told.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from extproc.adapters.vault_answers import Fields, Lease, name_of
from extproc.adapters.vault_session import Answer, Token, is_short, renew_after_s
from extproc.model.catalog import CredentialRef
from extproc.model.credentials import ACCESS_TOKEN, Engine, Source
from extproc.model.refusals import Unavailable
from extproc.model.secret import Secret
from extproc.model.vault_state import SourceState

_FIRST_RETRY_S = 1.0
_NEVER_S = float("-inf")
_FOREVER_S = float("inf")


@dataclass(slots=True)
class Pace:
    """When something is due. A clock that was set back makes everything due: better once too often."""

    due_at_s: float = _NEVER_S
    _set_at_s: float = _NEVER_S
    _retry_s: float = _FIRST_RETRY_S

    def is_due(self, now_s: float) -> bool:
        """Whether it is time."""
        return now_s >= self.due_at_s or now_s < self._set_at_s

    def done(self, now_s: float, next_in_s: float) -> None:
        """It went well."""
        self.due_at_s, self._set_at_s, self._retry_s = now_s + next_in_s, now_s, _FIRST_RETRY_S

    def failed(self, now_s: float, most_s: float, jitter: Callable[[], float]) -> None:
        """It did not: again after one second, then two, and so on."""
        wait_s = min(self._retry_s, most_s)
        self.due_at_s, self._set_at_s = now_s + wait_s * (0.8 + 0.4 * jitter()), now_s
        self._retry_s = min(2 * wait_s, most_s) if wait_s < most_s else self._retry_s

    def hurry(self) -> None:
        """Make it due."""
        self.due_at_s, self._retry_s = _NEVER_S, _FIRST_RETRY_S


@dataclass(slots=True, eq=False)
class Holding:
    """One source. All of ``values`` are of one reading, and are replaced together."""

    source: Source
    refs: tuple[CredentialRef, ...]
    values: dict[str, Secret] = field(default_factory=dict)
    """What is given out, by field."""
    fields: Fields = field(default_factory=dict)
    """What the vault said last; a token is minted from it."""
    lease: Lease | None = None
    token: Token | None = None
    """The login under which it was leased: it ends with it."""
    read_at_s: float = _NEVER_S
    issued_at_s: float = _NEVER_S
    lease_ends_at_s: float = _FOREVER_S
    minted_ends_at_s: float = _NEVER_S
    reading: Pace = field(default_factory=Pace)
    minting: Pace = field(default_factory=Pace)
    read_trouble: Unavailable | None = None
    mint_trouble: Unavailable | None = None
    is_told: bool = False
    """Whether a trouble of its own is in the log."""
    must_issue: bool = False
    """Whether the lease is to be replaced, however much life it has."""
    forced_at_s: float = _NEVER_S
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def name(self) -> str:
        """How people call it."""
        return name_of(self.source, self.refs)

    @property
    def trouble(self) -> str:
        """Why the last try failed; empty: it did not."""
        trouble = self.read_trouble or self.mint_trouble
        return "" if trouble is None else trouble.reason

    def usable_until_s(self, max_stale_s: float) -> float:
        """When its values must not be used any more, if nothing more is heard."""
        if not self.values:
            return _NEVER_S
        confirmed_s = self.read_at_s + max_stale_s if self.source.engine is Engine.KV else _FOREVER_S
        if self.source.mint is not None:
            # What the vault leased only made the token, which lives by itself.
            return min(confirmed_s, self.minted_ends_at_s)
        return min(confirmed_s, self.lease_ends_at_s)

    def is_mint_due(self, now_s: float, *, is_forced: bool) -> bool:
        """Whether a token is to be made now: there must be something to make it of."""
        return self.source.mint is not None and bool(self.fields) and (is_forced or self.minting.is_due(now_s))

    def due_at_s(self) -> float:
        """When the next thing is due."""
        return min(self.reading.due_at_s, self.minting.due_at_s if self.source.mint is not None else _FOREVER_S)

    def take(
        self, answer: Answer, fields: Fields, lease: Lease | None, values: dict[str, Secret], refresh_in_s: float
    ) -> bool:
        """A new reading; the next after ``refresh_in_s``. Says whether it differs from the one before."""
        is_new = fields != self.fields
        if is_new:
            self.fields = fields
            self.minting.hurry()
        if self.source.mint is None:
            self.values = values
        self.lease, self.token = lease, answer.token
        self.read_at_s = self.issued_at_s = answer.asked_at_s
        self.lease_ends_at_s = _FOREVER_S if lease is None else answer.asked_at_s + _careful(lease.life_s)
        self.must_issue = False
        self.reading.done(answer.asked_at_s, refresh_in_s)
        return is_new

    def extend(self, renewed: Lease, asked_at_s: float, first: Lease, jitter: Callable[[], float]) -> bool:
        """More life for the lease. False where it is so little that a new lease is better."""
        self.lease_ends_at_s = asked_at_s + _careful(renewed.life_s)
        self.read_at_s = asked_at_s
        if is_short(renewed.life_s, first.life_s):
            return False
        self.reading.done(asked_at_s, renew_after_s(renewed.life_s, jitter))
        return True

    def take_token(self, token: Secret, life_s: float, asked_at_s: float, jitter: Callable[[], float]) -> None:
        """A token was minted from ``fields``."""
        self.values = {ACCESS_TOKEN: token}
        self.minted_ends_at_s = asked_at_s + _careful(life_s)
        self.minting.done(asked_at_s, renew_after_s(life_s, jitter))

    def state(self, max_stale_s: float) -> SourceState:
        """What may be shown of it."""
        until_s = self.usable_until_s(max_stale_s)
        end_s = self.lease_ends_at_s if self.source.mint is None else self.minted_ends_at_s
        return SourceState(
            source=self.source,
            read_at_s=_finite(self.read_at_s),
            ends_at_s=_finite(end_s),
            usable_until_s=_finite(until_s),
            is_renewable=self.lease is not None and self.lease.is_renewable,
            trouble=self.trouble,
        )


def _careful(life_s: float) -> float:
    """A life less the time that a request is under way with it."""
    return life_s - min(5.0, life_s * 0.05)


def _finite(time_s: float) -> float | None:
    return time_s if _NEVER_S < time_s < _FOREVER_S else None
