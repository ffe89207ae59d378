"""What the stack decides before, between and after its parts. ``e2e/test_local_stack`` has all of it at once."""

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from extproc.config.gateway import GatewayInvalid
from extproc.local.gateway_file import GatewayFile, generate
from extproc.local.problems import CannotStart, free_port
from extproc.local.processes import me
from extproc.local.settings import Settings
from extproc.local.stack import Options, _all, _Stack, run
from extproc.local.state import Record, StateDir, StateLock
from tests.unit.local.tiny import Reports


def options(directory: Path) -> Options:
    return Options(directory, port=0, admin_port=0, models=0)


def nobody(_: object) -> None:
    raise AssertionError("nobody is to be welcomed")


def made(directory: Path, **changes: object) -> _Stack:
    state = StateDir(directory)
    state.create()
    return _Stack(replace(options(directory), **changes), state, directory / "run", Reports())


async def test_of_things_done_at_once_the_first_failure_ends_the_others_and_is_the_one_raised() -> None:
    ended: list[str] = []

    async def patient() -> None:
        try:
            await asyncio.sleep(600)
        finally:
            ended.append("patient")

    async def failing() -> None:
        await asyncio.sleep(0)
        raise CannotStart("no room at the inn")

    with pytest.raises(CannotStart, match="no room at the inn"):
        await _all(patient(), failing())
    assert ended == ["patient"]


async def test_a_second_stack_changes_nothing_of_the_first(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    state.create()
    Record(supervisor=me(), runtime_dir=tmp_path).write(state.record)
    before = state.record.read_text()
    lock = StateLock(state)
    lock.acquire()
    with pytest.raises(CannotStart, match="already runs"):
        await run(options(tmp_path), Reports(), nobody)
    lock.release()
    assert state.record.read_text() == before


async def test_a_port_in_use_starts_nothing_and_leaves_the_state_directory_free(tmp_path: Path) -> None:
    reports = Reports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=f"port {port} is in use: choose another with --admin-port"):
            await run(replace(options(tmp_path), admin_port=port), reports, nobody)
    assert reports.lines == []
    state = StateDir(tmp_path)
    assert not state.record.exists()
    lock = StateLock(state)
    lock.acquire()
    lock.release()


async def test_a_gateway_yaml_that_was_edited_into_something_bad_stops_what_had_started(tmp_path: Path) -> None:
    state, reports = StateDir(tmp_path), Reports()
    state.create()
    state.gateway_yaml.write_text("workers: 0\n")
    with pytest.raises(GatewayInvalid, match="workers"):
        await run(options(tmp_path), reports, nobody)
    assert {"done postgres", "done valkey", "done openbao"} <= set(reports.lines)
    assert reports.lines[-1] == "stopped"
    assert not state.record.exists()
    assert state.gateway_yaml.read_text() == "workers: 0\n"
    below = psutil.Process().children(recursive=True)
    assert [each.cmdline() for each in below if str(tmp_path) in " ".join(each.cmdline())] == []


def test_the_models_port_stays_the_same_from_start_to_start_while_it_is_free(tmp_path: Path) -> None:
    first = made(tmp_path)._read_settings()
    assert made(tmp_path)._read_settings() == first


def test_a_models_port_that_somebody_took_is_changed_unless_an_edited_file_names_it(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    state.create()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        other = free_port()
        Settings(model_ports=(port, other)).write(state.settings)
        file = GatewayFile(state.gateway_yaml)
        file.write(generate((port, other), None, has_model=True))
        file.path.write_text(file.path.read_text() + "# edited\n")
        assert made(tmp_path)._read_settings().model_ports == (port, other)
        file.path.unlink()
        changed = made(tmp_path)._read_settings().model_ports
        assert (changed[0] != port, changed[1]) == (True, other)


def test_a_provider_is_remembered_by_later_starts_that_do_not_name_it(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    made(tmp_path, provider="openai", provider_url=url)._read_settings()
    later = made(tmp_path)._read_settings()
    assert (later.provider, later.provider_url) == ("openai", url)
    assert "sk-" not in StateDir(tmp_path).settings.read_text()


async def test_a_step_that_fails_is_said_to_have_failed(tmp_path: Path) -> None:
    stack = made(tmp_path)

    async def fail() -> None:
        raise CannotStart("no")

    with pytest.raises(CannotStart):
        await stack._step("keys", fail())
    reporter = stack._reporter
    assert isinstance(reporter, Reports)
    assert reporter.lines == ["begin keys", "failed keys"]


async def test_weights_that_cannot_be_kept_are_told_and_are_no_reason_to_stop(tmp_path: Path) -> None:
    stack = made(tmp_path, models=2)
    # Where the weights would go there is a file: the download cannot even begin.
    (tmp_path / "model").write_text("in the way")
    await stack._fetch_weights()
    reporter = stack._reporter
    assert isinstance(reporter, Reports)
    assert any(line.startswith("skipped download") and "503" in line for line in reporter.lines)
    assert stack._weights is None
