"""The world of the vault's tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from extproc.adapters.memory import MemoryClock
from extproc.adapters.vault import VaultCredentials
from extproc.adapters.vault_login import AppRole, VaultAccount
from tests.scripted_vault import ScriptedVault, TokenEndpoints, aws_keys, serving
from tests.unit.adapters.vault_worlds import MAX_STALE_S, STS, World


@pytest.fixture
def servers() -> Iterator[tuple[MemoryClock, ScriptedVault, TokenEndpoints]]:
    clock = MemoryClock()
    vault, endpoints = ScriptedVault(clock.now_s), TokenEndpoints(clock.now_s)
    vault.engines[STS] = aws_keys
    vault.kv["providers/openai"] = {"api_key": "sk-1"}
    with serving(vault), serving(endpoints):
        yield clock, vault, endpoints


@pytest.fixture
async def world(servers: tuple[MemoryClock, ScriptedVault, TokenEndpoints], tmp_path: Path) -> AsyncIterator[World]:
    clock, vault, endpoints = servers
    for name in ("role", "secret"):
        (tmp_path / name).write_text("x")
    account = VaultAccount(vault.address, "secret", AppRole(tmp_path / "role", tmp_path / "secret"))
    held = VaultCredentials(account, clock, max_stale_s=MAX_STALE_S, refresh_s=60, jitter=lambda: 0.5)
    yield World(clock, vault, endpoints, held)
    await held.close()
