"""The limits in force as a worker knows them: one immutable snapshot in memory, swapped whole.

    load     at start: a worker that never read them does not become ready
    run      follows changes until cancelled: a published word calls the poll, and the poll runs in any case
    current  what an exchange that begins now is judged by

While Postgres is away the last set that was read stays in force; nobody can change it then either. A set that this
version of the gateway cannot read is not taken, and the log says so.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from extproc.adapters.following import follow_for_ever, ring
from extproc.model.limit_records import LimitSet
from extproc.model.limits import Limit, LimitId
from extproc.policy.limit_ports import LimitFeed, LimitWord
from extproc.policy.reserve import Limits


@dataclass(frozen=True, slots=True)
class LimitCachePolicy:
    """How often changes are looked for."""

    poll_s: float = 0.5
    most_back_off_s: float = 0.5
    """No longer than the poll: what comes back is noticed within the second that is promised."""


class LimitCache:
    """What the snapshot is made of, and the snapshot."""

    def __init__(self, feed: LimitFeed, word: LimitWord, policy: LimitCachePolicy | None = None) -> None:
        self._feed = feed
        self._word = word
        self._policy = policy or LimitCachePolicy()
        self._by_organisation: dict[str, dict[LimitId, Limit]] = {}
        self._limits = Limits()
        self._is_loaded = False
        self._bell = asyncio.Event()
        self._log = structlog.get_logger("extproc.limits")

    def current(self) -> Limits:
        """The limits in force, as last read. Never waits."""
        return self._limits

    async def load(self) -> None:
        """Read them all.

        Raises:
            Unavailable: they could not be read; there is nothing to decide by.
        """
        await self._take(await self._feed.limits_since(None))

    async def run(self) -> None:
        """Follow changes until cancelled. Losing either way is logged once for each outage."""
        async with asyncio.TaskGroup() as group:
            most_s = self._policy.most_back_off_s
            group.create_task(follow_for_ever("limits", "redis", self._listen, most_s))
            group.create_task(follow_for_ever("limits", "postgres", self._poll, most_s))

    async def _listen(self, came_back: Callable[[], None]) -> None:
        async with self._word.subscribe() as versions:
            came_back()
            # What was published before this moment went unheard.
            self._bell.set()
            async for version in versions:
                # Only a hint: whoever reaches Redis can publish, and the poll reads the truth.
                if version != self._limits.version:
                    self._bell.set()

    async def _poll(self, came_back: Callable[[], None]) -> None:
        while True:
            self._bell.clear()
            news = await self._feed.limits_since(self._limits.version if self._is_loaded else None)
            if news.is_whole or news.limits:
                await self._take(news)
            came_back()
            await ring(self._bell, self._policy.poll_s)

    async def _take(self, news: LimitSet) -> None:
        kept = {} if news.is_whole else self._by_organisation
        changed = {each.limit.scope.organisation for each in news.limits}
        updated = {name: dict(kept.get(name, {})) for name in changed}
        for each in news.limits:
            # The organisation of an id never changes.
            of_organisation = updated[each.limit.scope.organisation]
            if each.is_active:
                of_organisation[each.limit.id] = each.limit
            else:
                of_organisation.pop(each.limit.id, None)
        before = Limits() if news.is_whole else self._limits
        # In a thread: ordering many thousands would hold up requests.
        limits = await asyncio.to_thread(_merge, before, news.version, updated)
        self._by_organisation = {**kept, **updated}
        self._limits, self._is_loaded = limits, True
        self._log.info("limits_taken", version=news.version, changed=len(news.limits))


def _merge(before: Limits, version: int, updated: dict[str, dict[LimitId, Limit]]) -> Limits:
    return before.with_organisations(version, {name: _in_order(limits.values()) for name, limits in updated.items()})


def _in_order(limits: Iterable[Limit]) -> tuple[Limit, ...]:
    """By id, so that every worker asks for them in one order and names the same one when several are exceeded."""
    return tuple(sorted(limits, key=lambda limit: limit.id))
