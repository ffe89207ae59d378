"""Leased AWS keys and minted Google and Entra tokens through the real Envoy, at providers that check them as clouds do.

The Vault API and the token endpoints are played (``tests/scripted_vault``); lives are seconds, so that every credential
is replaced several times under the traffic.
"""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.aws_signatures import signature_scope
from tests.e2e.provider import ANSWER, Request, Turn
from tests.e2e.rig import Rig, chat, make_rig
from tests.scripted_vault import ScriptedVault, TokenEndpoints, aws_keys, serving
from tests.servers import eventually
from tests.unit.dialects.bedrock_cases import CASES

LEASE_S, LONGEST_S, TOKEN_S = 3, 7, 4
GEMINI = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
}


@dataclass
class Clouds:
    """AWS, Google and Azure behind one port, and the vault that makes credentials for them."""

    rig: Rig
    vault: ScriptedVault
    endpoints: TokenEndpoints
    seen: dict[str, set[str]] = field(default_factory=lambda: {"aws": set(), "google": set(), "azure": set()})
    problems: list[str] = field(default_factory=list)

    async def answer(self, turn: Turn) -> None:
        path = turn.request.line.split(" ")[1]
        try:
            if path.startswith("/model/"):
                self.check_aws(turn.request)
                await turn.plain(json.dumps(CASES["text"]["answer"]).encode())
            else:
                cloud = "google" if path.endswith(":generateContent") else "azure"
                self.check_token(turn.request, cloud)
                await turn.plain(json.dumps(GEMINI if cloud == "google" else ANSWER).encode())
        except AssertionError as problem:
            self.problems.append(f"{path}: {problem}")
            await turn.plain(b"{}", 403)

    def check_aws(self, request: Request) -> None:
        key_id = (request.header("authorization") or "").partition("Credential=")[2].partition("/")[0]
        number = int(key_id.removeprefix("ASIA"))
        keys = aws_keys(number)
        lease = self.vault.leases.get(f"aws/sts/bedrock/{number}")
        assert lease is not None, "the lease was revoked"
        assert time.time() < lease.ends_at_s, "the lease is over"
        _, service, names = signature_scope(request, key_id, str(keys["secret_key"]))
        assert service == "bedrock"
        assert "x-amz-security-token" in names, "the session token was not signed"
        assert request.header("x-amz-security-token") == keys["security_token"], "of another lease"
        self.seen["aws"].add(key_id)

    def check_token(self, request: Request, cloud: str) -> None:
        token = (request.header("authorization") or "").removeprefix("Bearer ")
        assert token.startswith("minted-"), token
        assert request.header("api-key") is None
        self.seen[cloud].add(token)


def changes(endpoints: TokenEndpoints, port: int) -> dict[str, Any]:
    url, model = f"http://127.0.0.1:{port}", {"upstream_model": "m"}
    google = {"google": {"token_url": endpoints.google_url}}
    entra = {"entra": {"tenant": "tenant-1", "token_url": endpoints.entra_url}}
    place = {"project": "p", "location": "global"}
    azure = {"api_version": "2024-10-21", "auth": "entra"}
    common = {"base_url": url, **model}
    deployments = [
        {
            "name": "aws",
            "dialect": "bedrock",
            "options": {"region": "eu-west-1"},
            "credential": {"lease": "aws/sts/bedrock"},
        },
        {"name": "google", "dialect": "vertex", "options": place, "credential": {"path": "providers/v", **google}},
        {"name": "azure", "dialect": "azure", "options": azure, "credential": {"lease": "azure/creds/o", **entra}},
    ]
    return {
        "vault": {"max_stale_s": 3600, "refresh_s": 0.2},
        "deployments": [{**each, **common} for each in deployments],
        "models": [{"name": each["name"], "deployments": [each["name"]]} for each in deployments],
    }


@pytest.fixture
async def clouds() -> AsyncIterator[Clouds]:
    vault = ScriptedVault(time.time, lease_life_s=LEASE_S, longest_lease_s=LONGEST_S)
    endpoints = TokenEndpoints(time.time, life_s=TOKEN_S)
    vault.engines = {
        "aws/sts/bedrock": aws_keys,
        "azure/creds/o": lambda _: {"client_id": "client-1", "client_secret": "entra~secret.1+ä"},
    }
    vault.kv = {"providers/v": dict(endpoints.key_file()), "gateway/pepper": {"value": "pepper"}}
    with serving(vault), serving(endpoints), contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        made = make_rig(lambda port, _: changes(endpoints, port), worker_module="tests.faults.vault_worker")
        for name, value in {"ADDR": vault.address, "ROLE_ID_FILE": __file__, "SECRET_ID_FILE": __file__}.items():
            patch.setenv(f"EXTPROC_VAULT_{name}", value)
        found = Clouds(await asyncio.to_thread(next, made), vault, endpoints)
        found.rig.provider.scripts["answer"] = found.answer
        yield found
        await asyncio.to_thread(made.close)


async def test_credentials_of_every_cloud_are_good_at_every_request_while_they_are_replaced(clouds: Clouds) -> None:
    codes: Counter[tuple[str, int]] = Counter()
    is_over = asyncio.Event()

    async def keep_asking(model: str) -> None:
        async with clouds.rig.client() as http:
            while not is_over.is_set():
                response = await http.post("/v1/chat/completions", json=chat(model=model))
                codes[model, response.status_code] += 1

    async with asyncio.TaskGroup() as group:
        for model in clouds.seen:
            group.create_task(keep_asking(model))
        try:
            await eventually(lambda: all(len(seen) >= 5 for seen in clouds.seen.values()), "replacements", 40)
        finally:
            is_over.set()
    assert clouds.problems == clouds.endpoints.problems == []
    assert {status for _, status in codes} == {200}, codes
    assert clouds.vault.count("PUT /v1/sys/leases/renew") >= 4
