"""The keys a worker has seen, kept so that Postgres is asked once for each key and may be away.

    find ──known──> the key as remembered                      (no await)
     └──unknown──> one look-up for all who ask at the same time, then remembered

Two ways lead to a change, and each alone is quick enough: a published word (``Invalidations``) is applied at once and
calls the poll; the poll (``ChangeFeed``) runs every half second in any case and is the truth. Forgotten is only what
the truth contradicts, so keys already seen keep working while both are away: then nobody can revoke one either, but for
a worker that alone is cut off from both, which is noticed by the log line of each outage and by nothing else.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog

from extproc.adapters.following import follow_for_ever, ring
from extproc.model.identity import VirtualKey
from extproc.model.ids import KeyId
from extproc.model.keys import Changes, KeyChange
from extproc.model.refusals import Unavailable
from extproc.policy.ports import ChangeFeed, Clock, Directory, Invalidations

_MOST_READINGS = 3


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """How much is remembered, and how often changes are looked for."""

    most_keys: int = 20_000
    most_unknown: int = 10_000
    """Digests that were found to be nobody's. A flood of random keys pushes out only one another."""
    unknown_for_s: float = 5.0
    poll_s: float = 0.5
    poll_limit_s: float = 1.0
    most_back_off_s: float = 0.5
    """No longer than the poll: what comes back is noticed within the second that is promised."""


@dataclass(slots=True, eq=False)
class _Flight:
    """A look-up on its way, and what changed since it began."""

    landing: asyncio.Future[VirtualKey | None]
    changed: set[KeyId] = field(default_factory=set)
    is_void: bool = False
    """Changes were not followed all the while."""

    def is_current(self, key: VirtualKey | None) -> bool:
        """Whether what was read is still so. That nobody has a digest holds until any key changes."""
        return not self.is_void and (not self.changed if key is None else key.id not in self.changed)


