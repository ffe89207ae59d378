"""What they promise otherwise is in tests/contracts."""

import pytest

from extproc.adapters.memory_adjustments import MemoryAdjustments
from extproc.model.refusals import Unavailable
from tests.contracts.test_adjustments import CREDIT


async def test_they_are_away_when_told_to_be() -> None:
    store = MemoryAdjustments(is_down=True)
    for asked in (store.make(CREDIT), store.find(CREDIT.id)):
        with pytest.raises(Unavailable):
            await asked
