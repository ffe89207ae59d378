"""Holds what a request may use before anything of it is sent, and says what is left.

    plan ──estimate──> claim ──reserve──> Held ──> Go       denied: 429       unreachable: closed 503, open owed

Where no limit is for the caller nobody is asked. Read next: ``policy.reserve`` for claims, ``policy.closing`` for ends.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import ceil

from extproc.exchange.counting import Counting
from extproc.model.catalog import Deployment, Operation
from extproc.model.chat import ModelRequest
from extproc.model.exchange import HeldCounter, Hold
from extproc.model.ids import ExchangeId
from extproc.model.ledger import LedgerRow
from extproc.model.limits import Budget, Claim, Denied, Estimate, Left, LimitId, Outage, Reservation, Shortage, Unit
from extproc.model.money import MicroUsd
from extproc.model.plan import Headers
from extproc.model.refusals import INSUFFICIENT_QUOTA, RATE_LIMIT_EXCEEDED, Refusal, Unavailable
from extproc.policy.allowance import Allowances
from extproc.policy.estimate import Ask, clamp, estimate_ask, read_ask
from extproc.policy.money_ports import Budgets
from extproc.policy.price import most
from extproc.policy.reserve import Asker, Limits, make_claim

HOLD_S = 60.0
"""How long a hold lasts beyond what its attempts may take before delivery, which extends it, hears of one."""


@dataclass(frozen=True, slots=True)
class SpendingDesk:
    """What holding asks of the world."""

    limits: Callable[[], Limits]
    budgets: Budgets
    outage_of: Callable[[str], Outage]
    """An organisation's policy while its limits cannot be asked."""
    allowances: Allowances
    """What this worker may let pass meanwhile."""
    note: Callable[[LedgerRow], None] = lambda _: None
    """The ledger, for what is refused here; never waits."""
    is_full: Callable[[], bool] = lambda: False
    """Whether there is no place left to record what is let pass."""
    counting: Counting = field(default_factory=Counting)


@dataclass(frozen=True, slots=True)
class Held:
    """The receipt for which a request may be sent. Only ``hold`` makes one."""

    hold: Hold | None
    """None: no limit is for it."""
    headers: Headers
    """What is left, for the answer."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A request about to be sent off."""

    exchange: ExchangeId
    organisation: str
    request: ModelRequest
    deployments: Sequence[Deployment]
    """The plan's."""
    patience_s: float
    """How long its attempts may take together before delivery hears of any."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What a request may use, and what is held of it."""

    held: Held
    estimate: Estimate
    most_output: int | None = None
    """Tokens that each choice must be limited to, because more would not have fitted; None: as it is."""


NOTHING = Estimate(0, 0, None)
FREE = Estimate(0, 0, MicroUsd(0))
NOTHING_HELD = Held(None, ())
"""No limit is for it."""


async def hold(asker: Asker, wish: Wish, desk: SpendingDesk | None, now_s: float) -> Granted:
    """Reserve everything that the request may use, or refuse it.

    Args:
        asker: who asks, for which model.
        wish: what for.
        desk: whom to ask; None: nobody, as where a request is only explained.
        now_s: UTC seconds, for the answer's headers and for windows while Redis cannot be asked.

    Raises:
        Refusal: RATE_LIMIT_EXCEEDED, INSUFFICIENT_QUOTA, MODEL_WITHOUT_PRICE.
        Unavailable: the limits cannot be asked, and the organisation's policy is that nothing passes then; or what is
            answered could not be recorded.
    """
    ask, operation = read_ask(wish.request), wish.request.operation
    if desk is None:
        return Granted(NOTHING_HELD, estimate_ask(ask, operation, wish.deployments))
    if desk.is_full():
        raise Unavailable("ledger", "there is no place left for its rows")
    expected = await desk.counting.estimate(ask, operation, wish.deployments)
    if ask.most_output is None and wish.request.operation is Operation.CHAT:
        usual = expected.input_tokens + min(expected.output_tokens, _USUAL_OUTPUT_TOKENS * ask.choices)
        expected = replace(expected, usual_tokens=usual)
    limits = desk.limits()
    answer = await _reserve(limits, asker, expected, wish, desk, now_s)
    if isinstance(answer, Held):
        return Granted(answer, expected)
    most_output = _fitting(answer, limits, ask, expected, wish)
    if most_output is None:
        raise refusal_for(answer, _unit_of(answer, limits, wish), expected.attempts)
    prices = [each.price for each in wish.deployments]
    output_tokens = most_output * ask.choices
    money = most(expected.input_tokens, output_tokens, prices)
    smaller = Estimate(expected.input_tokens, output_tokens, money, attempts=expected.attempts)
    again = await _reserve(limits, asker, smaller, wish, desk, now_s)
    if isinstance(again, Denied):
        raise refusal_for(again, _unit_of(again, limits, wish), expected.attempts)
    return Granted(again, smaller, most_output)


