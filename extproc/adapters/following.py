"""Following something that gets lost: again and again, with growing pauses, and one log line for each outage."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog

from extproc.model.refusals import Unavailable


async def follow_for_ever(
    subject: str, dependency: str, follow: Callable[[Callable[[], None]], Awaitable[None]], most_back_off_s: float
) -> None:
    """Follow until cancelled.

    Args:
        subject: what is followed, the first word of the log's events: ``keys_not_following``.
        dependency: who is asked for it, for the log.
        follow: follows until it is lost (Unavailable); calls what it is given whenever all is well.
        most_back_off_s: the longest pause between two attempts.
    """
    log = structlog.get_logger(f"extproc.{subject}")
    lost, back = f"{subject}_not_following", f"{subject}_following_again"
    failures = 0

    def came_back() -> None:
        nonlocal failures
        if failures:
            log.info(back, dependency=dependency)
        failures = 0

    while True:
        try:
            await follow(came_back)
        except Unavailable as trouble:
            if not failures:
                log.warning(lost, dependency=dependency, reason=trouble.reason)
        failures += 1
        longest_s = min(most_back_off_s, 0.1 * 2 ** min(failures, 10))
        await asyncio.sleep(random.uniform(longest_s / 2, longest_s))  # noqa: S311 - jitter, not a secret


async def ring(bell: asyncio.Event, limit_s: float) -> None:
    """Wait for a bell, and no longer than that."""
    try:
        async with asyncio.timeout(limit_s):
            await bell.wait()
    except TimeoutError:
        return
