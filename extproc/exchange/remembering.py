"""Looks for a remembered answer between the firewall and the plan, and says what storing a new one will need.

    Guarded ──read_question──> Question ──recall──> Looked: a hit, or a ticket (and who asks the same meanwhile waits)

Nothing here can fail a request: what cannot be asked, takes too long or is broken is a miss. One lookup has ``LOOK_S``;
waiting for somebody who asks the same has what is left of the desk's ``patience_s``, counted from the body. Only
``Cache-Control: only-if-cached`` has a no of its own. Read next: ``policy.recall``, which decides, and ``replay``.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from extproc.exchange.delivery import Delivery
from extproc.exchange.guarding import Guarded
from extproc.model.cache import NO_CACHE, CachePolicy, Question, Recalled, Ticket, Tier
from extproc.model.chat import ModelRequest
from extproc.model.exchange import DeliveryRecord
from extproc.model.guard import Result
from extproc.model.identity import VirtualKey
from extproc.model.plan import Headers
from extproc.model.refusals import NOT_CACHED, Refusal, Unavailable
from extproc.model.seams import CACHE_HEADER
from extproc.model.tenancy import PerTenant
from extproc.policy.cache_control import CacheWish, read_wish
from extproc.policy.cache_key import Circle, read_question
from extproc.policy.cache_ports import Keeping
from extproc.policy.recall import Miss, RecallDesk, Remembered, recall, ticket_for

LOOK_S = 0.75
"""For one lookup, whatever it asks."""
FLIGHT_S = 30.0
"""For so long others may wait for an answer whose exchange nobody heard of again; each of them within its patience."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """What came of looking, for metrics."""

    tier: str
    """``exact``, ``semantic``; empty: no answer was given."""
    result: str
    """``hit``, ``shadow``, ``bypass``, or why there was none: ``policy.recall.Miss``."""


@dataclass(frozen=True, slots=True)
class RememberDesk:
    """What remembering asks of the world."""

    policies: Callable[[], PerTenant[CachePolicy]]
    recalling: Callable[[], RecallDesk | None]
    """None: nothing is open, and everything is a miss."""
    keeping: Keeping
    patience_s: float
    """From a request's body: then whatever the cache still does is given up."""
    max_response_bytes: int
    note: Callable[[Lookup], None] = lambda _: None
    failed: Callable[[Exception], None] = lambda _: None
    """Told of a bug, which is a miss."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as the cache is asked about it."""

    request: ModelRequest
    """As the caller wrote it, before the firewall changed anything."""
    guarded: Guarded
    key: VirtualKey
    model: str
    user: str
    """Hash of the end user; empty: it names none."""
    exchange: str
    headers: Headers
    guard_version: str
    catalog_version: str
    now_s: float


@dataclass(frozen=True, slots=True)
class Looked:
    """What there is for a request."""

    hit: Recalled | None = None
    ticket: Ticket | None = None
    """With a hit: should it turn out that it cannot be given."""
    headers: Headers = ()
    """For an answer that is not remembered."""
    counts_requests: bool = True


NOTHING_LOOKED = Looked()
_BYPASS = ((CACHE_HEADER, "bypass"),)
_MISS = ((CACHE_HEADER, "miss"),)
_UNTOUCHED = frozenset({Result.CLEAN, Result.FLAGGED})


async def look(asked: Asked, desk: RememberDesk | None, until: float) -> Looked:
    """Look for an answer.

    Args:
        asked: the request, which the firewall has let pass.
        desk: whom to ask; None: nobody, as where a request is only explained.
        until: the event loop's time at which everything is given up.

    Raises:
        Refusal: NOT_CACHED; there is no answer, and the caller takes no other.
    """
    if desk is None:
        return NOTHING_LOOKED
    wish = read_wish(asked.headers)
    try:
        looked = await _look(asked, wish, desk, until)
    except Exception as error:  # noqa: BLE001 - nothing about the cache can fail a request: a bug in it is a miss
        desk.failed(error)
        looked = Looked(headers=_MISS)
    if wish.is_only and looked.hit is None:
        give_up(looked.ticket, desk)
        raise Refusal(NOT_CACHED)
    return looked


def give_up(ticket: Ticket | None, desk: RememberDesk | None) -> None:
    """Tell who waits that no answer comes of this exchange. Never waits."""
    if desk is not None and ticket is not None and ticket.is_first:
        desk.keeping.give_up(ticket)


def remember(delivery: Delivery, ticket: Ticket, desk: RememberDesk) -> None:
    """Hand on what an attempt's answer left to be remembered. Never waits, never fails."""
    try:
        kept, record = delivery.kept, delivery.record
        if kept is not None:
            desk.keeping.keep(ticket, kept, record)
        elif delivery.is_done or record.judged_bytes or _is_last(record):
            # Another attempt may still have an answer.
            give_up(ticket, desk)
    except Exception as error:  # noqa: BLE001 - nothing about the cache can fail a request: it is only not remembered
        desk.failed(error)


