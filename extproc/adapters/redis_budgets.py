"""Limits on a real Redis: ``budget.lua`` in one call for each decision, and what is COLD loaded from the ledger.

    reserve   claim → one FCALL → Reservation, or Denied with the limit that is truly exceeded
    settle, void, extend, tidy   the same for what comes after

Windows are judged by Redis's clock: the claim is made with our idea of it, and once more with its word where the two
lie on different sides of a window's edge. Read next: ``policy.reserve`` for claims, ``budget.lua`` for how it is kept.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, assert_never
from weakref import WeakValueDictionary

from redis.asyncio import Redis

from extproc.adapters.redis_functions import DEADLINE_S, BudgetFunctions
from extproc.model.ids import ExchangeId
from extproc.model.limits import (
    PRECEDENCE_STEP,
    Baseline,
    Charge,
    Claim,
    Crossing,
    Denied,
    Left,
    LimitId,
    Reservation,
    Settled,
    Settlement,
    Shortage,
    Unit,
)
from extproc.model.refusals import Unavailable
from extproc.policy.money_ports import Baselines
from extproc.policy.ports import Clock

KEEP_S = 3600
"""How long it is remembered that a reservation was resolved: nothing is settled again after that."""

_WARM_S = 3.0
"""For loading what is COLD, waiting for others who do so included."""
_MOST_ROUNDS = 4
_COUNTER_TTL_S = 70 * 86_400
"""Longer than any window and whatever may be settled late in it; a counter lost earlier is loaded anew."""
_SHORTAGES = {
    "c": Shortage.BUDGET,
    "r": Shortage.REQUESTS,
    "t": Shortage.TOKENS,
    "n": Shortage.CONCURRENCY,
}


class RedisBudgets:
    """The ``Budgets`` port on Redis 7 or later, or Valkey."""

    def __init__(self, redis: Redis, baselines: Baselines, clock: Clock, *, deadline_s: float = DEADLINE_S) -> None:
        """``deadline_s`` is for each call to Redis."""
        self.functions = BudgetFunctions(redis, deadline_s=deadline_s)
        self._baselines = baselines
        self._clock = clock
        self._offset_s = 0.0
        self._warming: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def install(self) -> bool:
        """See ``BudgetFunctions.install``.

        Raises:
            Unavailable: Redis did not answer, or does not let us.
        """
        return await self.functions.install()

    async def reserve(self, claim_at: Callable[[float], Claim]) -> Reservation | Denied:
        """Grant the whole claim, or nothing of it. Idempotent by the claim's reservation.

        Raises:
            Unavailable: Redis or the ledger did not answer in time; nothing is known to be held.
            Refusal: whatever ``claim_at`` raises.
        """
        for _ in range(_MOST_ROUNDS):
            claim = claim_at(self._clock.now_s() + self._offset_s)
            if not claim.counters and not claim.buckets:
                return Reservation(claim)
            answer = await self._ask("reserve", claim.organisation, claim.reservation, _question(claim))
            self._offset_s = answer["now"] / 1000 - self._clock.now_s()
            match answer:
                case {"ok": True}:
                    return _granted(claim, answer)
                case {"err": "DENIED"}:
                    return _denied(claim, answer)
                case {"err": "COLD", "cold": parts}:
                    await self._warm(claim.organisation, parts)
                case {"err": "DONE"}:
                    raise Unavailable("redis", "the reservation was resolved before it was made")
        raise Unavailable("redis", "counters vanish as fast as they are loaded")

    async def settle(self, settlement: Settlement) -> Settled:
        """Charge every counter once, and give back what was held beyond it.

        Raises:
            Unavailable: it is not known to be charged; settle again.
        """
        bill = {
            "rank": settlement.precedence,
            "keep": KEEP_S * 1000,
            "c": [[each.part, each.amount, each.generation] for each in settlement.charges],
            "b": [[bucket, settlement.tokens] for bucket in settlement.buckets],
            "expect": any(each.generation for each in settlement.charges),
        }
        for _ in range(_MOST_ROUNDS):
            answer = await self._ask("settle", settlement.organisation, settlement.reservation, bill)
            if answer["ok"] and answer["how"] == "OUTRANKED":
                return _outranked(settlement, answer)
            if answer["ok"]:
                return await self._settled(settlement, answer)
            await self._warm(settlement.organisation, answer["cold"])
        raise Unavailable("redis", "counters vanish as fast as they are loaded")

    async def void(self, organisation: str, reservation: ExchangeId) -> None:
        """Give back everything that is held. Nothing where it was resolved before.

        Raises:
            Unavailable: it may still be held, until it is overdue.
        """
        await self._fcall("void", organisation, reservation, KEEP_S * 1000)

    async def extend(self, organisation: str, reservations: Sequence[ExchangeId], hold_s: float) -> int:
        """Hold for that much longer from now what is still held; how many were.

        Raises:
            Unavailable
        """
        return int(await self._fcall("extend", organisation, round(hold_s * 1000), *reservations))

    async def tidy(self, organisation: str, most: int = 1000, *, hold_s: float = 60.0) -> int:
        """Give back holds that are overdue; how many there were, ``most`` at a time.

        A hold whose deadline was lost is held for ``hold_s`` from now.

        Raises:
            Unavailable
        """
        return int(await self._fcall("tidy", organisation, KEEP_S * 1000, most, round(hold_s * 1000)))

    async def renew(self, organisation: str) -> None:
        """Forget what every counter of the organisation says: each is loaded from the ledger when it is next asked.

        Raises:
            Unavailable
        """
        await self._fcall("renew", organisation)

    async def show(self, organisation: str, parts: Sequence[str]) -> list[tuple[int, int] | None]:
        """Used and held of each counter part; None where it is cold.

        Raises:
            Unavailable
        """
        found = json.loads(await self._fcall("show", organisation, *parts)) if parts else []
        return [(int(each[0]), int(each[1])) if each else None for each in found]

    async def recount(
        self, organisation: str, part: str, used: int | None
    ) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """Set what is held from what is pending, and what is used where it is given: before and after, as (used, held).

        None where the counter is cold.

        Raises:
            Unavailable
        """
        answer = json.loads(await self._fcall("recount", organisation, part, "" if used is None else used))
        if not answer["ok"]:
            return None
        (was_used, was_held), (is_used, is_held) = answer["was"], answer["is"]
        return (int(was_used), int(was_held)), (int(is_used), int(is_held))

    async def _settled(self, settlement: Settlement, answer: dict[str, Any]) -> Settled:
        applied = {part: (generation, int(used), int(told)) for part, generation, used, told in answer.get("c") or ()}
        charges = tuple(
            Charge(each.part, each.amount, applied[each.part][0] if each.part in applied else each.generation)
            for each in settlement.charges
        )
        crossed = []
        for alert in settlement.alerts:
            if alert.part not in applied:
                continue
            _, used, told = applied[alert.part]
            reached = [percent for percent in alert.percents if told < percent and used * 100 >= alert.of * percent]
            who = (settlement.organisation, alert.part, max(reached, default=0), settlement.reservation)
            if reached and await self._fcall("alert", *who):
                crossed.append(Crossing(alert.budget, alert.part, max(reached), used, alert.of, alert.unit))
        return Settled(charges, tuple(crossed))

    async def _warm(self, organisation: str, parts: Sequence[str]) -> None:
        lock = self._warming.setdefault(organisation, asyncio.Lock())
        try:
            async with asyncio.timeout(_WARM_S), lock:
                # Whoever waited may find it done.
                found = await self.show(organisation, parts)
                cold = [part for part, value in zip(parts, found, strict=True) if value is None]
                if cold:
                    await self._load(organisation, await self._baselines.baselines(organisation, cold))
        except TimeoutError:
            raise Unavailable("ledger", "counters were not loaded in time") from None

    async def _load(self, organisation: str, baselines: Mapping[str, Baseline]) -> None:
        # Nothing was told of them yet; a percentage that the baseline is beyond will be told once more.
        loads = [
            [part, str(each.used), 0, [value for rid, amount in each.recent for value in (rid, str(amount))]]
            for part, each in baselines.items()
        ]
        ask = {"ttl": _COUNTER_TTL_S * 1000, "keep": KEEP_S * 1000, "c": loads}
        await self._fcall("load", organisation, _written(ask))

    async def _ask(self, function: str, organisation: str, rid: ExchangeId, question: object) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(await self._fcall(function, organisation, rid, _written(question)))
        return answer

    async def _fcall(self, function: str, organisation: str, *arguments: str | float) -> Any:
        return await self.functions.call(function, organisation, *arguments)


def _outranked(settlement: Settlement, answer: dict[str, Any]) -> Settled:
    # One that merely knew of more attempts had the same word for it.
    was = answer["was"] if answer["r"] >= PRECEDENCE_STEP * (settlement.rank + 1) else {}
    return Settled(settlement.charges, outranked=tuple(Charge(part, int(amount)) for part, (_, amount) in was.items()))


def _written(question: object) -> str:
    return json.dumps(question, separators=(",", ":"))


def _question(claim: Claim) -> dict[str, object]:
    return {
        "hold": round(claim.hold_s * 1000),
        "keep": KEEP_S * 1000,
        "c": [
            {
                "parts": each.parts,
                "lim": each.limit,
                "hard": each.is_hard,
                "a": each.amount,
                "from": round(each.starts_at_s * 1000),
                "to": round(each.ends_at_s * 1000),
            }
            for each in claim.counters
        ],
        "b": [
            {
                "id": each.id,
                "t": each.tokens,
                **({} if each.requests_per_minute is None else {"rpm": each.requests_per_minute}),
                **({} if each.tokens_per_minute is None else {"tpm": each.tokens_per_minute}),
                **({} if each.concurrent is None else {"cc": each.concurrent}),
            }
            for each in claim.buckets
        ],
    }


def _granted(claim: Claim, answer: dict[str, Any]) -> Reservation:
    now_s = answer["now"] / 1000
    money: list[Left] = []
    tokens: list[Left] = []
    requests: list[Left] = []
    for counter, left in zip(claim.counters, answer.get("left") or (), strict=False):
        found = Left(counter.budget, max(0, int(left)), counter.limit, counter.ends_at_s)
        (money if counter.unit is Unit.MICRO_USD else tokens).append(found)
    for bucket, (of_requests, of_tokens, _) in zip(claim.buckets, answer.get("fill") or (), strict=False):
        for level, most, lefts in (
            (of_requests, bucket.requests_per_minute, requests),
            (of_tokens, bucket.tokens_per_minute, tokens),
        ):
            if most is not None:
                lefts.append(Left(bucket.rate, max(0, int(level)), most, now_s + (most - level) * 60 / most))
    return Reservation(claim, _tightest(requests), _tightest(tokens), _tightest(money))


def _tightest(lefts: list[Left]) -> Left | None:
    return min(lefts, key=lambda left: left.amount / left.of if left.of else 0.0, default=None)


def _denied(claim: Claim, answer: dict[str, Any]) -> Denied:
    denied = answer["denied"]
    shortage = _SHORTAGES[denied["what"]]
    at = int(denied["i"]) - 1
    limit: LimitId = claim.counters[at].budget if shortage is Shortage.BUDGET else claim.buckets[at].rate
    wait = denied.get("wait")
    return Denied(
        shortage=shortage,
        limit=limit,
        used=int(denied["used"]),
        held=int(denied["held"]),
        of=_of(claim, shortage, at),
        retry_after_s=None if wait is None else wait / 1000,
    )


def _of(claim: Claim, shortage: Shortage, at: int) -> int:
    match shortage:
        case Shortage.BUDGET:
            return claim.counters[at].limit
        case Shortage.REQUESTS:
            most = claim.buckets[at].requests_per_minute
        case Shortage.TOKENS:
            most = claim.buckets[at].tokens_per_minute
        case Shortage.CONCURRENCY:
            most = claim.buckets[at].concurrent
        case _:
            assert_never(shortage)
    return most or 0
