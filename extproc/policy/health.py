"""What one deployment's record of attempts comes to: averages that forget, failures in a row, cooldowns.

    ok          failures, cooldown's length and trouble are forgotten, unless it still cools down
    bad         one more in a row; ``allowed_fails`` of them, or one after a cooldown, begin the next, twice as long
    429         cools down at once: as long as the provider said, or as long as after failures
    nobody's    neither

While it cools down, further failures change no length: ten requests that were under way fail together and count as one
trouble. A cooldown's end never moves forward, so the larger of two is always right. Pure; ``redis_health.lua`` does the
same sums in Redis, and ``tests/contracts/test_health.py`` holds the two together. Read next: ``policy.flights``.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from extproc.model.health import Standing, Trouble
from extproc.model.routing import RoutingPolicy

FIRST_TOKEN_HALF_LIFE_S = 30.0
ERROR_HALF_LIFE_S = 60.0
SLOT_S = 10.0
SLOTS = 7
"""Of the last minute: six whole ones, and the part of a seventh."""
MAX_RETRY_AFTER_S = 3600.0
MAX_RUNG = 20
JITTER = 0.2
FORGET_S = 600.0
"""A deployment of which nothing was heard for so long is as one that nobody has tried."""
_LEAST_WEIGHT = 1 / 32
"""Below it, that is five half-lives after a single one, a first token is no recent one."""


class Judgement(StrEnum):
    """What an attempt says about its deployment."""

    OK = "ok"
    BAD = "bad"
    NOBODYS = "nobodys"
    """It ended, and nothing follows from it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of one attempt."""

    judgement: Judgement
    trouble: Trouble = Trouble.FAILURES
    """Of a bad one."""
    retry_after_s: float | None = None
    """The provider's wish, with RATE_LIMITED."""
    first_token_s: float | None = None
    is_last: bool = False
    """Whether the exchange ends with it: answered, or nobody else is asked."""
    is_credential: bool = False
    """Whether the provider did not take the credential."""
    draw: float = 0.5
    """In [0, 1): spreads cooldowns, so that not everybody comes back at once."""


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered of one deployment. Times are UTC seconds."""

    failures: int = 0
    rung: int = 0
    """How many cooldowns there were in a row."""
    cooldown_until_s: float = 0.0
    trouble: Trouble | None = None
    bad: float = 0.0
    judged: float = 0.0
    """Weights of the bad attempts and of all, as of ``faded_at_s``."""
    token_sum_s: float = 0.0
    token_weight: float = 0.0
    faded_at_s: float = 0.0
    probe_until_s: float = 0.0
    """Somebody is finding out, until then at the latest."""
    rejected_at_s: float = 0.0
    """When its credential was last not taken."""
    heard_at_s: float = 0.0
    in_flight: int = 0
    slots: tuple[tuple[int, int, int], ...] = field(default=())
    """(number, requests, tokens) of each ten seconds in which there were any; oldest first."""


UNHEARD = State()


def judged(state: State, verdict: Verdict, at_s: float, policy: RoutingPolicy) -> State:
    """The state after one more attempt."""
    state = _faded(state, at_s)
    is_cooling = at_s < state.cooldown_until_s
    if verdict.is_credential:
        state = replace(state, rejected_at_s=max(state.rejected_at_s, at_s))
    match verdict.judgement:
        case Judgement.NOBODYS:
            return replace(state, probe_until_s=min(state.probe_until_s, at_s))
        case Judgement.OK:
            if verdict.first_token_s is not None:
                state = replace(
                    state, token_sum_s=state.token_sum_s + verdict.first_token_s, token_weight=state.token_weight + 1
                )
            state = replace(state, judged=state.judged + 1)
            return state if is_cooling else replace(state, failures=0, rung=0, trouble=None, probe_until_s=0.0)
        case Judgement.BAD:
            state = replace(state, judged=state.judged + 1, bad=state.bad + 1, failures=state.failures + 1)
            return _blamed(state, verdict, at_s, policy)


def _blamed(state: State, verdict: Verdict, at_s: float, policy: RoutingPolicy) -> State:
    is_cooling = at_s < state.cooldown_until_s
    if verdict.trouble is Trouble.RATE_LIMITED and verdict.retry_after_s is not None:
        # Never before the provider's own time.
        wait_s = min(max(verdict.retry_after_s, 1.0), MAX_RETRY_AFTER_S) * (1 + JITTER * verdict.draw)
        until_s = max(state.cooldown_until_s, at_s + wait_s)
        return replace(state, cooldown_until_s=until_s, trouble=verdict.trouble)
    is_told = verdict.trouble is Trouble.RATE_LIMITED
    if is_cooling or not (is_told or state.trouble is not None or state.failures >= policy.allowed_fails):
        return state
    usual_s = policy.cooldown_s * 2.0**state.rung * (1 - JITTER + 2 * JITTER * verdict.draw)
    return replace(
        state,
        cooldown_until_s=at_s + min(usual_s, policy.max_cooldown_s),
        rung=min(state.rung + 1, MAX_RUNG),
        trouble=verdict.trouble,
    )


def cooled(state: State, until_s: float, trouble: Trouble, rung: int) -> State:
    """The state of whoever hears that it cools down: for a Redis that has forgotten."""
    if until_s <= state.cooldown_until_s:
        return state
    return replace(state, cooldown_until_s=until_s, trouble=trouble, rung=max(state.rung, rung))


def probing(state: State, until_s: float) -> State:
    """Somebody finds out if it works again."""
    return replace(state, probe_until_s=max(state.probe_until_s, until_s))


def used(state: State, requests: int, tokens: int, at_s: float) -> State:
    """The state after requests and tokens were sent to it."""
    number = int(at_s // SLOT_S)
    slots = {slot: (had, spent) for slot, had, spent in state.slots if slot > number - SLOTS}
    had, spent = slots.get(number, (0, 0))
    slots[number] = (had + requests, spent + tokens)
    ordered = tuple((slot, *slots[slot]) for slot in sorted(slots))
    return replace(state, slots=ordered, heard_at_s=max(state.heard_at_s, at_s))


def moved(state: State, by: int) -> State:
    """The state after so many requests came to be under way there, or left."""
    return replace(state, in_flight=state.in_flight + by)


def standing_of(state: State, now_s: float) -> Standing:
    """What there is to know of it now."""
    weight = state.token_weight * _left(now_s - state.faded_at_s, FIRST_TOKEN_HALF_LIFE_S)
    fade = _left(now_s - state.faded_at_s, ERROR_HALF_LIFE_S)
    requests, tokens = _in_minute(state, now_s)
    return Standing(
        first_token_s=state.token_sum_s / state.token_weight if weight >= _LEAST_WEIGHT else None,
        # One failure alone is a rate of one, and fades as if answers came in.
        error_rate=min(1.0, state.bad * fade / max(state.judged * fade, 1.0)),
        failures=state.failures,
        in_flight=max(state.in_flight, 0),
        requests_in_minute=requests,
        tokens_in_minute=tokens,
        cooldown_until_s=state.cooldown_until_s,
        trouble=state.trouble,
    )


def is_forgotten(state: State, now_s: float) -> bool:
    """Whether nothing was heard of it for so long that nothing is known any more."""
    return now_s - max(state.heard_at_s, state.cooldown_until_s) > FORGET_S and state.in_flight <= 0


def _faded(state: State, at_s: float) -> State:
    # What comes late weighs as if it came now: records are seconds late at most.
    age_s = at_s - state.faded_at_s
    errors, tokens = _left(age_s, ERROR_HALF_LIFE_S), _left(age_s, FIRST_TOKEN_HALF_LIFE_S)
    return replace(
        state,
        bad=state.bad * errors,
        judged=state.judged * errors,
        token_sum_s=state.token_sum_s * tokens,
        token_weight=state.token_weight * tokens,
        faded_at_s=max(state.faded_at_s, at_s),
        heard_at_s=max(state.heard_at_s, at_s),
    )


def _left(age_s: float, half_life_s: float) -> float:
    return float(2.0 ** (-max(age_s, 0.0) / half_life_s))


def _in_minute(state: State, now_s: float) -> tuple[int, int]:
    number = int(now_s // SLOT_S)
    oldest = number - SLOTS + 1
    part = 1 - (now_s / SLOT_S - number)
    requests = tokens = 0.0
    for slot, had, spent in state.slots:
        if slot >= oldest:
            weight = part if slot == oldest else 1.0
            requests, tokens = requests + had * weight, tokens + spent * weight
    return round(requests), max(0, round(tokens))
