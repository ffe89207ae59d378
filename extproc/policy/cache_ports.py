"""What the semantic cache asks of the world. Whatever fails here is a miss; nothing of it can fail a request."""

from collections.abc import Sequence
from typing import Protocol

from extproc.model.cache import Candidate, Entry, EntryId, Partition, Ticket, Vector
from extproc.model.exchange import DeliveryRecord


class Embedder(Protocol):
    """Text → vector."""

    @property
    def name(self) -> str:
        """Model and revision, a part of every partition: vectors of two models are never compared."""
        ...

    @property
    def dimensions(self) -> int:
        """Of a vector."""
        ...

    @property
    def threshold(self) -> float:
        """Cosine from which two texts may mean the same, as calibrated."""
        ...

    async def embed(self, text: str) -> Vector:
        """The text's vector; empty for a text that the model cannot read whole: it is only found exactly.

        Raises:
            Unavailable: not in time, or too many wait.
        """
        ...


class Memory(Protocol):
    """Remembered answers, shared by all workers, and this worker's index of them."""

    async def get(self, partition: Partition, entry: EntryId) -> Entry | None:
        """The entry, unless it is gone, expired or corrupt.

        Raises:
            Unavailable: the store did not answer in time.
        """
        ...

    def nearest(self, partition: Partition, vector: Vector, most: int) -> Sequence[Candidate]:
        """Those most like the vector, best first; none while the index is being built, or for an empty vector.

        Never waits.
        """
        ...

    async def put(self, entry: Entry, *, max_entries: int) -> None:
        """Keep it, for every worker.

        Raises:
            Unavailable: the store did not answer in time.
        """
        ...

    async def begin(self, partition: Partition, entry: EntryId, limit_s: float) -> bool:
        """Whether the caller is the first to ask this now, for at most ``limit_s``; others may ``wait``.

        Raises:
            Unavailable: the store did not answer in time.
        """
        ...

    async def wait(self, partition: Partition, entry: EntryId, limit_s: float) -> Entry | None:
        """The entry as soon as whoever asks has put it; None: not within ``limit_s``, or it was given up."""
        ...

    async def give_up(self, partition: Partition, entry: EntryId) -> None:
        """Tell who waits that nothing comes."""
        ...


class Keeping(Protocol):
    """Stores answers behind the request's back. Never waits, never fails."""

    def keep(self, ticket: Ticket, answer: bytes, record: DeliveryRecord) -> None:
        """Remember this canonical plain answer, which the record's attempt gave."""
        ...

    def give_up(self, ticket: Ticket) -> None:
        """No answer comes of it: whoever waits need not."""
        ...


class CacheDesk(Protocol):
    """What operators do with the cache. Every method raises Unavailable where the store does not answer."""

    async def count(self, organisation: str | None) -> Sequence[tuple[str, int, int]]:
        """Organisation, entries, bytes."""
        ...

    async def purge(self, organisation: str, *, owner: str | None, partition: Partition | None) -> int:
        """Forget entries, on every worker within seconds; how many there were.

        Args:
            organisation: whose.
            owner: of which owner: as an entry has it, ``key:`` for all of a key, ``:user`` for all of an end user.
            partition: of which partition only.
        """
        ...


class Verifier(Protocol):
    """A second opinion on whether two texts ask the same."""

    async def agrees(self, asked: str, remembered: str) -> float:
        """From 0 to 1.

        Raises:
            Unavailable: not in time.
        """
        ...
