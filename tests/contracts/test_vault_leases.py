"""Real leases of a real engine: users of a real Postgres that a real OpenBao makes, renews and drops.

A leased user is tried out by logging in as it: as often as possible, all the time, without one failure.
"""

import asyncio
import time
from collections.abc import AsyncIterator

import psycopg
import pytest
import pytest_asyncio

from extproc.adapters.vault import VaultCredentials
from extproc.model.catalog import CredentialRef
from extproc.model.credentials import Engine
from extproc.model.refusals import Unavailable
from tests.bao import Bao, MovingClock, run_bao
from tests.servers import Postgres, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one OpenBao for the file

CREATE = "create role \"{{name}}\" login password '{{password}}' valid until '{{expiration}}'"
SHORT_S, LONGEST_S = 3, 8
ROLES = {"short": {"default_ttl": f"{SHORT_S}s", "max_ttl": f"{LONGEST_S}s"}, "long": {"default_ttl": "1h"}}


def user(role: str, field: str = "username") -> CredentialRef:
    return CredentialRef(f"database/creds/{role}", field, Engine.LEASE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bao(tmp_path_factory: pytest.TempPathFactory, postgres_server: Postgres) -> AsyncIterator[Bao]:
    async with run_bao(tmp_path_factory.mktemp("openbao")) as server:
        await server.must("POST", "/v1/sys/mounts/database", {"type": "database"})
        connection = {
            "plugin_name": "postgresql-database-plugin",
            "allowed_roles": "*",
            "connection_url": f"postgresql://gateway@/postgres?host={postgres_server.directory}&sslmode=disable",
        }
        await server.must("POST", "/v1/database/config/pg", connection)
        for name, lives in ROLES.items():
            await server.must(
                "POST", f"/v1/database/roles/{name}", {"db_name": "pg", "creation_statements": [CREATE], **lives}
            )
        await server.make_role('path "database/creds/*" { capabilities = ["read"] }')
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def vault(bao: Bao) -> AsyncIterator[VaultCredentials]:
    bao.clock = MovingClock()
    made = bao.client(refresh_s=1.0, login=bao.own_role)
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="module")
async def kept(vault: VaultCredentials) -> AsyncIterator[VaultCredentials]:
    """One whose leases are looked after."""
    running = asyncio.create_task(vault.run())
    yield vault
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def works(server: Postgres, name: str) -> bool:
    try:
        with psycopg.connect(f"postgresql://{name}@/postgres?host={server.directory}", connect_timeout=60):
            return True
    except psycopg.OperationalError:
        return False


async def leases(bao: Bao, role: str) -> set[str]:
    _, answer = await bao.admin("LIST", f"/v1/sys/leases/lookup/database/creds/{role}")
    return set(answer["data"]["keys"]) if isinstance(answer, dict) and "data" in answer else set()


async def test_a_leased_user_works_at_every_moment_over_renewals_and_its_longest_life(
    bao: Bao, kept: VaultCredentials, postgres_server: Postgres
) -> None:
    await kept.load([user("short"), user("short", "password")])
    lived: dict[str, list[float]] = {}
    failed: list[str] = []
    # Each is replaced near its longest life: the third comes after some 15 s.
    async with asyncio.timeout(90):
        while len(lived) < 3:
            name = kept.credential(user("short")).reveal()
            if not await asyncio.to_thread(works, postgres_server, name):
                failed.append(name)
            lived.setdefault(name, []).append(time.monotonic())
    spans = [seen[-1] - seen[0] for seen in lived.values()]
    assert failed == []
    assert max(spans) > SHORT_S + 1, "no lease was ever renewed"
    # None beyond its longest life: Postgres would have refused it.
    assert sum(len(seen) for seen in lived.values()) > 20


async def test_no_lease_is_given_out_after_its_end_when_the_vault_is_sealed(
    bao: Bao, kept: VaultCredentials, postgres_server: Postgres
) -> None:
    await kept.load([user("short")])
    await bao.seal()

    def had() -> str:
        try:
            return kept.credential(user("short")).reveal()
        except Unavailable:
            return ""

    try:
        async with asyncio.timeout(60):
            while name := had():
                # Postgres refuses a user from the end of its lease: from then on it is not given out.
                if not await asyncio.to_thread(works, postgres_server, name):
                    assert had() != name
        assert kept.state().out_since_s is not None
    finally:
        await bao.unseal()
    await eventually(lambda: bool(had()), "one that is good")
    assert works(postgres_server, kept.credential(user("short")).reveal())


async def test_a_revoked_lease_is_replaced_once_its_user_was_refused(
    bao: Bao, kept: VaultCredentials, postgres_server: Postgres
) -> None:
    await kept.load([user("long")])
    first = kept.credential(user("long")).reveal()
    assert works(postgres_server, first)
    await bao.must("PUT", "/v1/sys/leases/revoke-prefix/database/creds/long")
    await eventually(lambda: not works(postgres_server, first), "the end of its user")
    bao.clock.advance(61)  # a lease so young would not be doubted
    kept.rejected([user("long")])
    await eventually(lambda: kept.credential(user("long")).reveal() != first, "another user")
    assert works(postgres_server, kept.credential(user("long")).reveal())


async def test_a_revoked_login_takes_its_leases_along_and_both_come_back(
    bao: Bao, vault: VaultCredentials, postgres_server: Postgres
) -> None:
    await vault.load([user("long")])
    first = vault.credential(user("long")).reveal()
    await bao.revoke_tokens()
    await eventually(lambda: not works(postgres_server, first), "the end of its user")
    bao.clock.advance(2401)
    await vault.tend()
    second = vault.credential(user("long")).reveal()
    assert second != first
    assert works(postgres_server, second)


async def test_a_worker_that_never_served_leaves_no_user_behind(bao: Bao, postgres_server: Postgres) -> None:
    before = await leases(bao, "long")
    vault = bao.client(login=bao.own_role)
    with pytest.raises(Unavailable, match="there is no such secret"):
        await vault.load([user("long"), CredentialRef("providers/none", "api_key")])
    name = vault._held[user("long").source].values["username"].reveal()
    assert works(postgres_server, name)
    await vault.close()
    await eventually(lambda: not works(postgres_server, name), "the end of its user")
    async with asyncio.timeout(60):
        while await leases(bao, "long") != before:
            await asyncio.sleep(0.02)


async def test_a_worker_that_ends_leaves_its_lease_to_who_may_still_use_it(bao: Bao, postgres_server: Postgres) -> None:
    vault = bao.client(login=bao.own_role)
    await vault.load([user("long")])
    name = vault.credential(user("long")).reveal()
    await vault.close()
    assert works(postgres_server, name)
