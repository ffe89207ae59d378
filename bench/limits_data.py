"""A million keys' counters in Redis, named as the gateway names them, and fast: a thousand in each call.

Read next: ``limits``, which measures with them.
"""

import asyncio
import itertools
from collections.abc import Iterator

from redis.asyncio import Redis

from extproc.adapters.redis_functions import BudgetFunctions
from extproc.model.identity import VirtualKey
from extproc.model.ids import ExchangeId, KeyId, ModelName, OrganisationId, ProjectId, TeamId
from extproc.model.limits import Budget, Estimate, Level, Limit, LimitId, Rate, Scope, Span, Unit, Window
from extproc.model.money import MicroUsd
from extproc.policy.reserve import Asker, Limits, make_claim

ORGANISATION = "acme"
_AMPLE = 10**12
_KEYS_OF_A_PROJECT = 20
_PROJECTS_OF_A_TEAM = 20
_LEVELS: tuple[Level | None, ...] = (None, Level.TEAM, Level.PROJECT, Level.KEY, Level.USER)


def _limits() -> Iterator[Limit]:
    for level in _LEVELS:
        name = level or "organisation"
        scope = Scope(ORGANISATION, each=level)
        yield Budget(LimitId(f"{name}-month"), scope, Unit.MICRO_USD, _AMPLE, Window(Span.MONTH, "Europe/Berlin"))
        yield Budget(LimitId(f"{name}-day"), scope, Unit.MICRO_USD, _AMPLE, Window(Span.DAY, "Europe/Berlin"))
    for level in (Level.PROJECT, Level.KEY):
        scope = Scope(ORGANISATION, each=level)
        yield Rate(LimitId(f"{level}-rate"), scope, requests_per_minute=_AMPLE, tokens_per_minute=_AMPLE)


LIMITS = Limits(1, {ORGANISATION: tuple(_limits())})
"""Ten budgets, of a day and a month at five levels, and two rates, of requests and tokens."""


def asker(number: int) -> Asker:
    """Who uses the key of that number: each has one user."""
    project = number // _KEYS_OF_A_PROJECT
    key = VirtualKey(
        KeyId(f"key-{number:08d}"),
        OrganisationId(ORGANISATION),
        TeamId(f"team-{project // _PROJECTS_OF_A_TEAM:05d}"),
        ProjectId(f"project-{project:06d}"),
        "production",
        "owner",
        None,
        (),
        0.0,
        None,
        None,
        "sk-…",
    )
    return Asker(key, ModelName("gpt"), f"user-{number}")


def parts(size: int, now_s: float) -> Iterator[str]:
    """Names of all counters of so many keys, each once."""
    named: set[str] = set()
    for number in range(size):
        claim = make_claim(LIMITS, asker(number), Estimate(0, 0, MicroUsd(0)), ExchangeId("x"), 60.0, now_s)
        is_first = number % _KEYS_OF_A_PROJECT == 0
        for counter in claim.counters if is_first else claim.counters[6:]:
            if not is_first or counter.id not in named:
                yield counter.id
        if is_first:
            # What later projects and teams may share; keys and users come once anyway.
            named.update(counter.id for counter in claim.counters[:6])


_FILL = """
local P, ttl = KEYS[1], ARGV[1]
for index = 2, #ARGV do
  local key = P .. 'c:' .. ARGV[index]
  local stamp = '1795400000.123456'
  redis.call('HSET', key, 'u', 123456, 'h', 0, 'g', stamp, 'e', stamp, 'a', 0, 'w', '', 'f', 0)
  redis.call('PEXPIRE', key, ttl)
end
"""


async def fill(redis: Redis, size: int, now_s: float) -> int:
    """Load every counter of so many keys; how many those are."""
    prefix = f"b:{{{ORGANISATION}}}:"
    names = parts(size, now_s)
    count = 0
    async with asyncio.timeout(600):
        await BudgetFunctions(redis).install()
        await redis.hset(f"{prefix}p", "#", "1795400000.123456")
        script = redis.register_script(_FILL)
        while batch := list(itertools.islice(names, 1_000)):
            await script(keys=[prefix], args=[70 * 86_400_000, *batch])
            count += len(batch)
    return count
