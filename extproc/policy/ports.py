"""Everything the gateway asks of the world. ``adapters`` implement these; ``adapters.memory`` has each one in memory.

Every method that awaits is bounded by its adapter and raises ``Unavailable`` instead of hanging.
"""

from typing import Protocol

from extproc.model.catalog import CredentialRef
from extproc.model.exchange import AttemptRecord, DeliveryRecord, ExchangeRecord
from extproc.model.identity import VirtualKey
from extproc.model.secret import Secret


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
        """The credential as last read. Never waits.

        Raises:
            Unavailable: it was never read, or the last reading is older than the vault's max-stale.
        """
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
