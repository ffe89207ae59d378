"""Leases and minted tokens over their lives, on a clock that the test moves, against a scripted Vault and its clouds.

``contracts/test_vault_leases`` has the same machinery on a real engine of a real OpenBao.
"""

import pytest
from structlog.testing import capture_logs

from extproc.model.catalog import CredentialRef
from extproc.model.credentials import Engine
from extproc.model.refusals import Unavailable
from tests.scripted_vault import aws_keys
from tests.unit.adapters.vault_worlds import AWS, ISSUE, KEY_ID, KV, LOGIN, MAX_STALE_S, RENEW, SESSION, STS, World

# -- leases -------------------------------------------------------------------------------------------------------


async def test_every_part_of_a_leased_key_is_of_the_same_lease(world: World) -> None:
    await world.held.load(AWS)
    assert [world.get(ref) for ref in AWS] == [
        str(aws_keys(2)[field]) for field in ("access_key", "secret_key", "security_token")
    ]
    assert world.vault.count(ISSUE) == 1


async def test_a_users_key_comes_with_an_empty_session_token(world: World) -> None:
    world.vault.engines[STS] = lambda _: {"access_key": "AKIA", "secret_key": "s", "security_token": None}
    await world.held.load(AWS)
    assert world.get(SESSION) == ""


async def test_a_lease_is_renewed_at_two_thirds_and_not_before(world: World) -> None:
    await world.held.load(AWS)
    await world.later(900 * 0.66)
    assert world.vault.count(RENEW) == 0
    await world.later(900 * 0.02)
    assert world.vault.count(RENEW) == 1
    await world.later(900 * 0.66)
    assert (world.vault.count(RENEW), world.vault.count(ISSUE)) == (1, 1)
    assert world.get(KEY_ID) == "ASIA0000000000000002"


async def test_a_lease_near_its_longest_life_is_issued_again_while_the_old_one_still_serves(world: World) -> None:
    await world.held.load(AWS)
    world.vault.longest_lease_s = 10_000
    for _ in range(5):
        await world.later(601)
        world.get(KEY_ID)
    # 900 s, then three renewals; the fourth would have given less than half.
    assert world.vault.count(ISSUE) == 2
    assert world.get(KEY_ID) != "ASIA0000000000000002"
    assert "aws/sts/bedrock/2" in world.vault.leases, "the old lease was revoked under who may still use it"


async def test_a_lease_that_cannot_be_renewed_is_issued_again_at_two_thirds(world: World) -> None:
    world.vault.is_renewable = False
    await world.held.load(AWS)
    await world.later(601)
    assert (world.vault.count(RENEW), world.vault.count(ISSUE)) == (0, 2)


async def test_a_lease_that_the_vault_forgot_is_issued_again(world: World) -> None:
    await world.held.load(AWS)
    world.vault.leases.clear()
    await world.later(601)
    assert (world.vault.count(RENEW), world.vault.count(ISSUE)) == (1, 2)


async def test_a_lease_is_never_used_after_its_end(world: World) -> None:
    await world.held.load(AWS)
    world.vault.is_sealed = True
    with pytest.raises(Unavailable):
        await world.later(850)
    assert world.get(KEY_ID)
    world.clock.advance(50)
    with pytest.raises(Unavailable, match="too old"):
        world.get(KEY_ID)
    world.vault.is_sealed = False
    await world.later(60)
    assert world.get(KEY_ID)


async def test_a_new_login_issues_what_was_leased_under_the_old_one(world: World) -> None:
    world.vault.lease_life_s = world.vault.longest_lease_s = 50_000
    world.vault.longest_token_s = world.clock.now_s() + 4000
    await world.held.load(AWS)
    await world.later(2401)  # the token's renewal gives 1599 s, less than half: a new login
    assert (world.vault.count(LOGIN), world.vault.count(ISSUE)) == (2, 2)
    assert {lease.token for lease in world.vault.leases.values()} == {"token-1", "token-3"}
    world.clock.advance(1600)
    assert world.get(KEY_ID) == "ASIA0000000000000004"


async def test_a_revoked_token_costs_one_login_and_one_new_lease(world: World) -> None:
    await world.held.load((*AWS, KV))
    world.vault.revoke("token-1")
    await world.later(61)  # the key-value secret is due, and meets 403
    assert (world.vault.count(LOGIN), world.vault.count(ISSUE)) == (2, 2)
    assert world.get(KEY_ID) == "ASIA0000000000000004"


async def test_a_path_we_may_not_read_costs_no_lease_of_the_others(world: World) -> None:
    await world.held.load((*AWS, KV))
    forbidden = CredentialRef("azure/creds/none", "client_id", Engine.LEASE)
    with pytest.raises(Unavailable, match="permission denied"):
        await world.held.load((*AWS, KV, forbidden))
    await world.held.load((*AWS, KV))
    await world.later(61)
    assert world.vault.count(ISSUE) == 1
    assert set(world.vault.tokens) == {"token-1"}, "the login that did not help was not given back"


async def test_a_dynamic_engine_that_fails_is_not_asked_over_and_over(world: World) -> None:
    def broken(number: int) -> dict[str, object]:
        return {"access_key": f"AKIA {number}", "secret_key": "s"}

    world.vault.engines[STS] = broken
    for _ in range(5):
        with pytest.raises(Unavailable, match=r"aws/sts/bedrock#access_key_id: spaces"):
            await world.held.load(AWS)
    assert world.vault.count(ISSUE) == 1
    world.vault.engines[STS] = aws_keys
    world.clock.advance(2)
    await world.held.load(AWS)
    assert world.get(KEY_ID)


