"""A real OpenBao, as the stack sets it up. ``contracts/test_vault`` has the workers' side of it."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from extproc.adapters.memory import MemoryClock
from extproc.adapters.vault import VaultCredentials
from extproc.adapters.vault_login import AppRole, VaultAccount
from extproc.local.http import HttpFailed, call
from extproc.local.openbao import MOUNT, PEPPER_PATH, Vault, openbao
from extproc.local.problems import CannotStart, free_port
from extproc.local.state import StateDir
from extproc.local.supervisor import Supervisor
from extproc.model.catalog import CredentialRef
from extproc.model.refusals import Unavailable
from tests.unit.local.tiny import Reports

PEPPER = CredentialRef(PEPPER_PATH, "value")


@dataclass
class Bao:
    state: StateDir
    supervisor: Supervisor
    vault: Vault

    async def start(self) -> None:
        await self.supervisor.start(openbao(self.state, self.vault, free_port()))

    async def read(self, ref: CredentialRef) -> str:
        """As a worker reads it, with a worker's credentials."""
        account = VaultAccount(self.vault.address, MOUNT, AppRole(self.state.vault_role_id, self.state.vault_secret_id))
        worker = VaultCredentials(account, MemoryClock(), max_stale_s=60, refresh_s=60)
        try:
            await worker.load([ref])
            return worker.credential(ref).reveal()
        finally:
            await worker.close()


@pytest.fixture
async def bao(tmp_path: Path) -> AsyncIterator[Bao]:
    state = StateDir(tmp_path / "state")
    state.create()
    made = Bao(state, Supervisor(state.logs, Reports(), lambda _: None), Vault(free_port(), state.vault_init))
    yield made
    await made.supervisor.stop("openbao")


async def test_workers_may_read_provider_keys_and_the_pepper_and_nothing_else(bao: Bao) -> None:
    await bao.start()
    await bao.vault.write_secret("providers/openai", "api_key", "sk-a")
    await bao.vault.write_secret("other/thing", "value", "x")
    assert await bao.read(CredentialRef("providers/openai", "api_key")) == "sk-a"
    assert len(bytes.fromhex(await bao.read(PEPPER))) == 32
    with pytest.raises(Unavailable):
        await bao.read(CredentialRef("other/thing", "value"))


async def test_a_second_start_finds_the_same_pepper_credentials_and_secrets(bao: Bao) -> None:
    await bao.start()
    await bao.vault.write_secret("providers/openai", "api_key", "sk-a")
    files = (bao.state.vault_init, bao.state.vault_role_id, bao.state.vault_secret_id)
    before = (await bao.read(PEPPER), [file.read_text() for file in files])
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)
    await bao.supervisor.stop("openbao")
    await bao.start()
    assert (await bao.read(PEPPER), [file.read_text() for file in files]) == before
    assert await bao.vault.has_secret("providers/openai")
    assert not await bao.vault.has_secret("providers/other")


async def test_a_vault_whose_unseal_key_is_gone_says_so_and_is_not_made_anew(bao: Bao) -> None:
    await bao.start()
    await bao.supervisor.stop("openbao")
    bao.state.vault_init.unlink()
    with pytest.raises(CannotStart, match="unseal key is gone"):
        await bao.start()
    assert bao.supervisor.running == ()
    assert not bao.state.vault_init.exists()


async def test_what_the_vault_refuses_is_an_error_without_the_secret_that_was_sent(bao: Bao) -> None:
    await bao.start()
    init = json.loads(bao.state.vault_init.read_text())
    bao.state.vault_init.write_text(json.dumps(init | {"root_token": "somebody-elses"}))
    with pytest.raises(HttpFailed, match="the vault answered 403") as refused:
        await bao.vault.write_secret("providers/openai", "api_key", "sk-a")
    assert "sk-a" not in str(refused.value)
    with pytest.raises(HttpFailed, match="403"):
        await bao.vault.has_secret("providers/openai")
    bao.state.vault_init.write_text(json.dumps(init))
    assert (await call(bao.vault.port, "GET", "/v1/sys/health"))[0] == 200


async def test_nobody_at_the_port_is_not_ready(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    assert not await openbao(state, Vault(free_port(), state.vault_init), free_port()).is_ready()
