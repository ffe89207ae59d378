import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from extproc.model.credentials import Engine, EntraMint, GoogleMint, Source
from extproc.model.vault_state import LoginState, SourceState, VaultState
from extproc.operations.vault_state import STALE_S, kind_of, read_states, tell_states, write_state
from tests.servers import eventually

GOOGLE = GoogleMint("https://oauth2.example/token", "scope")
ENTRA = EntraMint("https://login.example/token", "scope")
SOURCES = (
    SourceState(Source("providers/openai"), 990.0, None, 4000.0, is_renewable=False, trouble=""),
    SourceState(Source("aws/sts/b", Engine.LEASE), 990.0, 1890.0, 1890.0, is_renewable=True, trouble="denied"),
    SourceState(Source("providers/v", mint=GOOGLE), None, None, None, is_renewable=False, trouble="never"),
    SourceState(Source("azure/creds/o", Engine.LEASE, ENTRA), 1.5, 2.5, 2.5, is_renewable=False, trouble=""),
)
LOGIN = LoginState("approle", "approle", ("default", "workers"), None, is_renewable=True)
STATE = VaultState(1000.0, None, LOGIN, SOURCES)


def test_what_a_worker_says_is_read_as_it_was_said(tmp_path: Path) -> None:
    write_state(tmp_path, 3, STATE)
    write_state(tmp_path, 10, replace(STATE, login=None, out_since_s=900.0, sources=()))
    found = read_states(tmp_path, 1001.0)
    assert [each.index for each in found] == [3, 10]
    assert found[0].state == STATE
    assert found[1].state == VaultState(1000.0, 900.0, None, ())


def test_only_its_owner_reads_the_file_and_no_half_of_one_is_ever_there(tmp_path: Path) -> None:
    write_state(tmp_path, 0, STATE)
    write_state(tmp_path, 0, STATE)
    assert [file.name for file in tmp_path.iterdir()] == ["vault-0.json"]
    assert (tmp_path / "vault-0.json").stat().st_mode & 0o077 == 0


def test_what_a_worker_left_behind_is_not_what_one_says(tmp_path: Path) -> None:
    write_state(tmp_path, 0, STATE)
    assert read_states(tmp_path, STATE.at_s + STALE_S - 1)
    assert read_states(tmp_path, STATE.at_s + STALE_S) == ()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"at_s": "x"}', '{"at_s":1,"out_since_s":1,"login":3,"sources":[]}']
)
def test_files_that_are_not_ours_are_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "vault-0.json").write_text(text)
    (tmp_path / "vault-x.json").write_text("{}")
    assert read_states(tmp_path, 1.0) == ()


def test_a_source_is_called_by_what_is_done_with_it() -> None:
    assert [kind_of(each.source) for each in SOURCES] == ["kv", "lease", "kv → google token", "lease → entra token"]


async def test_a_disk_that_is_full_is_told_once_and_ends_nothing(tmp_path: Path) -> None:
    with capture_logs() as lines:
        running = asyncio.create_task(tell_states(tmp_path / "absent", 0, lambda: STATE))
        await eventually(lambda: bool(lines), "the complaint")
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert [line["event"] for line in lines] == ["vault_state_unwritten"]
    running = asyncio.create_task(tell_states(tmp_path, 0, lambda: STATE))
    await eventually((tmp_path / "vault-0.json").exists, "the file")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
