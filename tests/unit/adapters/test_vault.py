"""What needs no vault: the judgement of what was read, and the pauses. ``contracts/test_vault`` has the rest."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from extproc.adapters.memory import MemoryClock
from extproc.adapters.vault import KvVault, VaultAccount, _fit
from extproc.model.catalog import CredentialRef
from extproc.model.refusals import Unavailable
from tests.servers import eventually

REF = CredentialRef("providers/openai", "api_key")


def secret(**fields: object) -> object:
    return {"data": {"data": fields, "metadata": {}}}


def test_a_bare_key_is_taken() -> None:
    assert _fit(REF, secret(api_key="sk-!~aZ09")).reveal() == "sk-!~aZ09"


@pytest.mark.parametrize("value", [None, 1, True, "", ["sk-a"], "sk a", "sk-a\t", "sk-\x7f", "sk-ключ", "s" * 20_000])
def test_anything_else_is_refused_by_name_and_without_the_value(value: object) -> None:
    with pytest.raises(Unavailable) as refused:
        _fit(REF, secret(api_key=value))
    assert refused.value.reason.startswith("providers/openai#api_key")
    assert "sk" not in refused.value.reason


@pytest.mark.parametrize("document", [None, {}, {"data": None}, {"data": {"data": "x"}}, [], "x"])
def test_an_answer_of_another_shape_is_refused(document: object) -> None:
    with pytest.raises(Unavailable, match="not a KV v2 secret"):
        _fit(REF, document)


@pytest.fixture
async def absent(tmp_path: Path) -> AsyncIterator[KvVault]:
    for name in ("role", "secret"):
        (tmp_path / name).write_text("x")
    account = VaultAccount("http://127.0.0.1:1", "secret", tmp_path / "role", tmp_path / "secret")
    vault = KvVault(account, MemoryClock(), max_stale_s=60, refresh_s=0.01, jitter=lambda: 0.5)
    yield vault
    await vault.close()


async def test_nobody_at_the_address_is_unavailable_and_names_the_credential(absent: KvVault) -> None:
    with pytest.raises(Unavailable, match=r"providers/openai#api_key: no usable answer \(ConnectionError\)"):
        await absent.load([REF])


async def test_nothing_wanted_needs_no_vault(absent: KvVault) -> None:
    await absent.load([])
    await absent.refresh()


async def test_the_environment_of_whoever_started_us_gives_no_token_and_no_proxy(
    absent: KvVault, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "somebody's")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:2")
    account = VaultAccount("http://127.0.0.1:1", "secret", tmp_path / "role", tmp_path / "secret")
    vault = KvVault(account, MemoryClock(), max_stale_s=60, refresh_s=60)
    assert not vault._session._client.token
    assert vault._session._http.trust_env is False
    await vault.close()


async def test_the_background_task_outlives_an_outage(absent: KvVault) -> None:
    absent._wanted = (REF,)
    running = asyncio.create_task(absent.run())
    await eventually(lambda: absent._is_out, "the outage to be noticed")
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
