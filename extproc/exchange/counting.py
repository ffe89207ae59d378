"""Counts the tokens of large requests beside the event loop, in bounded time.

A small text is counted at once: 64 KiB take a millisecond or two. A larger one is counted by a thread, one after the
other, so that the answers that stream through this worker do not stop for it. Who finds too many waiting, or waits too
long, is not refused and not let through unseen: no text has more tokens than bytes, so it is held at its size, about
four times what a count would say. Read next: ``policy.estimate`` for what is counted.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from extproc.model.catalog import Deployment, Operation
from extproc.model.limits import Estimate
from extproc.policy.estimate import Ask, estimate_ask
from extproc.policy.tokens import family_of, is_loaded

LARGE_BYTES = 64 * 1024
"""Of text: above this, a thread counts it."""
LIMIT_S = 1.0
"""How long a request waits for its count, its turn included."""
MOST_WAITING = 16
"""Requests whose texts are counted or wait for it."""


class Counting:
    """One worker's thread for it."""

    def __init__(self, *, limit_s: float = LIMIT_S, most_waiting: int = MOST_WAITING) -> None:
        """Arguments as the constants above say."""
        self._limit_s = limit_s
        self._most_waiting = most_waiting
        # One: the weighing holds Python's lock, so two would only take turns, and the loop would wait for both.
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tokens")
        self._waiting = 0
        self.by_size = 0
        """Requests that were held at their size."""

    async def estimate(self, ask: Ask, operation: Operation, deployments: Sequence[Deployment]) -> Estimate:
        """See ``policy.estimate.estimate_ask``; within the time limit, and never less than that says."""
        is_ready = all(is_loaded(family_of(each)) for each in deployments)
        if ask.text.size_bytes <= LARGE_BYTES and is_ready:
            return estimate_ask(ask, operation, deployments)
        if self._waiting < self._most_waiting:
            self._waiting += 1
            # What is cancelled before its turn is never counted; what is not runs to its end, unheard.
            counted = self._pool.submit(estimate_ask, ask, operation, deployments)
            loop = asyncio.get_running_loop()
            counted.add_done_callback(lambda _: _tell(loop, self._leave))
            try:
                async with asyncio.timeout(self._limit_s):
                    return await asyncio.wrap_future(counted)
            except TimeoutError:
                pass
        self.by_size += 1
        return estimate_ask(replace(ask, text=ask.text.uncounted()), operation, deployments)

    def close(self) -> None:
        """End the thread once it has counted what it is at."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _leave(self) -> None:
        self._waiting -= 1


def _tell(loop: asyncio.AbstractEventLoop, what: Callable[[], None]) -> None:
    # The worker may have ended while the thread was at it.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(what)
