"""A scanner with a deadline, a breaker and a bulkhead: every one that may be slow, hang or be gone stands behind them.

Breakers are each organisation's own: one that asks with a deadline nothing can meet, or with texts that nothing can
judge in time, opens its own and nobody else's.

The context that is passed beside an answer is for those who hold the one against the other; the others, who have judged
it in the request, are not asked about it again.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from extproc.model.guard import Finding
from extproc.model.refusals import Unavailable
from extproc.policy.breaker import Breaker, BreakerPolicy
from extproc.policy.bulkhead import Bulkhead, BulkheadPolicy
from extproc.policy.guard_ports import CONTEXT_PLACE, ScanAsked, Scanner

_MOST_BREAKERS = 10_000
_LATE = 0.9


class GuardedScanner:
    """The ``Scanner`` port around another one. Use from one event loop."""

    def __init__(
        self,
        name: str,
        inner: Scanner,
        breaker: BreakerPolicy | None = None,
        bulkhead: BulkheadPolicy | None = None,
        *,
        now_s: Callable[[], float] = time.monotonic,
        reads_context: bool = False,
    ) -> None:
        """Put all of that around a scanner.

        Args:
            name: what ``Unavailable`` calls it.
            inner: the scanner.
            breaker: when it is given a rest; each organisation by itself.
            bulkhead: how much of an organisation may be under way and wait.
            now_s: a clock that does not go back.
            reads_context: whether it holds an answer against its context.
        """
        self.name = name
        self._inner = inner
        self._policy = breaker or BreakerPolicy()
        self._bulkhead = Bulkhead(name, bulkhead or BulkheadPolicy())
        self._breakers: dict[str, Breaker] = {}
        self._now_s = now_s
        self._reads_context = reads_context

    async def scan(self, asked: ScanAsked) -> Sequence[Finding]:
        """See ``Scanner``."""
        if not self._reads_context:
            asked = replace(asked, leaves=tuple(leaf for leaf in asked.leaves if leaf.place[:1] != (CONTEXT_PLACE,)))
        if not asked.leaves:
            return ()
        breaker = self._breaker(asked.organisation)
        if not breaker.may_ask(self._now_s()):
            raise Unavailable(self.name, "it has failed lately and is given a rest")
        has_begun = False
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            async with asyncio.timeout(asked.limit_s), self._bulkhead.turn(asked.organisation):
                has_begun = True
                findings = await self._inner.scan(asked)
        except TimeoutError:
            self._failed(breaker, has_begun=has_begun)
            raise Unavailable(self.name, "no answer in time") from None
        except Unavailable:
            self._failed(breaker, has_begun=has_begun)
            raise
        except asyncio.CancelledError:
            # Who asks may have the same deadline, and be the first to notice.
            is_late = loop.time() - began_s >= _LATE * asked.limit_s
            self._failed(breaker, has_begun=has_begun and is_late)
            raise
        except BaseException:
            breaker.gave_up()
            raise
        breaker.worked()
        return findings

    def _failed(self, breaker: Breaker, *, has_begun: bool) -> None:
        # One that never had its turn says that the organisation asks much, not that the scanner is down.
        if has_begun:
            breaker.failed(self._now_s())
        else:
            breaker.gave_up()

    def _breaker(self, organisation: str) -> Breaker:
        breaker = self._breakers.get(organisation)
        if breaker is None:
            if len(self._breakers) >= _MOST_BREAKERS:
                self._breakers.clear()
            breaker = self._breakers[organisation] = Breaker(self._policy)
        return breaker
