"""Which attempt each exchange is at, from facts that come in any order, twice, or never.

A fact becomes steps, each about one deployment: one more under way there, one attempt judged. What was said before is
said no second time, whoever says it: Envoy's record and delivery's are about one attempt, and a batch may come twice.
A seat is kept a little longer than its exchange, so that facts that are late find it; one whose end was never heard of
is given up at its deadline. Pure; ``redis_health.lua`` keeps the same seats for all workers.
"""

from dataclasses import dataclass, field
from typing import assert_never

from extproc.model.health import Trouble
from extproc.model.ids import DeploymentName, ExchangeId
from extproc.policy.health import Verdict

KEEP_S = 15.0
"""How long a seat outlasts its exchange: above Envoy's longest delay of a journal batch."""


@dataclass(frozen=True, slots=True)
class Started:
    """An exchange was sent off along this plan."""

    exchange: ExchangeId
    plan: tuple[DeploymentName, ...]
    tokens: int
    """Estimate of its input."""
    deadline_s: float
    """UTC seconds; by then it is over, whether it was heard of or not."""
    at_s: float


@dataclass(frozen=True, slots=True)
class Ended:
    """One attempt of it ended."""

    exchange: ExchangeId
    deployment: DeploymentName
    verdict: Verdict
    at_s: float


@dataclass(frozen=True, slots=True)
class Metered:
    """The provider counted these tokens, input and output."""

    exchange: ExchangeId
    deployment: DeploymentName
    tokens: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Finished:
    """The exchange is over."""

    exchange: ExchangeId
    at_s: float


@dataclass(frozen=True, slots=True)
class Probing:
    """Somebody finds out if the deployment works again, until then at the latest."""

    deployment: DeploymentName
    until_s: float
    at_s: float


@dataclass(frozen=True, slots=True)
class Cooling:
    """Somebody remembers a cooldown that may have been forgotten elsewhere."""

    deployment: DeploymentName
    until_s: float
    trouble: Trouble
    rung: int
    at_s: float


Fact = Started | Ended | Metered | Finished | Probing | Cooling


@dataclass(frozen=True, slots=True)
class Moved:
    """So many more are under way; fewer where negative."""

    deployment: DeploymentName
    by: int


@dataclass(frozen=True, slots=True)
class Used:
    """Requests and tokens that were sent to it."""

    deployment: DeploymentName
    requests: int
    tokens: int
    at_s: float


Step = Moved | Used | Ended | Probing | Cooling


@dataclass(slots=True)
class _Seat:
    deadline_s: float
    plan: tuple[DeploymentName, ...] = ()
    tokens: int = 0
    sent: set[DeploymentName] = field(default_factory=set)
    """Where the request and its estimate were counted."""
    left: set[DeploymentName] = field(default_factory=set)
    metered: set[DeploymentName] = field(default_factory=set)
    is_over: bool = False

    @property
    def current(self) -> DeploymentName | None:
        """Where it is: the first of its plan that it has not left."""
        return None if self.is_over else next((each for each in self.plan if each not in self.left), None)


class Flights:
    """The seats of the exchanges under way, and of those that were a moment ago."""

    __slots__ = ("_most", "_seats")

    def __init__(self, most: int = 10_000) -> None:
        """``most`` seats are kept; beyond that the oldest is given up unheard."""
        self._seats: dict[ExchangeId, _Seat] = {}
        self._most = most

    def __len__(self) -> int:
        return len(self._seats)

    def take(self, fact: Fact) -> list[Step]:
        """What follows from the fact; nothing where it was known."""
        match fact:
            case Probing() | Cooling():
                return [fact]
            case Started():
                return _begin(self._seat(fact.exchange, fact.at_s), fact)
            case Ended():
                return _leave(self._seat(fact.exchange, fact.at_s), fact)
            case Metered():
                return _meter(self._seat(fact.exchange, fact.at_s), fact)
            case Finished():
                seat = self._seat(fact.exchange, fact.at_s)
                before = seat.current
                _end(seat, fact.at_s)
                return _move(seat, before, fact.at_s)
            case _:
                assert_never(fact)

    def give_up(self, now_s: float) -> list[Step]:
        """Forget the seats whose time has come."""
        steps: list[Step] = []
        for exchange in [exchange for exchange, seat in self._seats.items() if seat.deadline_s <= now_s]:
            at = self._seats.pop(exchange).current
            if at is not None:
                steps.append(Moved(at, -1))
        return steps

    def _seat(self, exchange: ExchangeId, at_s: float) -> _Seat:
        seat = self._seats.get(exchange)
        if seat is None:
            seat = self._seats[exchange] = _Seat(at_s + KEEP_S)
            if len(self._seats) > self._most:
                del self._seats[next(iter(self._seats))]
        return seat


def _begin(seat: _Seat, fact: Started) -> list[Step]:
    if seat.plan:
        return []
    seat.plan, seat.tokens = fact.plan, fact.tokens
    if not seat.is_over:
        seat.deadline_s = fact.deadline_s
    # What was left before the beginning was heard of, and what it is at now, was sent a request.
    sent = [each for each in fact.plan if each in seat.left]
    if seat.current is not None:
        sent.append(seat.current)
    elif not sent:
        sent = [fact.plan[0]]
    steps: list[Step] = [_send(seat, each, fact.at_s) for each in sent]
    return steps if seat.current is None else [*steps, Moved(seat.current, 1)]


def _leave(seat: _Seat, fact: Ended) -> list[Step]:
    if fact.deployment in seat.left:
        return []
    before = seat.current
    seat.left.add(fact.deployment)
    if fact.verdict.is_last:
        _end(seat, fact.at_s)
    return [fact, *_move(seat, before, fact.at_s)]


def _meter(seat: _Seat, fact: Metered) -> list[Step]:
    if fact.deployment in seat.metered:
        return []
    seat.metered.add(fact.deployment)
    # The estimate was counted when it was sent there.
    estimate = seat.tokens if fact.deployment in seat.sent else 0
    return [Used(fact.deployment, 0, fact.tokens - estimate, fact.at_s)]


def _end(seat: _Seat, at_s: float) -> None:
    if not seat.is_over:
        seat.is_over = True
        seat.deadline_s = at_s + KEEP_S


def _move(seat: _Seat, before: DeploymentName | None, at_s: float) -> list[Step]:
    now = seat.current
    if before is None or before == now:
        return []
    if now is None:
        return [Moved(before, -1)]
    return [Moved(before, -1), Moved(now, 1), _send(seat, now, at_s)]


def _send(seat: _Seat, to: DeploymentName, at_s: float) -> Used:
    seat.sent.add(to)
    return Used(to, 1, 0 if to in seat.metered else seat.tokens, at_s)