async def hold_request(asker: Asker, exchange: ExchangeId, desk: SpendingDesk | None, now_s: float) -> Held:
    """Count a request that uses nothing, because its answer is remembered, against the limits on requests.

    Raises:
        Refusal: RATE_LIMIT_EXCEEDED.
        Unavailable: as for ``hold``.
    """
    if desk is None:
        return NOTHING_HELD
    if desk.is_full():
        raise Unavailable("ledger", "there is no place left for its rows")
    limits = desk.limits()

    def claim_at(moment_s: float) -> Claim:
        # A budget that is used up is not exceeded by what costs nothing.
        return replace(make_claim(limits, asker, FREE, exchange, HOLD_S, moment_s), counters=())

    answer = await _ask(claim_at, desk, now_s)
    if isinstance(answer, Denied):
        raise refusal_for(answer, Unit.TOKENS)
    return answer


async def _reserve(
    limits: Limits, asker: Asker, expected: Estimate, wish: Wish, desk: SpendingDesk, now_s: float
) -> Held | Denied:
    def claim_at(moment_s: float) -> Claim:
        return make_claim(limits, asker, expected, wish.exchange, wish.patience_s + HOLD_S, moment_s)

    return await _ask(claim_at, desk, now_s)


async def _ask(claim_at: Callable[[float], Claim], desk: SpendingDesk, now_s: float) -> Held | Denied:
    try:
        answer = await desk.budgets.reserve(claim_at)
    except Unavailable:
        claim = claim_at(now_s)
        if not desk.allowances.take(claim, desk.outage_of(claim.organisation)):
            raise
        return Held(_hold(claim, is_owed=True), ())
    if isinstance(answer, Denied):
        return answer
    desk.allowances.restore(answer.claim.organisation)
    if not answer.claim.counters and not answer.claim.buckets:
        return NOTHING_HELD
    return Held(_hold(answer.claim, is_owed=False), limit_headers(answer, now_s))


