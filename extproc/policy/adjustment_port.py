"""Where adjustments of spend are kept: part of ``ports``, in a file of its own."""

from typing import Protocol

from extproc.model.adjustments import SpendAdjustment


class Adjustments(Protocol):
    """Durable, and never changed. Both methods raise Unavailable when the store cannot be asked."""

    async def make(self, adjustment: SpendAdjustment) -> bool:
        """Keep it, charge its counters in the ledger, and write the admin log: all or nothing.

        Returns:
            False where it was there already: again is as good as once.

        Raises:
            AdjustmentProblem: another one has its id, or it cannot be kept.
        """
        ...

    async def find(self, identity: str) -> SpendAdjustment | None:
        """The one with this id."""
        ...
