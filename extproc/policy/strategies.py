"""How a group's deployments are put in order: one function for each ``Strategy``, from what health says of them.

Chance enters through ``draw`` alone, so that an order can be made again from the same numbers. Every worker decides for
itself from news that is up to a second old; what keeps them from all running to the same deployment is chance, and the
share of its connections that is in use. Read next: ``route``, which puts groups one behind the other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, log

from extproc.model.health import Standing
from extproc.model.routing import Needs, Strategy
from extproc.policy.eligible import Eligible

Draw = Callable[[], float]
"""Numbers in [0, 1)."""

_LEAST_SHARE = 0.01
"""What a deployment that fails always, or is full, is still taken to serve: scores stay finite and comparable."""
_CLEARLY = 1.2
"""How many times longer another must take to be slower. Less is noise, and all workers would follow it."""
_USUAL_OUTPUT_TOKENS = 500
"""Taken for the answer where the request sets no lower limit: few answers are as long as they may be."""


@dataclass(frozen=True, slots=True)
class Contender:
    """An eligible deployment and how it is doing."""

    eligible: Eligible
    standing: Standing
    is_unproven: bool

    @property
    def is_cold(self) -> bool:
        """Whether there is nothing recent to judge its speed by. What was known before a cooldown is not."""
        return self.is_unproven or self.standing.first_token_s is None

    @property
    def error_rate(self) -> float:
        """Held against it; the past of an unproven one is what it was left alone for, and no more."""
        return 0.0 if self.is_unproven else self.standing.error_rate

    @property
    def load(self) -> float:
        """The share of its connections that is in use; above 1 when more wait."""
        return self.standing.in_flight / self.eligible.deployment.max_connections


def arrange(strategy: Strategy, contenders: Sequence[Contender], needs: Needs, draw: Draw) -> list[Contender]:
    """The same contenders, first choice first."""
    if strategy is Strategy.LATENCY:
        return _by_latency(contenders, draw)
    key = _KEYS[strategy]
    # By index last: contenders cannot be compared, and equals that are not shuffled stay as listed.
    rated = [(key(each, needs, draw), index, each) for index, each in enumerate(contenders)]
    return [each for _, _, each in sorted(rated, key=lambda entry: entry[:2])]


def describe(strategy: Strategy, contender: Contender, needs: Needs) -> str:
    """What the strategy went by, in words."""
    standing, eligible = contender.standing, contender.eligible
    match strategy:
        case Strategy.LATENCY if contender.is_cold:
            return "no recent request to go by"
        case Strategy.LATENCY:
            return f"{standing.first_token_s:.2f} s to the first token, {_state(contender)}"
        case Strategy.LEAST_BUSY:
            return _state(contender)
        case Strategy.WEIGHTED:
            return f"weight {eligible.member.weight}"
        case Strategy.COST:
            cost = _cost_nano_usd(contender, needs)
            return "no price" if cost == inf else f"about {cost:.0f} nano-USD"
        case Strategy.PRIORITY:
            return ("within its reserved capacity", "as listed", "beyond its reserved capacity")[
                _tier(contender, needs)
            ]


def _state(contender: Contender) -> str:
    connections = contender.eligible.deployment.max_connections
    return f"{contender.standing.in_flight} of {connections} connections in use, {contender.error_rate:.0%} failures"


# -- latency ------------------------------------------------------------------------------------------------------


def _by_latency(contenders: Sequence[Contender], draw: Draw) -> list[Contender]:
    """The quicker of two drawn at random, then the others by what they promise.

    Whoever is quickest is in no more than 2 of n draws. One that is cold is taken to be as quick as the quickest, or it
    would never be tried, and yet wins only every second of its draws against one that is known: 1 of n requests go to
    it, until the first answers tell what it is worth.
    """
    quickest_s = min((each.standing.first_token_s or 0.0 for each in contenders if not each.is_cold), default=1.0)
    rated = sorted((_promise_s(each, quickest_s), draw(), index) for index, each in enumerate(contenders))
    ranked = [contenders[index] for _, _, index in rated]
    if len(ranked) > 1:
        one, other = _two_of(len(ranked), draw)
        better, worse = min(one, other), max(one, other)
        is_toss = (ranked[better].is_cold and not ranked[worse].is_cold) or (
            rated[worse][0] <= rated[better][0] * _CLEARLY
        )
        ranked.insert(0, ranked.pop(one if is_toss else better))
    return ranked


def _promise_s(contender: Contender, quickest_s: float) -> float:
    """The time to a first token, were every failure and every connection in use to make it longer in proportion."""
    known_s = None if contender.is_cold else contender.standing.first_token_s
    works = max(1.0 - contender.error_rate, _LEAST_SHARE)
    free = max(1.0 - contender.load, _LEAST_SHARE)
    return (quickest_s if known_s is None else known_s) / (works * free)


def _two_of(count: int, draw: Draw) -> tuple[int, int]:
    """Two different ones, either of them first."""
    one, other = int(draw() * count), int(draw() * (count - 1))
    return one, other + (other >= one)


# -- the others ---------------------------------------------------------------------------------------------------


def _busyness(contender: Contender, needs: Needs, draw: Draw) -> tuple[float, float]:
    # Whoever fails at once is never busy: failures count as connections in use.
    del needs
    return contender.load + contender.error_rate, draw()


def _lot(contender: Contender, needs: Needs, draw: Draw) -> tuple[float, float]:
    # Sampling without replacement: the smallest of exponential variables with these rates comes first (Efraimidis and
    # Spirakis, "Weighted random sampling with a reservoir", 2006).
    del needs
    weight = contender.eligible.member.weight
    return (-log(1.0 - draw()) / weight if weight else inf), 0.0


def _expense(contender: Contender, needs: Needs, draw: Draw) -> tuple[float, float]:
    return _cost_nano_usd(contender, needs), draw()


def _cost_nano_usd(contender: Contender, needs: Needs) -> float:
    price = contender.eligible.deployment.price
    if price is None:
        return inf
    tokens = needs.input_tokens * price.input_nano_usd + _expected_output(needs) * price.output_nano_usd
    return tokens + price.request_nano_usd


def _rank(contender: Contender, needs: Needs, draw: Draw) -> tuple[float, float]:
    del draw
    return float(_tier(contender, needs)), 0.0


def _tier(contender: Contender, needs: Needs) -> int:
    """0: within its reserved capacity, this request included. 1: has none reserved. 2: beyond it."""
    reserved, standing = contender.eligible.member.reserved, contender.standing
    if reserved is None:
        return 1
    tokens = standing.tokens_in_minute + needs.input_tokens + _expected_output(needs)
    requests = standing.requests_in_minute + 1
    is_within = requests <= _or_inf(reserved.requests_per_minute) and tokens <= _or_inf(reserved.tokens_per_minute)
    return 0 if is_within else 2


def _expected_output(needs: Needs) -> int:
    return _USUAL_OUTPUT_TOKENS if needs.output_tokens is None else min(needs.output_tokens, _USUAL_OUTPUT_TOKENS)


def _or_inf(limit: int | None) -> float:
    return inf if limit is None else limit


_KEYS: dict[Strategy, Callable[[Contender, Needs, Draw], tuple[float, float]]] = {
    Strategy.LEAST_BUSY: _busyness,
    Strategy.WEIGHTED: _lot,
    Strategy.COST: _expense,
    Strategy.PRIORITY: _rank,
}
