"""The ledger in memory fails when it is told to; what it promises otherwise is in tests/contracts."""

from datetime import date

import pytest

from extproc.adapters.memory_money import MemoryLedger
from extproc.model.refusals import Unavailable
from tests.contracts.test_ledger import row


async def test_it_is_away_when_told_to_be() -> None:
    ledger = MemoryLedger(is_down=True)
    for asked in (
        ledger.write([row()]),
        ledger.baselines("acme", ["org"]),
        ledger.counted("acme", ["org"]),
        ledger.writers(),
    ):
        with pytest.raises(Unavailable):
            await asked


async def test_what_is_appended_is_a_row_until_its_month_goes() -> None:
    ledger = MemoryLedger()
    ledger.append(row(dialect="openai", provider_request_id="req_1"))
    assert await ledger.counted("acme", ["org", "none"]) == {"org": 5}
    assert len(await ledger.billed("openai", ["req_1"], 0, 1)) == 1
    assert await ledger.months() == (date(2026, 11, 1),)
    assert await ledger.retain(date(2026, 12, 1)) == ("ledger_2026_11",)
    assert await ledger.months() == ()
