"""``extproc up`` as a person runs it: its own process, real servers, a scripted provider behind it."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest

from extproc.local.processes import ProcessId
from tests.e2e.provider import Provider
from tests.servers import wait_until

_COMMAND_S = 150
_MODEL = "gpt-5.5"
_KEY = "sk-the-real-key-of-the-provider"


@dataclass
class Local:
    state: Path
    provider: Provider

    def run(self, *words: str, expect: int = 0) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("EXTPROC_")}
        command = [sys.executable, "-m", "extproc", *words, "--state-dir", str(self.state)]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_COMMAND_S,
            check=False,
            env=environment | {"COLUMNS": "200"},
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr

    def up(self, *words: str, expect: int = 0) -> str:
        return self.run("up", "--detach", "--no-model", "--port", "0", "--admin-port", "0", *words, expect=expect)

    def status(self) -> dict[str, Any]:
        status = json.loads(self.run("status", "--json"))
        assert isinstance(status, dict)
        return status

    def client(self) -> openai.OpenAI:
        status = self.status()
        return openai.OpenAI(base_url=status["base_url"], api_key=status["virtual_key"], max_retries=0)

    def processes(self) -> tuple[ProcessId, ...]:
        """The supervisor and everything below it."""
        record = json.loads((self.state / "stack.json").read_text())
        supervisor = ProcessId(**record["supervisor"])
        return (supervisor, *supervisor.descendants())

    def part(self, name: str) -> ProcessId:
        return ProcessId(**json.loads((self.state / "stack.json").read_text())["parts"][name])

    def said(self) -> str:
        return (self.state / "logs" / "up.log").read_text()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    # Longer than a Unix socket's path may be: state directories are.
    state = tmp_path_factory.mktemp("a-state-directory-whose-path-is-longer-than-that-of-any-unix-socket") / ("x" * 60)
    provider = Provider().start()
    key_file = state.parent / "key"
    key_file.write_text(_KEY + "\n")
    stack = Local(state, provider)
    url = f"http://127.0.0.1:{provider.port}/v1"
    stack.up("--provider", "openai", "--provider-url", url, "--key-file", str(key_file))
    try:
        yield stack
    finally:
        everything = stack.processes()
        stack.run("down")
        provider.stop()
        assert not [process.pid for process in everything if process.is_alive()]


def test_status_gives_a_script_what_it_needs(local: Local) -> None:
    status = local.status()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1", status["base_url"])
    assert status["virtual_key"].startswith("gk_local_")
    assert status["is_ready"]
    assert {cluster["name"] for cluster in status["clusters"]} >= {f"deployment.openai-{_MODEL}", "extproc", "deny"}


def test_status_as_a_table_shows_each_admin_call(local: Local) -> None:
    shown = local.run("status")
    admin = local.status()["admin_url"]
    for path in ("/listeners?format=json", "/clusters?format=json", "/stats?format=json"):
        assert f"curl -s '{admin}{path}" in shown
    for word in ("downstream_rq_total", "retry", "streams_failed", f"deployment.openai-{_MODEL}"):
        assert word in shown


def test_the_openai_client_chats_streams_embeds_and_lists_models(local: Local) -> None:
    with local.client() as client:
        question = {"model": _MODEL, "messages": [{"role": "user", "content": "Hello?"}]}
        assert client.chat.completions.create(**question).choices[0].message.content == "Hello."
        chunks = list(client.chat.completions.create(**question, stream=True))
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hello."
        assert client.embeddings.create(model="text-embedding-3-small", input="Hello").data[0].embedding
        assert _MODEL in {model.id for model in client.models.list()}
    sent = local.provider.requests[-1]
    assert sent.header("authorization") == f"Bearer {_KEY}"


def test_the_provider_key_is_in_no_file_and_no_environment_of_the_stack(local: Local) -> None:
    needle = _KEY.encode()
    files = [path for path in local.state.rglob("*") if path.is_file() and not path.is_symlink()]
    found = [path for path in files if needle in path.read_bytes()]
    assert found == []
    for process in local.processes():
        assert needle not in Path(f"/proc/{process.pid}/environ").read_bytes()
        assert needle not in Path(f"/proc/{process.pid}/cmdline").read_bytes()


def test_files_with_secrets_are_private(local: Local) -> None:
    for name in ("openbao.init.json", "vault_secret_id", "virtual_key.json", "stack.json"):
        assert (local.state / name).stat().st_mode & 0o077 == 0, name
    assert local.state.stat().st_mode & 0o077 == 0


def test_nothing_of_the_stack_listens_beyond_loopback(local: Local) -> None:
    pids = {process.pid for process in local.processes()}
    listening = [each for each in psutil.net_connections("inet") if each.pid in pids and each.status == "LISTEN"]
    assert listening
    assert {each.laddr.ip for each in listening} <= {"127.0.0.1", "::1"}


def test_a_second_stack_on_the_same_state_is_one_clear_line(local: Local) -> None:
    assert local.up(expect=1).strip().count("\n") == 0
    assert "a stack already runs" in local.up(expect=1)


def test_a_port_in_use_is_one_clear_line(local: Local, tmp_path: Path) -> None:
    port = local.status()["base_url"].split(":")[2].split("/")[0]
    other = Local(tmp_path / "other", local.provider)
    said = other.up("--port", port, expect=1)
    assert f"port {port} is in use" in said


def test_a_killed_valkey_is_restarted_and_said_so(local: Local) -> None:
    before = local.part("valkey")
    before.signal(signal.SIGKILL)
    wait_until(lambda: "valkey runs again" in local.said(), "the restart of valkey")
    assert "valkey was ended by SIGKILL; starting it again" in local.said()
    assert local.part("valkey") != before
    test_the_openai_client_chats_streams_embeds_and_lists_models(local)


def test_a_killed_worker_is_restarted_and_said_so(local: Local) -> None:
    worker = next(
        process
        for process in local.part("workers").descendants()
        if "--worker" in psutil.Process(process.pid).cmdline()
    )
    worker.signal(signal.SIGKILL)
    wait_until(
        lambda: f"(pid {worker.pid}) was ended by SIGKILL; it is started again" in local.said(), "the word of it"
    )
    wait_until(lambda: len(_workers(local)) == 2 and worker.pid not in _workers(local), "the new worker")
    test_the_openai_client_chats_streams_embeds_and_lists_models(local)


def test_a_killed_vault_is_unsealed_again(local: Local) -> None:
    local.part("openbao").signal(signal.SIGKILL)
    wait_until(lambda: "openbao runs again" in local.said(), "the restart of openbao")
    test_the_openai_client_chats_streams_embeds_and_lists_models(local)


def test_an_edited_gateway_yaml_is_served_without_a_restart_and_a_bad_one_changes_nothing(local: Local) -> None:
    file = local.state / "gateway.yaml"
    before = file.read_text()
    alias = f"  - name: alias\n    deployments: [openai-{_MODEL}]\n"
    file.write_text(before + alias)
    with local.client() as client:

        def is_everywhere() -> bool:  # each worker takes it when it looks next
            return all("alias" in {model.id for model in client.models.list()} for _ in range(8))

        wait_until(is_everywhere, "the new model")
        question = {"model": "alias", "messages": [{"role": "user", "content": "Hello?"}]}
        assert client.chat.completions.create(**question).choices[0].message.content == "Hello."
        file.write_text("models: 1\n")
        wait_until(lambda: "gateway.yaml was not taken" in local.said(), "the complaint")
        assert client.chat.completions.create(**question).choices[0].message.content == "Hello."
        file.write_text(before)
        wait_until(lambda: "alias" not in {model.id for model in client.models.list()}, "the old file again")


def test_the_log_level_is_set_and_the_call_shown(local: Local) -> None:
    shown = local.run("log-level", "warning")
    assert "/logging?level=warning" in shown
    assert "Envoy logs at level warning" in shown


def test_a_stack_whose_supervisor_was_killed_leaves_nothing_and_starts_again_with_its_key(
    tmp_path: Path, local: Local
) -> None:
    stack = Local(tmp_path / "state", local.provider)
    stack.up()
    key = stack.status()["virtual_key"]
    everything = stack.processes()
    everything[0].signal(signal.SIGKILL)
    wait_until(lambda: not any(process.is_alive() for process in everything), "the end of everything", 45)
    assert "no stack runs" in stack.run("status", expect=1)
    assert "no stack runs" in stack.run("down")
    said = stack.up()
    try:
        assert "was not stopped" in said
        assert stack.status()["virtual_key"] == key
        drained = stack.run("drain")
        assert "/healthcheck/fail" in drained
        assert "/drain_listeners?graceful" in drained
    finally:
        again = stack.processes()
        runtime_dir = Path(json.loads((stack.state / "stack.json").read_text())["runtime_dir"])
        stack.run("down")
    assert not [process.pid for process in again if process.is_alive()]
    assert not runtime_dir.exists()
    assert not (stack.state / "stack.json").exists()


def test_ctrl_c_stops_everything_also_in_the_middle_of_a_start(tmp_path: Path) -> None:
    state = tmp_path / "state"
    command = [sys.executable, "-m", "extproc", "up", "--no-model", "--port", "0", "--admin-port", "0"]
    for stop_at in ("openbao", "Ctrl-C"):
        with subprocess.Popen([*command, "--state-dir", str(state)], stdout=subprocess.PIPE, text=True) as up:
            assert up.stdout is not None
            for line in up.stdout:
                if stop_at in line:
                    break
            everything = psutil.Process(up.pid).children(recursive=True)
            assert everything
            up.send_signal(signal.SIGINT)
            up.stdout.read()
            assert up.wait(60) == 0
        assert not [process.pid for process in everything if process.is_running()]


def _workers(local: Local) -> set[int]:
    children = local.part("workers").descendants()
    return {child.pid for child in children if "--worker" in psutil.Process(child.pid).cmdline()}
