"""What needs no vault: what is said of one that is not there. ``contracts`` has the rest."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from extproc.adapters.memory import MemoryClock
from extproc.adapters.vault import VaultCredentials
from extproc.adapters.vault_login import AppRole, VaultAccount
from extproc.model.catalog import CredentialRef
from extproc.model.refusals import Unavailable
from tests.servers import eventually

REF = CredentialRef("providers/openai", "api_key")


@pytest.fixture
async def absent(tmp_path: Path) -> AsyncIterator[VaultCredentials]:
    for name in ("role", "secret"):
        (tmp_path / name).write_text("x")
    account = VaultAccount("http://127.0.0.1:1", "secret", AppRole(tmp_path / "role", tmp_path / "secret"))
    vault = VaultCredentials(account, MemoryClock(), max_stale_s=60, refresh_s=0.01, jitter=lambda: 0.5)
    yield vault
    await vault.close()


async def test_nobody_at_the_address_is_unavailable_and_names_the_credential(absent: VaultCredentials) -> None:
    with pytest.raises(Unavailable, match=r"providers/openai#api_key: no usable answer \(ConnectionError\)"):
        await absent.load([REF])


async def test_nothing_wanted_needs_no_vault(absent: VaultCredentials) -> None:
    await absent.load([])
    await absent.refresh()
    await absent.tend()
    assert absent.state().login is None


async def test_the_background_task_outlives_an_outage_and_says_it_once(absent: VaultCredentials) -> None:
    with capture_logs() as lines:
        with pytest.raises(Unavailable):
            await absent.load([REF])
        running = asyncio.create_task(absent.run())
        absent._wake.set()
        await eventually(lambda: not absent._wake.is_set(), "a round")
        assert absent.state().out_since_s is not None
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert [line["event"] for line in lines] == ["vault_unavailable"]


async def test_what_is_not_held_cannot_be_rejected_nor_read_again(absent: VaultCredentials) -> None:
    absent.rejected([REF])
    assert not absent._wake.is_set()
    with pytest.raises(Unavailable, match="never read"):
        await absent.reread(REF)