class CachedDirectory:
    """Directory over another one. ``run`` must be running for changes to be noticed; without it nothing is kept."""

    def __init__(
        self,
        source: Directory,
        feed: ChangeFeed,
        invalidations: Invalidations,
        clock: Clock,
        policy: CachePolicy | None = None,
    ) -> None:
        self._source = source
        self._feed = feed
        self._invalidations = invalidations
        self._clock = clock
        self._policy = policy or CachePolicy()
        self._keys: OrderedDict[bytes, VirtualKey] = OrderedDict()
        self._digests: dict[KeyId, bytes] = {}
        self._unknown: OrderedDict[bytes, float] = OrderedDict()
        self._flights: dict[bytes, _Flight] = {}
        self._seq: int | None = None
        self._doubted: set[KeyId] = set()
        self._bell = asyncio.Event()
        self._log = structlog.get_logger("extproc.keys")

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._keys)

    @property
    def unknown(self) -> int:
        """How many digests are remembered as nobody's."""
        return len(self._unknown)

    @property
    def is_following(self) -> bool:
        """Whether changes were ever looked for with success: from then on keys are remembered."""
        return self._seq is not None

    async def find(self, digest: bytes) -> VirtualKey | None:
        """See ``Directory``."""
        while True:
            if (key := self._keys.get(digest)) is not None:
                self._keys.move_to_end(digest)
                return key
            if self._is_unknown(digest):
                return None
            flight = self._flights.get(digest)
            if flight is None:
                return await self._look_up(digest)
            # Bounded by the adapter's own deadline: the leader always lands.
            await asyncio.wait({flight.landing})
            if not flight.landing.cancelled():
                return _landed(flight.landing)

    async def run(self) -> None:
        """Follow changes until cancelled. Losing either way is logged once for each outage."""
        async with asyncio.TaskGroup() as group:
            most_s = self._policy.most_back_off_s
            group.create_task(follow_for_ever("keys", "redis", self._listen, most_s))
            group.create_task(follow_for_ever("keys", "postgres", self._poll, most_s))

    async def _look_up(self, digest: bytes) -> VirtualKey | None:
        flight = _Flight(asyncio.get_running_loop().create_future())
        self._flights[digest] = flight
        landing = flight.landing
        try:
            key = await self._read(digest, flight)
        except Unavailable as trouble:
            landing.set_exception(Unavailable(trouble.dependency, trouble.reason))
            landing.exception()  # looked at: there may be no followers
            raise
        else:
            landing.set_result(key)
            return key
        finally:
            del self._flights[digest]
            landing.cancel()  # only when the leader itself was cancelled: a follower takes over

    async def _read(self, digest: bytes, flight: _Flight) -> VirtualKey | None:
        """Read it until it did not change while it was read; remembered only then."""
        key = None
        for _ in range(_MOST_READINGS):
            flight.changed.clear()
            flight.is_void = self._seq is None
            key = await self._source.find(digest)
            if self._seq is None:
                break
            if flight.is_current(key):
                self._remember(digest, key)
                break
        return key

    def _remember(self, digest: bytes, key: VirtualKey | None) -> None:
        if key is None:
            self._unknown[digest] = self._clock.now_s() + self._policy.unknown_for_s
            if len(self._unknown) > self._policy.most_unknown:
                self._unknown.popitem(last=False)
            return
        self._keys[digest] = key
        self._digests[key.id] = digest
        if len(self._keys) > self._policy.most_keys:
            _, oldest = self._keys.popitem(last=False)
            del self._digests[oldest.id]

    def _is_unknown(self, digest: bytes) -> bool:
        until_s = self._unknown.get(digest)
        if until_s is None:
            return False
        if self._clock.now_s() < until_s:
            return True
        del self._unknown[digest]
        return False

    async def _listen(self, came_back: Callable[[], None]) -> None:
        async with self._invalidations.subscribe() as changes:
            came_back()
            # What was published before this moment went unheard.
            self._bell.set()
            async for change in changes:
                self._hear(change)

    def _hear(self, change: KeyChange) -> None:
        """Apply a published word. It can only take away, and the poll it calls puts right what was not true."""
        self._note({change.key})
        self._bell.set()
        digest = self._digests.get(change.key)
        if digest is None:
            return
        if change.revoked_at_s is None:
            self._forget(change.key)
            return
        key = self._keys[digest]
        ends_s = change.revoked_at_s if key.revoked_at_s is None else min(key.revoked_at_s, change.revoked_at_s)
        self._keys[digest] = replace(key, revoked_at_s=ends_s)
        self._doubted.add(change.key)

    async def _poll(self, came_back: Callable[[], None]) -> None:
        while True:
            self._bell.clear()
            doubted, self._doubted = self._doubted, set()
            try:
                async with asyncio.timeout(self._policy.poll_limit_s):
                    changes = await self._feed.changes_since(self._seq)
            except TimeoutError as problem:
                self._doubted |= doubted
                raise Unavailable("postgres", "the poll took too long") from problem
            except Unavailable:
                self._doubted |= doubted
                raise
            came_back()
            self._follow(changes, doubted)
            await ring(self._bell, self._policy.poll_s)

    def _follow(self, changes: Changes, doubted: set[KeyId]) -> None:
        if not changes.is_whole:
            self._log.warning("keys_forgotten", count=len(self._keys), head=changes.head, seen=self._seq)
            self._keys.clear()
            self._digests.clear()
        self._note({key.id for key in changes.keys}, is_void=self._seq is None or not changes.is_whole)
        self._seq = changes.head
        for key in changes.keys:
            digest = self._digests.get(key.id)
            # Heard of since this poll began: what it brings may be older, and the next poll is already called.
            if digest is not None and key.id not in self._doubted:
                self._keys[digest] = key
        # A word that the truth does not bear out was not true: ask again.
        for identity in doubted - {key.id for key in changes.keys}:
            self._forget(identity)

    def _note(self, changed: set[KeyId], *, is_void: bool = False) -> None:
        for flight in self._flights.values():
            flight.changed |= changed
            flight.is_void |= is_void
        if changed or is_void:
            self._unknown.clear()

    def _forget(self, identity: KeyId) -> None:
        if (digest := self._digests.pop(identity, None)) is not None:
            del self._keys[digest]


def _landed(landing: asyncio.Future[VirtualKey | None]) -> VirtualKey | None:
    problem = landing.exception()
    if isinstance(problem, Unavailable):
        # One of its own for each who waited: a shared exception gathers everybody's traceback.
        raise Unavailable(problem.dependency, problem.reason)
    return landing.result()
