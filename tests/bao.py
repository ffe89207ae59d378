"""A real OpenBao for tests, set up as the local stack does, and a clock that runs and can be moved."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from extproc.adapters.vault import VaultCredentials
from extproc.adapters.vault_login import AppRole, Login, VaultAccount
from extproc.local import openbao
from extproc.local.http import call
from extproc.local.part import Part
from extproc.local.problems import free_port
from extproc.local.state import StateDir
from extproc.local.supervisor import Supervisor

MAX_STALE_S = 3600.0


@dataclass
class MovingClock:
    """Real time, and as much more as it was advanced."""

    ahead_s: float = 0.0

    def now_s(self) -> float:
        return time.time() + self.ahead_s

    def advance(self, by_s: float) -> None:
        self.ahead_s += by_s


class Quiet:
    def say(self, line: str) -> None:
        pass


@dataclass
class Bao:
    state: StateDir
    owner: openbao.Vault
    supervisor: Supervisor
    part: Part
    clock: MovingClock = field(default_factory=MovingClock)

    @property
    def app_role(self) -> AppRole:
        return AppRole(self.state.vault_role_id, self.state.vault_secret_id)

    @property
    def own_role(self) -> AppRole:
        """The role that ``make_role`` made."""
        return AppRole(self.state.root / "own_role_id", self.state.root / "own_secret_id")

    def client(self, *, refresh_s: float = 60.0, login: Login | None = None) -> VaultCredentials:
        account = VaultAccount(self.owner.address, openbao.MOUNT, login or self.app_role)
        return VaultCredentials(account, self.clock, max_stale_s=MAX_STALE_S, refresh_s=refresh_s, jitter=lambda: 0.5)

    async def admin(self, method: str, path: str, body: object = None) -> tuple[int, object]:
        token = json.loads(self.state.vault_init.read_text())["root_token"]
        return await call(self.owner.port, method, path, body, {"X-Vault-Token": token})

    async def must(self, method: str, path: str, body: object = None) -> dict[str, object]:
        status, answer = await self.admin(method, path, body)
        assert status in {200, 204}, (status, answer)
        return answer if isinstance(answer, dict) else {}

    async def make_role(self, policy: str) -> AppRole:
        """A role that may do this beside what workers may; it outlives a restart, which sets the usual one up anew."""
        await self.must("PUT", "/v1/sys/policies/acl/own", {"policy": policy})
        role = "/v1/auth/approle/role/own"
        await self.must("POST", role, {"token_policies": ["extproc-worker", "own"], "token_ttl": "1h"})
        parts = {"role_id": await self.must("GET", f"{role}/role-id")}
        parts["secret_id"] = await self.must("POST", f"{role}/secret-id", {})
        for name, answer in parts.items():
            data = answer["data"]
            assert isinstance(data, dict)
            (self.state.root / f"own_{name}").write_text(data[name])
        return self.own_role

    async def seal(self) -> None:
        await self.must("PUT", "/v1/sys/seal")

    async def unseal(self) -> None:
        async with asyncio.timeout(60):
            await self.owner.unseal()
            is_active = False
            while not is_active:
                await asyncio.sleep(0.02)
                is_active = await self.owner.is_active()

    async def revoke_tokens(self) -> None:
        await self.must("PUT", "/v1/sys/leases/revoke-prefix/auth/approle")

    async def count_tokens(self) -> int:
        """How many tokens there are: a renewal makes none, a login one."""
        _, answer = await self.admin("LIST", "/v1/auth/token/accessors")
        assert isinstance(answer, dict)
        return len(answer["data"]["keys"])

    async def stop(self) -> None:
        await self.supervisor.stop("openbao")


@contextlib.asynccontextmanager
async def run_bao(directory: Path) -> AsyncIterator[Bao]:
    """One that is unsealed, with the workers' AppRole. It comes back by itself when it is killed."""
    state = StateDir(directory / "state")
    state.create()
    owner = openbao.Vault(free_port(), state.vault_init)
    supervisor = Supervisor(state.logs, Quiet(), lambda _: None)
    part = openbao.openbao(state, owner, free_port())
    await supervisor.start(part)
    try:
        yield Bao(state, owner, supervisor, part)
    finally:
        if supervisor.running:
            await supervisor.stop("openbao")
