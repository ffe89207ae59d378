"""compose/openbao's files on a real OpenBao: what init.sh leaves behind is what a worker can log in with."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio

from extproc.adapters.memory import MemoryClock
from extproc.adapters.vault import VaultCredentials
from extproc.adapters.vault_login import AppRole, VaultAccount
from extproc.bootstrap import PEPPER
from extproc.model.catalog import CredentialRef
from extproc.model.refusals import Unavailable
from tests.compose_openbao import Bao, run_compose_openbao

KEY = CredentialRef("providers/openai", "api_key")


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    with run_compose_openbao(tmp_path_factory.mktemp("bao")) as server:
        yield server


@pytest_asyncio.fixture
async def worker(bao: Bao) -> AsyncIterator[Callable[[], VaultCredentials]]:
    """Makes clients that log in with the files a worker is given."""
    roles = bao.directory / "approle"
    account = VaultAccount(f"http://127.0.0.1:{bao.port}", "secret", AppRole(roles / "role_id", roles / "secret_id"))
    opened: list[VaultCredentials] = []

    def make() -> VaultCredentials:
        opened.append(VaultCredentials(account, MemoryClock(), max_stale_s=60.0, refresh_s=60.0))
        return opened[-1]

    yield make
    for client in opened:
        await client.close()


async def test_a_worker_reads_the_pepper_with_the_role_that_init_left(worker: Callable[[], VaultCredentials]) -> None:
    client = worker()
    await client.load([PEPPER])
    assert len(bytes.fromhex(client.credential(PEPPER).reveal())) == 32


async def test_a_key_put_into_the_vault_arrives_without_its_line_end(
    bao: Bao, worker: Callable[[], VaultCredentials]
) -> None:
    bao.run("put.sh", KEY.path, KEY.field, given="sk-made-up\r\n")
    client = worker()
    await client.load([KEY])
    assert client.credential(KEY).reveal() == "sk-made-up"


async def test_the_role_may_read_nothing_else(bao: Bao, worker: Callable[[], VaultCredentials]) -> None:
    bao.run("put.sh", "elsewhere/thing", "value", given="x")
    with pytest.raises(Unavailable, match="permission denied"):
        await worker().load([CredentialRef("elsewhere/thing", "value")])


async def test_init_runs_again_after_a_restart_and_keeps_what_is_there(
    bao: Bao, worker: Callable[[], VaultCredentials]
) -> None:
    before = worker()
    await before.load([PEPPER])
    files = [bao.file(name) for name in ("approle/role_id", "approle/secret_id", "file/init.txt")]
    bao.stop()
    bao.start()
    bao.run("init.sh")
    after = worker()
    await after.load([PEPPER])
    assert after.credential(PEPPER).reveal() == before.credential(PEPPER).reveal()
    assert [bao.file(name) for name in ("approle/role_id", "approle/secret_id", "file/init.txt")] == files


async def test_a_lost_secret_id_is_replaced(bao: Bao, worker: Callable[[], VaultCredentials]) -> None:
    # The volume is memory: it does not outlive the stack.
    old = bao.file("approle/secret_id")
    (bao.directory / "approle/secret_id").unlink()
    bao.run("init.sh")
    assert bao.file("approle/secret_id") != old
    await worker().load([PEPPER])


def test_no_secret_is_printed_and_the_unseal_key_is_its_owners_alone(bao: Bao) -> None:
    said = bao.run("init.sh")
    init = bao.file("file/init.txt")
    secrets = [
        line.rpartition(": ")[2] for line in init.splitlines() if line.startswith(("Unseal Key", "Initial Root"))
    ]
    assert len(secrets) == 2
    secrets += [bao.file("approle/secret_id")]
    assert [secret for secret in secrets if not secret or secret in said] == []
    assert (bao.directory / "file/init.txt").stat().st_mode & 0o077 == 0
    assert (bao.directory / "approle/secret_id").stat().st_mode & 0o007 == 0
