"""What limits must be, told without them: every exchange, the ledger, and what each counter and bucket must be.

Read next: ``budget_checks`` for what is compared with Redis, and ``budget_histories`` for what happens.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import redis

from extproc.model.ids import ExchangeId
from extproc.model.limits import Baseline, Charge, Claim, Rank, Settlement

ORGANISATIONS = ("acme", "b")
LIMITS = {"team": 1_600, "day": 800, "rolling": 1_000, "soft": 300}
AT_A_TIME = 4
TOKENS = {"key": 2_000, "all": 3_000}
REQUESTS = 600

Rows = dict[ExchangeId, tuple[int, tuple[str, ...]]]


class Step(IntEnum):
    """How far an exchange came."""

    RESERVED = 1
    ESTIMATED = 2
    """The journal settled it at all that was held; delivery's word comes later."""
    SETTLED = 3
    WRITTEN = 4
    CONFIRMED = 5
    GONE = 6
    """Voided, or its worker died: nothing more comes of it."""


@dataclass(slots=True)
class Exchange:
    """One, as its worker remembers it."""

    id: ExchangeId
    organisation: str
    claim: Claim
    amount: int
    """What it will have used."""
    parts: tuple[str, ...]
    """Those of the windows in which it was reserved (I8)."""
    step: Step = Step.RESERVED
    is_held: bool = True
    told: int = 0
    """What Redis was told to charge."""

    @property
    def held(self) -> int:
        return self.claim.counters[0].amount


@dataclass(slots=True)
class Books:
    """The ledger: amount and charged parts of each row, by organisation."""

    rows: dict[str, Rows] = field(default_factory=lambda: {name: {} for name in ORGANISATIONS})

    def total(self, organisation: str, part: str) -> int:
        return sum(amount for amount, parts in self.rows[organisation].values() if part in parts)

    async def baselines(self, organisation: str, parts: Sequence[str]) -> dict[str, Baseline]:
        rows = self.rows[organisation]
        return {
            part: Baseline(
                self.total(organisation, part),
                tuple((rid, amount) for rid, (amount, charged) in rows.items() if part in charged),
            )
            for part in parts
        }


@dataclass(frozen=True, slots=True)
class Kept:
    """A counter as Redis has it."""

    used: int
    held: int
    generation: bytes


@dataclass(slots=True, kw_only=True)
class Model:
    """One history, as it must have come out in Redis."""

    admin: "redis.Redis"
    books: Books
    exchanges: list[Exchange] = field(default_factory=list)
    parts: dict[str, dict[str, None]] = field(default_factory=lambda: {name: {} for name in ORGANISATIONS})
    """All that were ever named, in order."""
    turn: int = 10
    began_ms: float = 0.0
    snapshot: dict[bytes, bytes] | None = None
    is_faulty: bool = False
    """Redis has lost something: it may be behind the model until it is told again."""
    must_repair: bool = False
    """It lost a mark of what was settled, so what is told again may be charged again: for ``reconcile`` to repair."""
    falls: int = 0
    """By how much this operation may let a counter fall: a correction, under an id of its own (I7)."""
    overdrawn: int = 0
    """What was billed beyond what was held, or after the hold had run out: it is charged all the same."""
    taken: dict[tuple[str, str], int] = field(default_factory=dict)
    """Tokens that each bucket gave and did not get back."""
    asked: dict[str, int] = field(default_factory=dict)

    def window(self) -> dict[str, tuple[str, ...]]:
        rolling = tuple(f"r{part}" for part in range(self.turn - 2, self.turn + 1))
        return {"team": ("team",), "day": (f"day{self.turn // 3}",), "rolling": rolling, "soft": ("soft",)}

    def used(self, organisation: str, part: str) -> int:
        """As Redis was told by now."""
        mine = (each for each in self.exchanges if each.organisation == organisation and part in each.parts)
        corrected = sum(
            amount
            for rid, (amount, parts) in self.books.rows[organisation].items()
            if rid.startswith("adjusts-") and part in parts
        )
        return sum(each.told for each in mine) + corrected

    def held(self, organisation: str, part: str) -> int:
        mine = (each for each in self.exchanges if each.organisation == organisation and part in each.parts)
        return sum(each.held for each in mine if each.is_held)

    def take(self, organisation: str, amount: int) -> None:
        for name in TOKENS:
            self.taken[organisation, name] = self.taken.get((organisation, name), 0) + amount

    def give_back(self, exchange: Exchange, used: int) -> None:
        """It is no longer held; what of its tokens was not used goes back, if it still was."""
        if exchange.is_held:
            self.take(exchange.organisation, used - exchange.held)
        exchange.is_held = False


def bill(exchange: Exchange, amount: int, rank: Rank) -> Settlement:
    charges = tuple(Charge(part, amount) for part in exchange.parts)
    return Settlement(exchange.id, exchange.organisation, charges, tuple(TOKENS), amount, rank)


def now_ms(admin: "redis.Redis") -> float:
    seconds, micros = admin.time()
    return float(seconds * 1000 + micros / 1000)