def _is_last(record: DeliveryRecord) -> bool:
    return record.context.plan[-1].deployment == record.deployment


async def _look(asked: Asked, wish: CacheWish, desk: RememberDesk, until: float) -> Looked:
    policy = desk.policies().of_key(asked.key)
    if policy is NO_CACHE or not (policy.is_exact or policy.is_semantic):
        return NOTHING_LOOKED
    recalling = desk.recalling()
    question = _question(asked, policy, recalling)
    if question is None or not (wish.looks or wish.stores):
        desk.note(Lookup("", "bypass"))
        return Looked(headers=_BYPASS)
    if recalling is None:
        desk.note(Lookup("", Miss.UNAVAILABLE))
        return Looked(headers=_MISS)
    remembered = await _recalled(question, policy, wish, recalling, asked.now_s, until)
    is_first = False
    if remembered.miss in _WAITED_FOR and policy.waits and wish.stores and not wish.is_only:
        began = await _begins(question, recalling)
        is_first = began is True
        if began is False and await _comes(question, recalling, until):
            remembered = await _recalled(question, policy, wish, recalling, asked.now_s, until)
    ticket = ticket_for(question, policy, wish, remembered)
    if ticket is not None:
        ticket = replace(ticket, is_first=is_first, embedder=_embedder(policy, recalling))
    return _looked(remembered, ticket, policy, wish, desk, asked)


_WAITED_FOR = frozenset({Miss.ABSENT, Miss.STALE, Miss.GUARD, Miss.VERIFIER})


def _looked(
    remembered: Remembered,
    ticket: Ticket | None,
    policy: CachePolicy,
    wish: CacheWish,
    desk: RememberDesk,
    asked: Asked,
) -> Looked:
    hit = remembered.hit
    if hit is None:
        desk.note(Lookup("", remembered.miss))
        return Looked(None, ticket, _BYPASS if remembered.miss is Miss.BYPASS else _MISS)
    if ticket is not None and hit.tier is Tier.SEMANTIC and not wish.is_only and _is_sampled(policy, asked.exchange):
        # Whoever asked gets a new answer, and pays for it; the two are compared once it is there.
        desk.note(Lookup(hit.tier, "shadow"))
        return Looked(None, replace(ticket, rival=hit.entry.id, rival_similarity=hit.similarity), _MISS)
    desk.note(Lookup(hit.tier, "hit"))
    return Looked(hit, ticket, _MISS, policy.counts_requests)


def _question(asked: Asked, policy: CachePolicy, recalling: RecallDesk | None) -> Question | None:
    guarded = asked.guarded
    if guarded.secrets.redactions or any(each.result not in _UNTOUCHED for each in guarded.verdicts):
        return None
    circle = Circle(
        asked.key,
        asked.model,
        asked.user,
        asked.guard_version,
        _embedder(policy, recalling),
        asked.catalog_version,
    )
    return read_question(asked.request, policy, circle)


def _embedder(policy: CachePolicy, recalling: RecallDesk | None) -> str:
    if recalling is None or recalling.embedder is None or not policy.is_semantic:
        return ""
    return recalling.embedder.name


async def _recalled(
    question: Question, policy: CachePolicy, wish: CacheWish, recalling: RecallDesk, now_s: float, until: float
) -> Remembered:
    limit = min(until, asyncio.get_running_loop().time() + LOOK_S)
    try:
        async with asyncio.timeout_at(limit):
            return await recall(question, policy, wish, recalling, now_s)
    except TimeoutError:
        return Remembered(None, Miss.UNAVAILABLE)


async def _begins(question: Question, recalling: RecallDesk) -> bool | None:
    """Whether nobody else asks this now; None: it cannot be known."""
    try:
        async with asyncio.timeout(LOOK_S):
            return await recalling.memory.begin(question.partition, question.id, FLIGHT_S)
    except (Unavailable, TimeoutError):
        return None


async def _comes(question: Question, recalling: RecallDesk, until: float) -> bool:
    """Whether somebody else's answer to the same question came."""
    left_s = until - asyncio.get_running_loop().time()
    if left_s <= 0:
        return False
    try:
        async with asyncio.timeout_at(until):
            return await recalling.memory.wait(question.partition, question.id, left_s) is not None
    except (Unavailable, TimeoutError):
        return False


def _is_sampled(policy: CachePolicy, exchange: str) -> bool:
    # Seeded with the exchange's id: what was decided can be decided again.
    return Random(f"shadow {exchange}").random() < policy.shadow_share  # noqa: S311 - samples, guards nothing
