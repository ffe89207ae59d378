"""Everything the gateway asks of the world. ``adapters`` implement these; ``adapters.memory`` has each one in memory.

Every method that awaits is bounded by its adapter and raises ``Unavailable`` instead of hanging.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from extproc.model.catalog import CredentialRef
from extproc.model.exchange import AttemptRecord, DeliveryRecord, ExchangeContext, ExchangeRecord
from extproc.model.health import Standing
from extproc.model.identity import VirtualKey
from extproc.model.ids import DeploymentName, KeyId
from extproc.model.keys import Changes, Deed, KeyChange, KeyFile, KeyFilter, NewKey
from extproc.model.secret import Secret
from extproc.model.uses import Count, KeyUse, Use, UseFilter


class Clock(Protocol):
    """Time, injected."""

    def now_s(self) -> float:
        """UTC seconds since the epoch."""
        ...


class Directory(Protocol):
    """The virtual keys, by keyed digest."""

    async def find(self, digest: bytes) -> VirtualKey | None:
        """The key with this digest, live or not; None where there is none.

        Raises:
            Unavailable: the directory cannot be asked and does not remember this key.
        """
        ...


class Vault(Protocol):
    """Provider credentials, kept fresh in the background."""

    def credential(self, ref: CredentialRef) -> Secret:
        """The credential as last read; an optional one that its source does not have is empty. Never waits.

        Raises:
            Unavailable: it was never read, its last reading is older than the vault's max-stale, or it has ended.
        """
        ...

    def rejected(self, refs: Iterable[CredentialRef]) -> None:
        """A provider refused these with 401: look soon if there are others. Never waits.

        Ignored when it was said of the same source a few seconds ago: a key that is really bad makes no storm.
        """
        ...


class Health(Protocol):
    """How the deployments are doing, as all workers see it. Fed by the journal; never waits, never fails."""

    def standing(self, deployment: DeploymentName) -> Standing:
        """As last heard, together with what this worker has seen since."""
        ...

    def started(self, context: ExchangeContext, tokens: int) -> None:
        """A request was sent off with this plan; ``tokens`` is the estimate of its input."""
        ...

    def may_probe(self, deployment: DeploymentName, now_s: float) -> bool:
        """Whether this request should find out if an unproven deployment works again. True to few, spread over time."""
        ...


class Journal(Protocol):
    """Where facts about exchanges go. Never waits and never fails a request."""

    def attempted(self, record: AttemptRecord) -> None:
        """One upstream attempt ended."""
        ...

    def delivered(self, record: DeliveryRecord) -> None:
        """Delivery is done with one attempt it had released."""
        ...

    def finished(self, record: ExchangeRecord) -> None:
        """One client request ended, however it ended."""
        ...


class ChangeFeed(Protocol):
    """What was done to keys, in the order it was committed. The net below ``Invalidations``."""

    async def changes_since(self, seq: int | None) -> Changes:
        """The keys that changed after ``seq``, as they are now; with None nothing but the head.

        Raises:
            Unavailable: the store cannot be asked.
        """
        ...


class KeyStore(Protocol):
    """The durable keys, for operators. Each change and its row of the admin log are one transaction.

    Every method raises Unavailable when the store cannot be asked, and KeyProblem when the change cannot be made.
    """

    async def add(self, new: NewKey, deed: Deed, *, may_create_project: bool) -> KeyChange:
        """Store a new key. Its project must exist, or the whole hierarchy is made when that is allowed."""
        ...

    async def list(self, which: KeyFilter) -> tuple[VirtualKey, ...]:
        """The matching keys, oldest first."""
        ...

    async def show(self, key: KeyId) -> KeyFile:
        """One key with its history."""
        ...

    async def replace(self, old: KeyId, revoked_at_s: float, new: NewKey, deed: Deed) -> tuple[KeyChange, KeyChange]:
        """Store a successor and revoke the old key at the given moment; refused unless the old key is unrevoked.

        Returns:
            The change of the old key, then that of the new one.
        """
        ...

    async def revoke(self, key: KeyId, revoked_at_s: float, deed: Deed) -> KeyChange:
        """Revoke from the given moment on. A revocation may be brought forward, never put off or undone."""
        ...


class Invalidations(Protocol):
    """Word to every worker that a key changed: quick, and allowed to get lost."""

    async def publish(self, change: KeyChange) -> None:
        """Tell whoever listens now.

        Raises:
            Unavailable: nobody was told.
        """
        ...

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[KeyChange]]:
        """Entered once subscribed: what is published from then on arrives, until the connection is lost.

        Raises:
            Unavailable: on entering or while iterating; what is published until the next subscription is missed.
        """
        ...


class UseStore(Protocol):
    """The durable record of which keys use which models and deployments.

    Both methods raise Unavailable when the store cannot be asked.
    """

    async def add(self, counts: Mapping[Use, Count]) -> None:
        """Add to what is there, all or nothing; a later moment of last use replaces an earlier one."""
        ...

    async def list(self, which: UseFilter) -> tuple[KeyUse, ...]:
        """The uses summed over the days asked about, those used last first."""
        ...
