"""One that is not there, what a provider refuses, and what is told. ``test_vault_upkeep`` has leases and tokens."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from extproc.adapters.memory import MemoryClock
from extproc.adapters.vault import VaultCredentials
from extproc.adapters.vault_login import AppRole, VaultAccount
from extproc.model.catalog import CredentialRef
from extproc.model.credentials import Engine
from extproc.model.refusals import Unavailable
from tests.servers import eventually
from tests.unit.adapters.vault_worlds import AWS, ISSUE, KEY_ID, KV, MAX_STALE_S, World

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


# -- what a provider refuses --------------------------------------------------------------------------------------


async def test_a_refused_key_is_read_again_at_once(world: World) -> None:
    await world.held.load((KV,))
    running = asyncio.create_task(world.held.run())
    try:
        world.vault.kv["providers/openai"] = {"api_key": "sk-2"}
        world.held.rejected((KV,))
        await eventually(lambda: world.get(KV) == "sk-2", "the new key")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_key_that_is_really_bad_makes_no_storm(world: World) -> None:
    await world.held.load((KV,))
    for pause_s, looks in ((0.0, 2), (0.0, 2), (4.9, 2), (0.2, 3), (4.9, 3)):
        world.clock.advance(pause_s)
        for _ in range(100):
            world.held.rejected((KV, KV))
        await world.held.tend()
        assert world.vault.count("GET /v1/secret/data/providers/openai") == looks


async def test_a_refused_lease_is_issued_again_but_not_while_it_is_new(world: World) -> None:
    await world.held.load(AWS)
    world.held.rejected(AWS)
    await world.held.tend()
    assert world.vault.count(ISSUE) == 1
    world.clock.advance(61)
    for _ in range(3):
        world.held.rejected(AWS)
        await world.held.tend()
    assert world.vault.count(ISSUE) == 2
    assert world.get(KEY_ID) == "ASIA0000000000000003"


async def test_a_refused_token_is_minted_again_from_the_lease_that_there_is(world: World) -> None:
    world.vault.engines["gcp/roleset/v/key"] = world.endpoints.leased_key
    ref = world.google("gcp/roleset/v/key", Engine.LEASE)
    await world.held.load((ref,))
    world.held.rejected((ref,))
    await world.held.tend()
    assert world.get(ref) == "minted-2"
    assert world.vault.count("GET /v1/gcp/roleset/v/key") == 1


# -- an outage ----------------------------------------------------------------------------------------------------


async def test_an_outage_is_told_once_for_all_and_asked_about_once_a_round(world: World) -> None:
    world.vault.kv |= {f"providers/{number}": {"api_key": "k"} for number in range(5)}
    refs = tuple(CredentialRef(f"providers/{number}", "api_key") for number in range(5))
    await world.held.load(refs)
    world.vault.is_sealed = True
    world.vault.asked.clear()
    with capture_logs() as lines:
        with pytest.raises(Unavailable, match="sealed"):
            await world.later(73)
        assert len(world.vault.asked) == 1
        assert world.held.state().out_since_s == world.clock.now_s()
        with pytest.raises(Unavailable, match="sealed"):
            await world.later(2)
        world.vault.is_sealed = False
        await world.later(60)
    assert [line["event"] for line in lines] == ["vault_unavailable", "vault_available"]
    state = world.held.state()
    assert state.out_since_s is None
    assert {source.trouble for source in state.sources} == {""}


async def test_a_trouble_of_one_secret_is_told_once_and_is_no_outage(world: World) -> None:
    await world.held.load((KV,))
    with capture_logs() as lines:
        good = world.vault.kv.pop("providers/openai")
        for by_s in (73, 2, 5):
            with pytest.raises(Unavailable, match="no such secret"):
                await world.later(by_s)
        assert world.held.state().sources[0].trouble == "providers/openai#api_key: there is no such secret"
        world.vault.kv["providers/openai"] = good
        await world.later(60)
    assert [line["event"] for line in lines] == ["credential_unavailable", "credential_available"]


async def test_the_state_says_who_we_are_and_how_long_everything_lasts_and_no_value(world: World) -> None:
    await world.held.load((*AWS, KV))
    state = world.held.state()
    now_s = world.clock.now_s()
    assert state.login is not None
    assert (state.login.method, state.login.policies) == ("approle", ("default", "workers"))
    assert state.login.expires_at_s == now_s + 3600
    lease, kv = state.sources
    assert (lease.source, lease.ends_at_s, lease.is_renewable) == (KEY_ID.source, now_s + 895, True)
    assert (kv.source, kv.read_at_s, kv.ends_at_s, kv.usable_until_s) == (KV.source, now_s, None, now_s + MAX_STALE_S)
    assert not any(value in repr(state) for value in ("sk-1", "ASIA", "token-1", "session+"))
