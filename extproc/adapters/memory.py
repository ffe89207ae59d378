"""Every port in memory, for tests and for ``extproc explain``. ``tests/contracts`` holds them to the real ones.

A fake fails when it is told to: set ``is_down`` and it raises ``Unavailable`` as its real counterpart does.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from extproc.model.catalog import CredentialRef
from extproc.model.exchange import AttemptRecord, DeliveryRecord, ExchangeContext, ExchangeRecord
from extproc.model.health import FRESH, Standing
from extproc.model.identity import VirtualKey
from extproc.model.ids import DeploymentName, KeyId, ModelName
from extproc.model.keys import (
    AdminEntry,
    Changes,
    Deed,
    KeyChange,
    KeyFile,
    KeyFilter,
    KeyProblem,
    NewKey,
    describe_project,
)
from extproc.model.refusals import Unavailable
from extproc.model.secret import Secret
from extproc.model.uses import Count, KeyUse, Use, UseFilter


@dataclass(slots=True)
class MemoryClock:
    """A clock that stands still until it is advanced."""

    time_s: float = 1_800_000_000.0

    def now_s(self) -> float:
        """The time it was set to."""
        return self.time_s

    def advance(self, by_s: float) -> None:
        """Let time pass."""
        self.time_s += by_s


@dataclass(slots=True)
class MemoryVault:
    """Credentials given by hand."""

    secrets: dict[CredentialRef, Secret] = field(default_factory=dict)
    is_down: bool = False
    refused: list[CredentialRef] = field(default_factory=list)
    """What providers rejected, as often as it was said."""

    def credential(self, ref: CredentialRef) -> Secret:
        """The credential, unless it is absent or the vault was told to be down."""
        if not self.is_down and ref in self.secrets:
            return self.secrets[ref]
        if not self.is_down and ref.is_optional:
            return Secret("")
        raise Unavailable("vault", "no current reading")

    def rejected(self, refs: Iterable[CredentialRef]) -> None:
        """Remember it."""
        self.refused.extend(refs)


@dataclass(slots=True)
class MemoryHealth:
    """Standings given by hand."""

    standings: dict[DeploymentName, Standing] = field(default_factory=dict)
    begun: list[tuple[ExchangeContext, int]] = field(default_factory=list)
    is_probing: bool = False

    def standing(self, deployment: DeploymentName) -> Standing:
        """What was put there."""
        return self.standings.get(deployment, FRESH)

    def started(self, context: ExchangeContext, tokens: int) -> None:
        """Remember it."""
        self.begun.append((context, tokens))

    def may_probe(self, deployment: DeploymentName, now_s: float) -> bool:  # noqa: ARG002 - the port's
        """What it was told to say."""
        return self.is_probing


@dataclass(slots=True)
class MemoryJournal:
    """Remembers every record in the order it came."""

    attempts: list[AttemptRecord] = field(default_factory=list)
    deliveries: list[DeliveryRecord] = field(default_factory=list)
    exchanges: list[ExchangeRecord] = field(default_factory=list)

    def attempted(self, record: AttemptRecord) -> None:
        """Keep the record."""
        self.attempts.append(record)

    def delivered(self, record: DeliveryRecord) -> None:
        """Keep the record."""
        self.deliveries.append(record)

    def finished(self, record: ExchangeRecord) -> None:
        """Keep the record."""
        self.exchanges.append(record)


@dataclass(slots=True, eq=False)
class MemoryKeys:
    """Directory, ChangeFeed and KeyStore over one dictionary."""

    clock: MemoryClock = field(default_factory=MemoryClock)
    is_down: bool = False
    look_ups: int = 0
    """How often ``find`` was asked."""
    projects: set[str] = field(default_factory=set)
    log: list[AdminEntry] = field(default_factory=list)
    _by_digest: dict[bytes, KeyId] = field(default_factory=dict)
    _keys: dict[KeyId, VirtualKey] = field(default_factory=dict)

    def put(self, key: VirtualKey, digest: bytes) -> None:
        """Place a key without ceremony, for tests that are about something else."""
        self.projects.add(describe_project(key.organisation, key.team, key.project))
        self._by_digest[digest] = key.id
        self._keys[key.id] = key

    async def find(self, digest: bytes) -> VirtualKey | None:
        """See ``Directory``."""
        self._reach()
        self.look_ups += 1
        return self._keys[self._by_digest[digest]] if digest in self._by_digest else None

    async def changes_since(self, seq: int | None) -> Changes:
        """See ``ChangeFeed``."""
        self._reach()
        head = len(self.log)
        rows = [] if seq is None else self.log[seq:]
        changed = {KeyId(row.subject) for row in rows}
        keys = tuple(self._keys[key] for key in sorted(changed & self._keys.keys()))
        return Changes(head, keys, is_whole=seq is None or seq <= head)

    async def add(self, new: NewKey, deed: Deed, *, may_create_project: bool) -> KeyChange:
        """See ``KeyStore``."""
        self._reach()
        if new.digest in self._by_digest or new.key.id in self._keys:
            raise KeyProblem("the key exists already")
        project = describe_project(new.key.organisation, new.key.team, new.key.project)
        if project not in self.projects:
            if not may_create_project:
                raise KeyProblem(f"project {project} does not exist; add --create to make it")
            self._write(deed, "project.create", project)
        self.put(new.key, new.digest)
        return self._write_key(deed, "key.mint", new.key)

    async def list(self, which: KeyFilter) -> tuple[VirtualKey, ...]:
        """See ``KeyStore``."""
        self._reach()
        found = [key for key in self._keys.values() if _matches(key, which)]
        return tuple(sorted(found, key=lambda key: (key.created_at_s, key.id)))

    async def show(self, key: KeyId) -> KeyFile:
        """See ``KeyStore``."""
        return KeyFile(self._get(key), tuple(row for row in self.log if row.subject == key))

    async def replace(self, old: KeyId, revoked_at_s: float, new: NewKey, deed: Deed) -> tuple[KeyChange, KeyChange]:
        """See ``KeyStore``."""
        before = self._get(old)
        if before.revoked_at_s is not None:
            raise KeyProblem(f"key {old} is already revoked; mint a new one")
        self._keys[old] = replace(before, revoked_at_s=revoked_at_s)
        self.put(new.key, new.digest)
        return self._write_key(deed, "key.rotate", self._keys[old]), self._write_key(deed, "key.mint", new.key)

    async def revoke(self, key: KeyId, revoked_at_s: float, deed: Deed) -> KeyChange:
        """See ``KeyStore``."""
        before = self._get(key)
        if before.revoked_at_s is not None and before.revoked_at_s <= revoked_at_s:
            raise KeyProblem(f"key {key} is already revoked")
        self._keys[key] = replace(before, revoked_at_s=revoked_at_s)
        return self._write_key(deed, "key.revoke", self._keys[key])

    def _reach(self) -> None:
        if self.is_down:
            raise Unavailable("postgres", "told to be down")

    def _get(self, key: KeyId) -> VirtualKey:
        self._reach()
        if key not in self._keys:
            raise KeyProblem(f"key {key} does not exist; `extproc keys list` shows those that do")
        return self._keys[key]

    def _write(self, deed: Deed, action: str, subject: str) -> int:
        self.log.append(AdminEntry(len(self.log) + 1, self.clock.now_s(), deed, action, subject, ()))
        return len(self.log)

    def _write_key(self, deed: Deed, action: str, key: VirtualKey) -> KeyChange:
        return KeyChange(self._write(deed, action, key.id), key.id, key.revoked_at_s)


@dataclass(slots=True, eq=False)
class MemoryInvalidations:
    """Publishes to whoever is subscribed in this process."""

    is_down: bool = False
    published: list[KeyChange] = field(default_factory=list)
    _listeners: set[asyncio.Queue[KeyChange | None]] = field(default_factory=set)

    @property
    def listeners(self) -> int:
        """How many are subscribed now."""
        return len(self._listeners)

    async def publish(self, change: KeyChange) -> None:
        """See ``Invalidations``."""
        if self.is_down:
            raise Unavailable("redis", "told to be down")
        self.published.append(change)
        for queue in self._listeners:
            queue.put_nowait(change)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[KeyChange]]:
        """See ``Invalidations``."""
        if self.is_down:
            raise Unavailable("redis", "told to be down")
        queue: asyncio.Queue[KeyChange | None] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            yield _drain(queue)
        finally:
            self._listeners.discard(queue)

    def go_down(self) -> None:
        """Cut every subscription and refuse new ones, until ``is_down`` is set back."""
        self.is_down = True
        for queue in self._listeners:
            queue.put_nowait(None)


async def _drain(queue: asyncio.Queue[KeyChange | None]) -> AsyncIterator[KeyChange]:
    while (change := await queue.get()) is not None:
        yield change
    raise Unavailable("redis", "told to be down")


def _matches(key: VirtualKey, which: KeyFilter) -> bool:
    asked = (
        (which.organisation, key.organisation),
        (which.team, key.team),
        (which.project, key.project),
        (which.environment, key.environment),
        (which.owner, key.owner),
    )
    return (
        all(want is None or want == have for want, have in asked)
        and (which.tag is None or which.tag in key.tags)
        and (which.live_at_s is None or key.is_live(which.live_at_s))
    )


@dataclass(slots=True)
class MemoryUses:
    """UseStore over a dictionary; ``keys`` are those it knows more of than the id."""

    keys: dict[KeyId, VirtualKey] = field(default_factory=dict)
    counts: dict[Use, Count] = field(default_factory=dict)
    is_down: bool = False

    async def add(self, counts: Mapping[Use, Count]) -> None:
        """See ``UseStore``."""
        self._check()
        for use, count in counts.items():
            self.counts[use] = _sum(self.counts.get(use), count)

    async def list(self, which: UseFilter) -> tuple[KeyUse, ...]:
        """See ``UseStore``."""
        self._check()
        found: dict[tuple[KeyId, ModelName, DeploymentName], Count] = {}
        for use, count in self.counts.items():
            if (
                use.day >= which.since
                and use.model in (which.models or {use.model})
                and use.deployment in (which.deployments or {use.deployment})
            ):
                whose = (use.key, use.model, use.deployment)
                found[whose] = _sum(found.get(whose), count)
        ordered = sorted(found.items(), key=lambda each: (-each[1].last_used_at_s, each[0]))
        return tuple(KeyUse(whose[0], self.keys.get(whose[0]), *whose[1:], count) for whose, count in ordered)

    def _check(self) -> None:
        if self.is_down:
            raise Unavailable("postgres", "told to be down")


def _sum(before: Count | None, more: Count) -> Count:
    if before is None:
        return more
    return Count(before.requests + more.requests, max(before.last_used_at_s, more.last_used_at_s))
