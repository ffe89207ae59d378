"""Adjustments of spend in memory; ``tests/contracts/test_adjustments.py`` holds them to the real ones."""

from dataclasses import dataclass, field, replace

from extproc.model.adjustments import AdjustmentProblem, SpendAdjustment
from extproc.model.refusals import Unavailable


@dataclass(slots=True)
class MemoryAdjustments:
    """``Adjustments`` over a dictionary."""

    made: dict[str, SpendAdjustment] = field(default_factory=dict)
    is_down: bool = False

    async def make(self, adjustment: SpendAdjustment) -> bool:
        """See ``Adjustments``."""
        known = await self.find(adjustment.id)
        if known is None:
            self.made[adjustment.id] = adjustment
            return True
        if _essence(known) != _essence(adjustment):
            raise AdjustmentProblem(f"there is another adjustment with the id {adjustment.id}")
        return False

    async def find(self, identity: str) -> SpendAdjustment | None:
        """See ``Adjustments``."""
        if self.is_down:
            raise Unavailable("postgres", "told to be down")
        return self.made.get(identity)


def _essence(each: SpendAdjustment) -> SpendAdjustment:
    return replace(each, parts=(), reason="", actor="", approval="")
