"""The counters of all limits as an operator sees them: found with SCAN, read and set by ``redis_budgets``' functions.

Workers need no right to SCAN; whoever reconciles does (``+scan`` on ``~b:*``).
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, RedisError

from extproc.adapters.redis_budgets import RedisBudgets
from extproc.model.refusals import Unavailable

_KEY = re.compile(r"b:\{(.*?)\}:c:(.*)", re.DOTALL)
_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class RedisCounters:
    """``Counters``."""

    redis: Redis
    budgets: RedisBudgets

    async def live(self, organisation: str | None) -> tuple[tuple[str, str], ...]:
        """See ``Counters``. Every key of the database is walked past."""
        owner = "*" if organisation is None else re.sub(r"([*?\[\]\\])", r"\\\1", organisation)
        found = set()
        try:
            async with asyncio.timeout(_LIMIT_S):
                async for key in self.redis.scan_iter(match=f"b:{{{owner}}}:c:*", count=1000):
                    match = _KEY.fullmatch(key.decode() if isinstance(key, bytes) else key)
                    if match is not None:
                        found.add((match[1], match[2]))
        except NoPermissionError:
            raise Unavailable("redis", "this user may not SCAN") from None
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable("redis", type(error).__name__) from None
        return tuple(sorted(found))

    async def show(self, organisation: str, parts: Sequence[str]) -> list[tuple[int, int] | None]:
        """See ``Counters``."""
        return await self.budgets.show(organisation, parts)

    async def recount(
        self, organisation: str, part: str, used: int | None
    ) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """See ``Counters``."""
        return await self.budgets.recount(organisation, part, used)
