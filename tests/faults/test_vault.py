"""What happens to a real OpenBao while requests go through the real Envoy: rotation, seal, kill, revocation, leases.

The provider takes only the credentials that are good at that moment; within max-stale not one request may fail.
"""

import asyncio
import contextlib
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg
import pytest
import pytest_asyncio

from extproc.local.http import HttpFailed
from tests.bao import Bao, run_bao
from tests.contracts.test_vault_leases import CREATE
from tests.e2e.provider import Turn, answer
from tests.e2e.rig import Rig, chat, error_code, make_rig
from tests.servers import Postgres, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one OpenBao and one Envoy for the file

KEY = "providers/main"
REFRESH_S = 0.2
LEASED = "database/creds/provider"
LEASE_S, LONGEST_S = 3, 7


@dataclass
class World:
    """A gateway, its vault, and what the provider takes for a good credential."""

    bao: Bao
    rig: Rig
    is_good: Callable[[str], bool] = lambda _: False
    codes: Counter[int] = field(default_factory=Counter)
    given: list[str] = field(default_factory=list)
    """The credentials that arrived, in order."""

    async def guarded(self, turn: Turn) -> None:
        credential = (turn.request.header("authorization") or "").removeprefix("Bearer ")
        self.given.append(credential)
        if self.is_good(credential):
            await answer(turn)
        else:
            await turn.plain(b'{"error":{"message":"no"}}', 401)

    async def put(self, value: str) -> None:
        async with asyncio.timeout(60):
            while True:  # one that was just opened reads before it writes
                with contextlib.suppress(HttpFailed):
                    return await self.bao.owner.write_secret(KEY, "api_key", value)
                await asyncio.sleep(0.05)

    async def ask(self, http: httpx.AsyncClient, **more: Any) -> httpx.Response:
        return await http.post("/v1/chat/completions", json=chat(x_script="guarded", **more))

    @contextlib.asynccontextmanager
    async def traffic(self, **more: Any) -> AsyncIterator[None]:
        """Requests without a pause, until the end of the block; then not one may have failed."""
        self.codes.clear()
        self.given.clear()
        is_over = asyncio.Event()

        async def keep_asking(http: httpx.AsyncClient) -> None:
            while not is_over.is_set():
                self.codes[(await self.ask(http, **more)).status_code] += 1

        async with self.rig.client() as http, asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(keep_asking(http))
            await self.more(20)
            try:
                yield
                await self.more(20)
            finally:
                is_over.set()
        assert set(self.codes) == {200}, self.codes

    async def more(self, count: int) -> None:
        goal = self.codes.total() + count
        await eventually(lambda: self.codes.total() >= goal, f"{count} more answers")

    async def only(self, credential: str, count: int = 30) -> None:
        """Wait until the provider sees nothing else any more."""
        await eventually(lambda: set(self.given[-count:]) == {credential} and len(self.given) >= count, credential)

    def events(self, name: str) -> int:
        text = (self.rig.directory / "workers.log").read_text()
        return sum(json.loads(line)["event"] == name for line in text.splitlines() if line.startswith("{"))


async def environment(bao: Bao) -> dict[str, str]:
    role = await bao.make_role('path "database/creds/*" { capabilities = ["read"] }')
    return {
        "EXTPROC_VAULT_ADDR": bao.owner.address,
        "EXTPROC_VAULT_ROLE_ID_FILE": str(role.role_id_file),
        "EXTPROC_VAULT_SECRET_ID_FILE": str(role.secret_id_file),
    }


def changes(max_stale_s: float) -> Callable[[int, int], dict[str, Any]]:
    def make(port: int, _: int) -> dict[str, Any]:
        common = {"base_url": f"http://127.0.0.1:{port}/v1", "upstream_model": "m"}
        deployments = [
            {"name": "main", **common, "credential": {"path": KEY}},
            {"name": "leased", **common, "credential": {"lease": LEASED, "field": "username"}},
        ]
        models = [{"name": "chat", "deployments": ["main"]}, {"name": "leased", "deployments": ["leased"]}]
        vault = {"max_stale_s": max_stale_s, "refresh_s": REFRESH_S}
        return {"vault": vault, "deployments": deployments, "models": models}

    return make


