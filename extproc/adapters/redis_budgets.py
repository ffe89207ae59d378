"""Limits on a real Redis: ``budget.lua`` in one call for each decision, and what is COLD loaded from the ledger.

    reserve   claim → one FCALL → Reservation, or Denied with the limit that is truly exceeded
    settle, void, extend, tidy   the same for what comes after

Windows are judged by Redis's clock: the claim is made with our idea of it, and once more with its word where the two
lie on different sides of a window's edge. Read next: ``policy.reserve`` for claims, ``budget.lua`` for how it is kept.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from extproc.model.ids import ExchangeId
from extproc.model.limits import (
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

LIBRARY = "extproc_budget"
VERSION = 1
KEEP_S = 3600
"""How long it is remembered that a reservation was resolved: nothing is settled again after that."""

_DEADLINE_S = 1.0
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

    def __init__(self, redis: Redis, baselines: Baselines, clock: Clock, *, deadline_s: float = _DEADLINE_S) -> None:
        """``deadline_s`` is for each call to Redis."""
        self._redis = redis
        self._baselines = baselines
        self._clock = clock
        self._deadline_s = deadline_s
        self._offset_s = 0.0
        self._log = structlog.get_logger("extproc.budgets")

    async def install(self) -> bool:
        """Load the functions where Redis has none or older ones; whether it did.

        Raises:
            Unavailable: Redis did not answer, or does not let us.
        """
        found = await self._do("FUNCTION", "LIST", "LIBRARYNAME", LIBRARY, "WITHCODE")
        if _version(str(found)) >= VERSION:
            return False
        await self._do("FUNCTION", "LOAD", "REPLACE", library())
        return True

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
            "rank": settlement.rank,
            "keep": KEEP_S * 1000,
            "c": [[each.part, each.amount, each.generation] for each in settlement.charges],
            "b": [[bucket, settlement.tokens] for bucket in settlement.buckets],
            "expect": any(each.generation for each in settlement.charges),
        }
        for _ in range(_MOST_ROUNDS):
            answer = await self._ask("settle", settlement.organisation, settlement.reservation, bill)
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

    async def tidy(self, organisation: str, most: int = 1000) -> int:
        """Give back holds that are overdue; how many there were, ``most`` at a time.

        Raises:
            Unavailable
        """
        return int(await self._fcall("tidy", organisation, KEEP_S * 1000, most))

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
            if reached and await self._fcall("alert", settlement.organisation, alert.part, max(reached)):
                crossed.append(Crossing(alert.budget, alert.part, max(reached), used, alert.of))
        return Settled(charges, tuple(crossed))

    async def _warm(self, organisation: str, parts: Sequence[str]) -> None:
        baselines = await self._baselines.baselines(organisation, parts)
        for part in parts:
            baseline = baselines[part]
            fence = [value for rid, amount in baseline.recent for value in (rid, amount)]
            keep_ms = KEEP_S * 1000
            # Nothing was told of it yet; a percentage that the baseline is beyond will be told once more.
            await self._fcall("load", organisation, part, baseline.used, _COUNTER_TTL_S * 1000, keep_ms, 0, *fence)

    async def _ask(self, function: str, organisation: str, rid: ExchangeId, question: object) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(
            await self._fcall(function, organisation, rid, json.dumps(question, separators=(",", ":")))
        )
        return answer

    async def _fcall(self, function: str, organisation: str, *arguments: str | float) -> Any:
        key = f"b:{{{organisation}}}:"
        try:
            return await self._do("FCALL", f"{LIBRARY}_{function}", 1, key, *arguments)
        except FunctionsMissing:
            # A Redis that was replaced by an empty one: what it counted is loaded from the ledger, as it is missed.
            await self.install()
            return await self._do("FCALL", f"{LIBRARY}_{function}", 1, key, *arguments)

    async def _do(self, *command: str | float) -> Any:
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._redis.execute_command(*command)  # type: ignore[no-untyped-call]
        except ResponseError as error:
            if "Function not found" in str(error):
                raise FunctionsMissing("redis", "it has no functions of ours") from None
            # Its text may quote the command.
            raise Unavailable("redis", str(error).partition(" ")[0][:40]) from None
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable("redis", type(error).__name__) from None


class FunctionsMissing(Unavailable):
    """Redis does not have the library."""


def library() -> str:
    """The functions' source."""
    return files("extproc.adapters").joinpath("budget.lua").read_text(encoding="utf-8")


def _version(listed: str) -> int:
    _, found, rest = listed.partition("-- Version ")
    return int(rest.partition(".")[0]) if found else 0


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
        of=int(denied["of"]),
        retry_after_s=None if wait is None else wait / 1000,
    )
