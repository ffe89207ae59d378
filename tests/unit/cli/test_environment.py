"""Which gateway a command is about."""

from pathlib import Path

import pytest

from extproc.cli.environment import find_environment
from extproc.config.environment import Environment, EnvironmentInvalid
from extproc.local.processes import ProcessId, me
from extproc.local.state import Record, StateDir
from tests.unit.cli.scripted_admin import typed

LOCAL = {"EXTPROC_REDIS_URL": "unix:///local.sock", "EXTPROC_POSTGRES_DSN": "postgresql:///local"}


def stack(directory: Path, supervisor: ProcessId) -> Path:
    state = StateDir(directory)
    state.create()
    Record(supervisor=supervisor, runtime_dir=directory, environment=LOCAL).write(state.record)
    return directory


def test_without_variables_it_is_the_local_stack_that_runs(tmp_path: Path) -> None:
    found = find_environment(stack(tmp_path, me()))
    assert (found.redis_url, found.postgres_dsn) == ("unix:///local.sock", "postgresql:///local")


def test_one_variable_is_enough_to_mean_the_environment_and_nothing_of_the_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXTPROC_REDIS_URL", "redis://elsewhere")
    found = find_environment(stack(tmp_path, me()))
    assert found == Environment(redis_url="redis://elsewhere")


def test_a_stack_that_is_gone_means_the_defaults(tmp_path: Path) -> None:
    assert find_environment(stack(tmp_path, ProcessId(me().pid, 1.0))) == Environment()
    assert find_environment(tmp_path / "none") == Environment()


def test_a_variable_that_is_misspelt_is_never_a_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXTPROC_REDDIS_URL", "redis://elsewhere")
    with pytest.raises(EnvironmentInvalid, match="EXTPROC_REDDIS_URL is not known"):
        find_environment(stack(tmp_path, me()))


@pytest.mark.parametrize("before", [True, False])
def test_the_state_directory_may_stand_anywhere_among_the_options(
    tmp_path: Path, before: bool, postgres_dsn: str
) -> None:
    state = StateDir(tmp_path)
    state.create()
    record = Record(supervisor=me(), runtime_dir=tmp_path, environment={"EXTPROC_POSTGRES_DSN": postgres_dsn})
    record.write(state.record)
    where = ("--state-dir", str(tmp_path))
    result = typed("keys", "list", *(where if before else ()), "--json", *(() if before else where))
    assert (result.exit_code, result.stdout) == (0, "[]\n"), result.output
