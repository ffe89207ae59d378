"""What a vault of credentials promises, in memory and on a real OpenBao; and what happens when that is not well."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
import pytest_asyncio
import structlog

from extproc.adapters.memory import MemoryVault
from extproc.adapters.vault import VaultCredentials
from extproc.local import openbao
from extproc.model.catalog import CredentialRef
from extproc.model.refusals import Unavailable
from extproc.model.secret import Secret
from extproc.policy.ports import Vault
from tests.bao import MAX_STALE_S, Bao, MovingClock, run_bao
from tests.servers import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one OpenBao for the file

REF = CredentialRef("providers/openai", "api_key")
KEY = "sk-a-key-that-no-log-may-hold"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_bao(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bao]:
    async with run_bao(tmp_path_factory.mktemp("openbao")) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def bao(shared_bao: Bao) -> AsyncIterator[Bao]:
    shared_bao.clock = MovingClock()
    await shared_bao.owner.write_secret(REF.path, REF.field, KEY)
    yield shared_bao
    if not shared_bao.supervisor.running:
        await shared_bao.supervisor.start(shared_bao.part)
    await shared_bao.unseal()
    await shared_bao.owner.set_up(shared_bao.state)


@pytest_asyncio.fixture(loop_scope="module")
async def client(bao: Bao) -> AsyncIterator[VaultCredentials]:
    vault = bao.client()
    yield vault
    await vault.close()


@pytest_asyncio.fixture(loop_scope="module", params=["memory", "openbao"])
async def either(request: pytest.FixtureRequest, bao: Bao) -> AsyncIterator[tuple[Vault, Callable[[], object]]]:
    if request.param == "memory":
        memory = MemoryVault({REF: Secret(KEY)})
        yield memory, lambda: setattr(memory, "is_down", True)
    else:
        real = bao.client()
        await real.load([REF])
        yield real, lambda: bao.clock.advance(MAX_STALE_S + 1)
        await real.close()


async def test_a_credential_is_given_as_written_and_no_other(either: tuple[Vault, Callable[[], object]]) -> None:
    vault, _ = either
    assert vault.credential(REF).reveal() == KEY
    with pytest.raises(Unavailable) as refused:
        vault.credential(replace(REF, field="other"))
    assert refused.value.dependency == "vault"


async def test_a_credential_nobody_can_vouch_for_is_not_given(either: tuple[Vault, Callable[[], object]]) -> None:
    vault, fade = either
    fade()
    with pytest.raises(Unavailable):
        vault.credential(REF)


async def test_a_cold_start_without_the_vault_names_what_is_missing(bao: Bao, client: VaultCredentials) -> None:
    await bao.stop()
    with pytest.raises(Unavailable, match=r"providers/openai#api_key"):
        await client.load([REF])
    with pytest.raises(Unavailable, match="never read"):
        client.credential(REF)


async def test_a_cold_start_with_a_missing_secret_names_it(bao: Bao, client: VaultCredentials) -> None:
    missing = CredentialRef("providers/none", "api_key")
    with pytest.raises(Unavailable, match=r"providers/none#api_key: there is no such secret"):
        await client.load([REF, missing])
    with pytest.raises(Unavailable, match=r"providers/openai#token: the secret has no such field"):
        await client.load([CredentialRef(REF.path, "token")])


async def test_the_workers_role_reads_provider_keys_and_the_pepper_and_nothing_else(
    bao: Bao, client: VaultCredentials
) -> None:
    await bao.owner.write_secret("payroll/salaries", "value", "secret")
    pepper = CredentialRef(openbao.PEPPER_PATH, "value")
    await client.load([pepper])
    assert len(client.credential(pepper).reveal()) == 64
    with pytest.raises(Unavailable, match="permission denied"):
        await client.load([CredentialRef("payroll/salaries", "value")])


async def test_a_rotated_key_is_picked_up_in_the_background(bao: Bao) -> None:
    vault = bao.client(refresh_s=0.02)
    await vault.load([REF])
    running = asyncio.create_task(vault.run())
    try:
        await bao.owner.write_secret(REF.path, REF.field, "sk-rotated")
        await eventually(lambda: vault.credential(REF).reveal() == "sk-rotated", "the new key")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await vault.close()


@pytest.mark.parametrize("value", ["sk-a\r\nx-evil: 1", "sk-a\n", "sk a", "sk-\0", "sk-é", " sk-a", ""])
async def test_a_value_that_cannot_stand_in_a_header_is_refused_without_being_shown(
    bao: Bao, client: VaultCredentials, value: str
) -> None:
    await bao.owner.write_secret(REF.path, REF.field, value)
    with pytest.raises(Unavailable, match=r"providers/openai#api_key") as refused:
        await client.load([REF])
    assert "sk" not in str(refused.value)


async def test_a_spoiled_rotation_keeps_the_good_key(bao: Bao, client: VaultCredentials) -> None:
    await client.load([REF])
    await bao.owner.write_secret(REF.path, REF.field, "sk-new\n")
    with pytest.raises(Unavailable, match="line ends"):
        await client.refresh()
    assert client.credential(REF).reveal() == KEY


async def test_a_sealed_vault_serves_from_memory_until_max_stale_and_is_told_once(bao: Bao) -> None:
    vault = bao.client(refresh_s=0.01)
    await vault.load([REF])
    with structlog.testing.capture_logs() as logs:
        await bao.seal()
        running = asyncio.create_task(vault.run())
        try:
            await eventually(lambda: bool(logs), "the alarm")
            with pytest.raises(Unavailable, match="sealed"):
                await vault.refresh()
            assert vault.credential(REF).reveal() == KEY
            bao.clock.advance(MAX_STALE_S + 1)
            with pytest.raises(Unavailable, match="last read"):
                vault.credential(REF)
            await bao.unseal()
            await eventually(lambda: len(logs) > 1, "the all-clear")
            assert vault.credential(REF).reveal() == KEY
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await vault.close()
    assert [entry["event"] for entry in logs] == ["vault_unavailable", "vault_available"]
    assert KEY not in str(logs)


async def test_a_killed_vault_serves_from_memory_and_recovers(bao: Bao, client: VaultCredentials) -> None:
    await client.load([REF])
    bao.supervisor._children["openbao"].identity.signal(signal.SIGKILL)
    with pytest.raises(Unavailable):
        await client.refresh()
    assert client.credential(REF).reveal() == KEY
    async with asyncio.timeout(60):
        while True:
            try:
                await client.refresh()
                break
            except Unavailable:
                await asyncio.sleep(0.05)


async def test_a_revoked_token_costs_one_new_login(bao: Bao, client: VaultCredentials) -> None:
    await client.load([REF])
    await bao.revoke_tokens()
    await bao.owner.write_secret(REF.path, REF.field, "sk-after")
    await client.refresh()
    assert client.credential(REF).reveal() == "sk-after"


async def test_a_withdrawn_role_is_an_outage_that_names_the_login(bao: Bao, client: VaultCredentials) -> None:
    await client.load([REF])
    await bao.admin("DELETE", "/v1/auth/approle/role/extproc-worker")
    await bao.revoke_tokens()
    try:
        with pytest.raises(Unavailable, match="refused our login"):
            await client.refresh()
        assert client.credential(REF).reveal() == KEY
    finally:
        bao.state.vault_role_id.unlink()  # the next set-up makes a new role and writes both files


async def test_the_token_is_renewed_after_two_thirds_of_its_life(bao: Bao, client: VaultCredentials) -> None:
    await client.load([REF])
    used = await bao.count_tokens()
    bao.clock.advance(3600 * 2 / 3 + 1)
    await client.refresh()
    assert await bao.count_tokens() == used


async def test_a_missing_login_file_is_named(bao: Bao, client: VaultCredentials) -> None:
    bao.state.vault_secret_id.unlink()
    with pytest.raises(Unavailable, match="vault_secret_id cannot be read"):
        await client.load([REF])


async def test_credentials_no_longer_wanted_are_forgotten(bao: Bao, client: VaultCredentials) -> None:
    pepper = CredentialRef(openbao.PEPPER_PATH, "value")
    await client.load([REF, pepper])
    await client.load([pepper])
    with pytest.raises(Unavailable, match="never read"):
        client.credential(REF)


async def test_a_secret_never_shows_in_the_clients_own_words(bao: Bao, client: VaultCredentials) -> None:
    await client.load([REF])
    assert KEY not in repr(client.credential(REF)) + str(client.__dict__)