async def test_what_a_worker_leased_that_never_served_is_given_back(world: World) -> None:
    with pytest.raises(Unavailable):
        await world.held.load((*AWS, CredentialRef("providers/none", "api_key")))
    await world.held.close()
    assert world.vault.leases == {}


async def test_what_a_worker_leased_that_served_runs_out_by_itself(world: World) -> None:
    await world.held.load(AWS)
    await world.held.close()
    assert len(world.vault.leases) == 1


async def test_a_check_gives_back_all_that_it_leased(world: World) -> None:
    await world.held.load(AWS)
    await world.held.give_back()
    assert world.vault.leases == world.vault.tokens == {}


# -- minted tokens ------------------------------------------------------------------------------------------------


async def test_googles_own_tokens_are_asked_for_again_before_they_end(world: World) -> None:
    world.vault.engines["gcp/roleset/v/token"] = lambda number: {"token": f"ya29.{number}", "token_ttl": 3600}
    ref = CredentialRef("gcp/roleset/v/token", "token", Engine.LEASE)
    await world.held.load((ref,))
    assert world.get(ref) == "ya29.2"
    await world.later(2300)
    assert world.get(ref) == "ya29.2"
    await world.later(101)
    assert world.get(ref) == "ya29.3"


async def test_a_token_is_minted_from_a_key_file_in_the_vault(world: World) -> None:
    world.vault.kv["providers/vertex"] = dict(world.endpoints.key_file())
    ref = world.google()
    await world.held.load((ref,))
    assert world.get(ref) == "minted-1"
    await world.later(2399)
    assert world.endpoints.granted == 1
    await world.later(2)
    assert world.get(ref) == "minted-2"
    assert world.endpoints.problems == []


async def test_a_token_is_minted_from_a_leased_key_and_from_a_leased_principal(world: World) -> None:
    world.vault.engines["gcp/roleset/v/key"] = world.endpoints.leased_key
    world.vault.engines["azure/creds/openai"] = lambda _: {"client_id": "client-1", "client_secret": "entra~secret.1+ä"}
    google, entra = world.google("gcp/roleset/v/key", Engine.LEASE), world.entra()
    await world.held.load((google, entra))
    assert {world.get(google), world.get(entra)} == {"minted-1", "minted-2"}
    await world.later(601)
    assert world.vault.count(RENEW) == 2
    assert world.endpoints.granted == 2, "the lease was renewed, the tokens are good"
    assert world.endpoints.problems == []


async def test_a_rotated_secret_is_minted_from_at_once(world: World) -> None:
    world.vault.kv["providers/entra"] = {"client_id": "client-1", "client_secret": "entra~secret.1+ä"}
    ref = world.entra("providers/entra", Engine.KV)
    await world.held.load((ref,))
    world.endpoints.secrets["client-1"] = "second"
    world.vault.kv["providers/entra"] = {"client_id": "client-1", "client_secret": "second"}
    await world.later(61)
    assert world.get(ref) == "minted-2"


async def test_without_the_vault_tokens_are_minted_from_what_is_remembered_until_max_stale(world: World) -> None:
    world.vault.kv["providers/vertex"] = dict(world.endpoints.key_file())
    ref = world.google()
    await world.held.load((ref,))
    world.vault.is_sealed = True
    for _ in range(3):
        with pytest.raises(Unavailable, match="sealed"):
            await world.later(2401)
    assert world.get(ref) == "minted-4"
    with pytest.raises(Unavailable, match="sealed"):
        await world.later(MAX_STALE_S - 3 * 2401 + 1)
    with pytest.raises(Unavailable, match="too old"):
        world.get(ref)


async def test_a_token_endpoint_that_fails_leaves_the_token_until_its_end(world: World) -> None:
    world.vault.kv["providers/vertex"] = dict(world.endpoints.key_file())
    ref = world.google()
    await world.held.load((ref,))
    world.endpoints.status = 503
    with capture_logs() as lines:
        for by_s in (2401, 60):
            with pytest.raises(Unavailable, match="answered 503"):
                await world.later(by_s)
        assert world.get(ref) == "minted-1"
        world.clock.advance(1140)
        with pytest.raises(Unavailable):
            world.get(ref)
        world.endpoints.status = 200
        await world.later(0)
    assert world.get(ref) == "minted-2"
    told = [line["event"] for line in lines if line["event"] != "credential_changed"]
    assert told == ["credential_unavailable", "credential_available"]
    assert world.held.state().sources[0].trouble == ""


async def test_a_principal_that_stays_refused_is_leased_again_and_not_before_it_had_time_to_be_known(
    world: World,
) -> None:
    world.vault.engines["azure/creds/openai"] = lambda _: {"client_id": "client-1", "client_secret": "entra~secret.1+ä"}
    world.vault.lease_life_s = world.vault.longest_lease_s = 100_000
    ref = world.entra()
    await world.held.load((ref,))
    world.endpoints.status = 401
    with pytest.raises(Unavailable, match="invalid_client"):
        await world.held.reread(ref)
    assert world.vault.count("GET /v1/azure/creds/openai") == 1
    world.clock.advance(301)
    with pytest.raises(Unavailable, match="invalid_client"):
        await world.held.reread(ref)
    world.endpoints.status = 200
    await world.held.tend()
    assert world.vault.count("GET /v1/azure/creds/openai") == 2
