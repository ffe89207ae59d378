"""The stack's own key over its starts, in real Postgres and Valkey; the vault knows the pepper."""

import json
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from extproc import bootstrap
from extproc.config.environment import Environment
from extproc.local import demo_key
from extproc.local.state import remembered_key
from extproc.model.keys import Deed, KeyFilter
from extproc.model.token import is_well_formed
from extproc.operations.keys import list_keys, revoke
from tests.unit.cli.test_keys import Vault


@pytest.fixture
def environment(postgres_dsn: str, valkey_url: str, tmp_path: Path) -> Iterator[Environment]:
    for name in ("role", "secret"):
        (tmp_path / name).write_text(f"{name}-id\n")
    with ThreadingHTTPServer(("127.0.0.1", 0), Vault) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Environment(
            postgres_dsn=postgres_dsn,
            redis_url=valkey_url,
            vault_addr=f"http://127.0.0.1:{server.server_address[1]}",
            vault_role_id_file=tmp_path / "role",
            vault_secret_id_file=tmp_path / "secret",
        )
        server.shutdown()
        thread.join(60)


async def count(environment: Environment) -> int:
    async with bootstrap.open_key_desk(environment) as desk:
        return len(await list_keys(desk, KeyFilter()))


async def test_every_start_gives_the_same_key_and_only_its_owner_may_read_the_file(
    environment: Environment, tmp_path: Path
) -> None:
    file = tmp_path / "virtual_key.json"
    first = await demo_key.provide(environment, file)
    assert is_well_formed(first.reveal())
    assert await demo_key.provide(environment, file) == first
    assert await count(environment) == 1
    assert file.stat().st_mode & 0o077 == 0


async def test_a_key_that_was_revoked_gets_a_successor(environment: Environment, tmp_path: Path) -> None:
    file = tmp_path / "virtual_key.json"
    first = await demo_key.provide(environment, file)
    known = remembered_key(file)
    assert known is not None
    async with bootstrap.open_key_desk(environment) as desk:
        await revoke(desk, known[0], Deed("ada", "CHG-1"))
    second = await demo_key.provide(environment, file)
    assert second != first
    assert await demo_key.provide(environment, file) == second


@pytest.mark.parametrize("content", ["", "{}", "not JSON", json.dumps({"id": "key_" + "0" * 22, "key": "gk_local_x"})])
async def test_a_file_that_remembers_no_key_of_this_database_is_replaced(
    environment: Environment, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "virtual_key.json"
    file.write_text(content)
    token = await demo_key.provide(environment, file)
    assert is_well_formed(token.reveal())
    assert remembered_key(file) is not None
    assert await count(environment) == 1