def _fitting(denied: Denied, limits: Limits, ask: Ask, expected: Estimate, wish: Wish) -> int | None:
    """How long each choice may be so that the request fits what is left; None: not at all, or it is not ours to say."""
    if ask.most_output is not None or wish.request.operation is not Operation.CHAT:
        return None
    left = denied.of - denied.used - denied.held
    match denied.shortage, _unit_of(denied, limits, wish):
        case Shortage.BUDGET, Unit.MICRO_USD:
            prices = [each.price for each in wish.deployments]
            found = clamp(ask, expected.input_tokens, prices, micro_usd_left=left)
        case Shortage.BUDGET, Unit.TOKENS:
            # Each attempt of the plan may use as much.
            found = clamp(ask, expected.input_tokens, (), tokens_left=left // expected.attempts)
        case Shortage.TOKENS, _:
            found = clamp(ask, expected.input_tokens, (), tokens_left=left)
        case _:
            return None
    return found if found is not None and found >= _LEAST_OUTPUT_TOKENS else None


def with_most_output(request: ModelRequest, tokens: int) -> ModelRequest:
    """The same request, each of its answers limited to so many tokens."""
    return replace(request, payload={**request.payload, "max_completion_tokens": tokens})


def _unit_of(denied: Denied, limits: Limits, wish: Wish) -> Unit:
    declared = (each for each in limits.by_organisation.get(wish.organisation, ()) if each.id == denied.limit)
    limit = next(declared, None)
    return limit.unit if isinstance(limit, Budget) else Unit.TOKENS


def end_user(request: ModelRequest) -> str:
    """Whom the request names as its end user; empty: nobody."""
    named = request.payload.get("safety_identifier") or request.payload.get("user")
    return named if isinstance(named, str) else ""


def refusal_for(denied: Denied, unit: Unit, attempts: int = 1) -> Refusal:
    """What a caller hears of a limit that is exceeded, and whether coming again helps.

    Args:
        denied: what was short.
        unit: what the limit is counted in.
        attempts: how many deployments might be asked, each of which may be billed.
    """
    wait_s = denied.retry_after_s
    # A client library that retries would only burn its time where the next window is hours away.
    is_long = wait_s is not None and wait_s > _LONGEST_WAIT_S
    headers = (
        *((("retry-after", str(max(1, ceil(wait_s)))),) if wait_s is not None else (("retry-after", "1"),)),
        *((("x-should-retry", "false"),) if is_long or denied.shortage is Shortage.BUDGET else ()),
    )
    if denied.shortage is Shortage.BUDGET:
        left = max(0, denied.of - denied.used - denied.held)
        shown = (usd(left), usd(denied.of)) if unit is Unit.MICRO_USD else (f"{left:,}", f"{denied.of:,}")
        word = "USD" if unit is Unit.MICRO_USD else "tokens"
        each = f" at the {attempts} deployments that may be asked" if attempts > 1 else ""
        text = f"Budget {denied.limit} has {shown[0]} of {shown[1]} {word} left, less than this request may use{each}."
        return Refusal(INSUFFICIENT_QUOTA, text, headers=headers)
    return Refusal(RATE_LIMIT_EXCEEDED, f"Limit {denied.limit} is reached: {_WORDS[denied.shortage]}.", headers=headers)


def limit_headers(reservation: Reservation, now_s: float) -> Headers:
    """``x-ratelimit-*`` as OpenAI names them, and what is left of the tightest budget in money."""
    found: list[tuple[str, str]] = []
    for kind, left in (("requests", reservation.requests_left), ("tokens", reservation.tokens_left)):
        if left is not None:
            found += _rate_headers(kind, left, now_s)
    if reservation.money_left is not None:
        found.append(("x-gateway-budget-remaining", usd(reservation.money_left.amount)))
    return tuple(found)


_USUAL_OUTPUT_TOKENS = 4096
"""Taken from rates for each choice of a request that sets no maximum."""
_LEAST_OUTPUT_TOKENS = 16
"""What is shorter is no answer: then it is refused."""
_LONGEST_WAIT_S = 60.0
_WORDS = {
    Shortage.REQUESTS: "too many requests a minute",
    Shortage.TOKENS: "too many tokens a minute",
    Shortage.CONCURRENCY: "too many requests at a time",
}


def _rate_headers(kind: str, left: Left, now_s: float) -> tuple[tuple[str, str], ...]:
    resets_s = max(0.0, left.resets_at_s - now_s)
    return (
        (f"x-ratelimit-limit-{kind}", str(left.of)),
        (f"x-ratelimit-remaining-{kind}", str(left.amount)),
        (f"x-ratelimit-reset-{kind}", f"{resets_s:.3f}s"),
    )


def usd(micro_usd: int) -> str:
    """USD with all six decimals."""
    return f"{micro_usd // 1_000_000}.{micro_usd % 1_000_000:06d}"


def _hold(claim: Claim, *, is_owed: bool) -> Hold:
    return Hold(
        counters=tuple(
            HeldCounter(each.parts[-1], each.unit, LimitId(each.budget), each.limit, each.alert_percents)
            for each in claim.counters
        ),
        buckets=tuple(bucket.id for bucket in claim.buckets),
        is_owed=is_owed,
    )
