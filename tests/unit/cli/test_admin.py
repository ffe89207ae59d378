"""Which Envoy a command talks to: the one that was named, else the local stack's, else the environment's."""

from pathlib import Path

import pytest

from extproc.local.processes import ProcessId, me
from extproc.local.state import Record, StateDir
from tests.unit.cli.scripted_admin import ScriptedAdmin, run_admin, typed


def running_stack(directory: Path, admin_url: str, supervisor: ProcessId | None = None) -> Path:
    state = StateDir(directory)
    state.create()
    Record(supervisor=supervisor or me(), runtime_dir=directory, admin_url=admin_url).write(state.record)
    return directory


def test_the_url_that_was_named_comes_before_everything_else(admin: ScriptedAdmin, tmp_path: Path) -> None:
    with run_admin() as other:
        state = running_stack(tmp_path, other.url)
        result = typed("drain", "--admin", admin.url, "--state-dir", str(state), EXTPROC_ENVOY_ADMIN=other.url)
        assert result.exit_code == 0
        assert admin.calls
        assert other.calls == []


def test_the_local_stack_comes_before_the_environment(admin: ScriptedAdmin, tmp_path: Path) -> None:
    with run_admin() as other:
        state = running_stack(tmp_path, admin.url)
        assert typed("drain", "--state-dir", str(state), EXTPROC_ENVOY_ADMIN=other.url).exit_code == 0
        assert admin.calls
        assert other.calls == []


def test_without_a_stack_the_environment_names_envoy(admin: ScriptedAdmin, tmp_path: Path) -> None:
    assert typed("drain", "--state-dir", str(tmp_path), EXTPROC_ENVOY_ADMIN=admin.url).exit_code == 0
    assert admin.calls


def test_a_stack_that_is_gone_is_not_asked(admin: ScriptedAdmin, tmp_path: Path) -> None:
    # Our pid with another start time: the number was used again.
    state = running_stack(tmp_path, admin.url, ProcessId(me().pid, me().started_at_s - 3600))
    result = typed("drain", "--state-dir", str(state))
    assert result.exit_code == 1
    assert admin.calls == []


@pytest.mark.parametrize("words", [("drain",), ("status",), ("log-level", "info")])
def test_no_envoy_to_talk_to_is_one_line_that_says_what_to_do(tmp_path: Path, words: tuple[str, ...]) -> None:
    result = typed(*words, "--state-dir", str(tmp_path))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (f"no stack runs in {tmp_path}: start one with extproc up, or name an Envoy with --admin\n")


def test_an_address_that_is_not_http_is_wrong_use(tmp_path: Path) -> None:
    result = typed("drain", "--admin", "127.0.0.1:9901")
    assert result.exit_code == 2
    assert "is not http://host:port" in result.stderr
