"""The whole stack with one dependency gone: what DESIGN promises for each, seen by a client."""

import asyncio
import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from extproc.local.processes import ProcessId
from extproc.model.ids import OrganisationId
from tests.e2e.provider import ANSWER, Provider, Turn, word
from tests.e2e.rig import chat, error_code
from tests.e2e.test_local_stack import Local
from tests.samples import make_token
from tests.servers import eventually

_MODEL = "gpt-5.5"
SOON_S = 60.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    provider = Provider().start()
    directory = tmp_path_factory.mktemp("stack")
    (directory / "key").write_text("sk-provider")
    local = Local(directory / "state", provider)
    url = f"http://127.0.0.1:{provider.port}/v1"
    local.up("--provider", "openai", "--provider-url", url, "--key-file", str(directory / "key"))
    try:
        yield local
    finally:
        local.run("down")
        provider.stop()


@contextmanager
def stopped(local: Local, name: str) -> Iterator[None]:
    """A part that stands still with its connections open: worse than one that is gone."""
    part = local.part(name)
    family = [part, *part.descendants()]
    _send(family, signal.SIGSTOP)
    try:
        yield
    finally:
        _send(family, signal.SIGCONT)


def _send(processes: list[ProcessId], number: signal.Signals) -> None:
    for process in processes:
        process.signal(number)


def client(local: Local, key: str | None = None) -> httpx.AsyncClient:
    status = local.status()
    headers = {"authorization": f"Bearer {key or status['virtual_key']}"}
    return httpx.AsyncClient(base_url=status["base_url"], headers=headers, timeout=20, trust_env=False)


async def ask(http: httpx.AsyncClient) -> httpx.Response:
    return await http.post("/chat/completions", json=chat(model=_MODEL))


def mint(local: Local) -> tuple[str, str]:
    """A new key: its text and its id."""
    made = json.loads(
        local.run(
            *("keys", "mint", "--create", "--project", "acme/cards/chatbot", "--owner", "ada"),
            *("--approval", "CHG-1", "--json"),
        )
    )
    return made["key"], made["id"]


async def test_without_postgres_known_keys_work_and_unknown_ones_wait(stack: Local) -> None:
    async with client(stack) as http:
        assert (await ask(http)).json() == ANSWER
        stranger = make_token(OrganisationId("acme")).reveal()
        with stopped(stack, "postgres"):
            for _ in range(10):
                assert (await ask(http)).json() == ANSWER
            refused = await http.post(
                "/chat/completions", json=chat(model=_MODEL), headers={"authorization": f"Bearer {stranger}"}
            )
        assert refused.status_code == 503
        assert error_code(refused) == "dependency_unavailable"
        assert refused.headers["retry-after"] == "1"


async def test_without_redis_nothing_changes_and_a_revoked_key_is_still_refused(stack: Local) -> None:
    key, identity = mint(stack)
    async with client(stack, key) as http:
        assert (await ask(http)).json() == ANSWER
        with stopped(stack, "valkey"):
            assert (await ask(http)).json() == ANSWER
            await revoke_and_wait(stack, http, identity)


async def test_a_revoked_key_is_refused_and_its_running_stream_finishes(stack: Local) -> None:
    key, identity = mint(stack)
    is_revoked = asyncio.Event()

    async def long(turn: Turn) -> None:
        await turn.open_stream()
        # The end of what was said is held until it is judged; this is longer than what is held.
        for _ in range(200):
            await turn.event(word("first "))
        while not is_revoked.is_set():
            await asyncio.sleep(0.01)
        await turn.event(word("last"))
        await turn.event(b"[DONE]")
        await turn.end()

    stack.provider.scripts["long"] = long
    async with client(stack, key) as http:
        got = b""
        body = chat(model=_MODEL, stream=True, x_script="long")
        async with http.stream("POST", "/chat/completions", json=body) as response:
            async for data in response.aiter_bytes():
                got += data
                if b"first" in data and not is_revoked.is_set():
                    await revoke_and_wait(stack, http, identity)
                    is_revoked.set()
    assert got.endswith(b"data: [DONE]\n\n")


async def revoke_and_wait(local: Local, http: httpx.AsyncClient, identity: str) -> None:
    """Every worker refuses soon after the command's return: how soon depends on the machine and is not asserted."""
    await asyncio.to_thread(local.run, "keys", "revoke", identity, "--approval", "INC-1")
    began_s = time.monotonic()
    refusals = 0
    while refusals < 12:  # enough in a row that each worker was asked
        response = await ask(http)
        assert response.status_code in {200, 401}
        refusals = refusals + 1 if response.status_code == 401 else 0
        assert refusals or time.monotonic() - began_s < SOON_S
    assert error_code(response) == "invalid_api_key"


async def test_without_the_vault_credentials_in_memory_serve(stack: Local) -> None:
    async with client(stack) as http:
        with stopped(stack, "openbao"):
            assert (await ask(http)).json() == ANSWER


async def test_exchanges_are_counted_by_how_they_ended(stack: Local) -> None:
    before = stack.status()["exchanges"]
    async with client(stack) as http:
        await ask(http)
        await http.post("/chat/completions", json=chat(model="unknown"))
    await eventually(lambda: stack.status()["exchanges"]["refused"] > before["refused"], "the count")
    assert stack.status()["exchanges"]["answered"] > before["answered"]