@contextlib.asynccontextmanager
async def running_rig(bao: Bao, max_stale_s: float) -> AsyncIterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (await environment(bao)).items():
            patch.setenv(name, value)
        made = make_rig(changes(max_stale_s), worker_module="tests.faults.vault_worker")
        rig = await asyncio.to_thread(next, made)
    world = World(bao, rig)
    rig.provider.scripts["guarded"] = world.guarded
    try:
        yield world
    finally:
        await asyncio.to_thread(made.close)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bao(tmp_path_factory: pytest.TempPathFactory, postgres_server: Postgres) -> AsyncIterator[Bao]:
    async with run_bao(tmp_path_factory.mktemp("openbao")) as server:
        await server.owner.write_secret(KEY, "api_key", "sk-0")
        await server.must("POST", "/v1/sys/mounts/database", {"type": "database"})
        url = f"postgresql://gateway@/postgres?host={postgres_server.directory}&sslmode=disable"
        plugin = {"plugin_name": "postgresql-database-plugin", "allowed_roles": "*", "connection_url": url}
        await server.must("POST", "/v1/database/config/pg", plugin)
        lives = {"default_ttl": f"{LEASE_S}s", "max_ttl": f"{LONGEST_S}s"}
        role = {"db_name": "pg", "creation_statements": [CREATE], **lives}
        await server.must("POST", "/v1/database/roles/provider", role)
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(bao: Bao) -> AsyncIterator[World]:
    async with running_rig(bao, 3600) as world:
        yield world


@pytest_asyncio.fixture(loop_scope="module")
async def world(shared: World) -> AsyncIterator[World]:
    await shared.put("sk-0")
    shared.is_good = {"sk-0"}.__contains__
    async with shared.rig.client() as http, asyncio.timeout(60):
        streak = 0
        while streak < 20:  # enough in a row that both workers were asked
            streak = streak + 1 if (await shared.ask(http)).status_code == 200 else 0
    yield shared
    if not shared.bao.supervisor.running:
        await shared.bao.supervisor.start(shared.bao.part)
    await shared.bao.unseal()


async def test_a_rotated_key_replaces_the_old_one_without_a_failed_request(world: World) -> None:
    async with world.traffic():
        world.is_good = {"sk-0", "sk-1"}.__contains__
        await world.put("sk-1")
        await world.only("sk-1")
        world.is_good = {"sk-1"}.__contains__
        await world.more(50)
    assert set(world.given) == {"sk-0", "sk-1"}


async def test_a_sealed_vault_fails_no_request_and_is_told_once_by_each_worker(world: World) -> None:
    out, back = world.events("vault_unavailable"), world.events("vault_available")
    async with world.traffic():
        await world.bao.seal()
        await eventually(lambda: world.events("vault_unavailable") == out + 2, "both workers' alarm")
        await world.more(100)
        await world.bao.unseal()
        await eventually(lambda: world.events("vault_available") == back + 2, "both workers' all-clear")
    assert world.events("vault_unavailable") == out + 2
    assert set(world.given) == {"sk-0"}


async def test_a_killed_vault_fails_no_request_and_what_was_rotated_after_it_arrives(world: World) -> None:
    back = world.events("vault_available")
    async with world.traffic():
        world.bao.supervisor._children["openbao"].identity.signal(signal.SIGKILL)
        await eventually(lambda: world.events("vault_available") == back + 2, "its return", 30)
        world.is_good = {"sk-0", "sk-2"}.__contains__
        await world.put("sk-2")
        await world.only("sk-2")


async def test_a_revoked_login_fails_no_request_and_costs_each_worker_one_more(world: World) -> None:
    async with world.traffic():
        before = await world.bao.count_tokens()
        await world.bao.revoke_tokens()
        await world.more(50)
        world.is_good = {"sk-0", "sk-3"}.__contains__
        await world.put("sk-3")
        await world.only("sk-3")
        assert await world.bao.count_tokens() == before


async def test_a_leased_credential_is_good_at_every_request_over_renewals_and_new_leases(
    world: World, postgres_server: Postgres
) -> None:
    def is_user(name: str) -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(f"postgresql://{name}@/postgres?host={postgres_server.directory}").close()
            return True
        return False

    world.is_good = is_user
    async with world.traffic(model="leased"):
        await eventually(lambda: len(set(world.given)) >= 5, "new leases of both workers", 4 * LONGEST_S)
    assert world.codes.total() > 100


async def test_what_the_workers_hold_is_said_outside_and_holds_no_value(world: World) -> None:
    files = sorted(world.rig.directory.glob("vault-*.json"))
    assert [file.name for file in files] == ["vault-0.json", "vault-1.json"]
    text = "".join(file.read_text() for file in files) + world.rig.logs()
    assert "database/creds/provider" in text
    assert not any(value in text for value in ("sk-", "v-approle-"))


async def test_beyond_max_stale_nothing_is_sent_and_the_return_of_the_vault_ends_it(bao: Bao) -> None:
    async with running_rig(bao, 2.0) as world, world.rig.client() as http:
        world.is_good = lambda _: True
        assert (await world.ask(http)).status_code == 200
        await bao.seal()
        refusals = 0
        async with asyncio.timeout(60):
            while refusals < 20:  # enough in a row that both workers were asked
                response = await world.ask(http)
                refusals = refusals + 1 if response.status_code == 503 else 0
        sent = len(world.given)
        assert error_code(response) == "dependency_unavailable"
        assert (await world.ask(http)).status_code == 503
        assert len(world.given) == sent
        await bao.unseal()
        async with asyncio.timeout(60):
            while (await world.ask(http)).status_code != 200:
                await asyncio.sleep(0.05)
