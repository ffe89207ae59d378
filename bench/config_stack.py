"""A whole local stack on a large ``gateway.yaml``, and how long a change of it takes to be in force.

The stack is the one of ``extproc up``, in a state directory of its own, in front of a mock upstream. Nothing is faked:
the file is edited as a person edits it, and a client keeps asking meanwhile. Read ``config`` for what is reported.
"""

import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil

from bench.large import MODEL, SECRET_FIELDS, SECRET_PATH, gateway_yaml

_ROOT = Path(__file__).resolve().parents[1]
_COMMAND_S = 300
_SWAP_S = 120.0
_DEPLOYMENT_HEADER = "x-gateway-deployment"
_NEXT = "d-0-next"
_IN_A_ROW = 12


class NotMeasured(RuntimeError):  # noqa: N818 - reads as a claim
    """The stack did not do what was to be measured."""


@dataclass(frozen=True, slots=True)
class Swap:
    """One line of the file changed while a client kept asking. Seconds from the edit on."""

    taken_s: float
    """Until Envoy had it and the workers' copy was written."""
    served_s: float
    """Until every worker sent requests to the new deployment."""
    requests: int
    failed: int
    slowest_s: float
    """The longest answer of the time in between."""
    usual_s: float
    """The median of those."""
    envoy_mib: float
    worker_mib: float
    """Resident memory afterwards, of one worker."""


@dataclass(slots=True)
class ConfigStack:
    """Use as a context manager: what was started is stopped on leaving."""

    directory: Path
    _upstream: subprocess.Popen[str] | None = None
    _facts: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        command = (sys.executable, "-m", "bench.upstream")
        self._upstream = subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._extproc("down")
        if self._upstream is not None:
            self._upstream.kill()
            self._upstream.communicate()

    def start(self, count: int) -> None:
        """A stack with so many deployments that answers."""
        assert self._upstream is not None
        assert self._upstream.stdout is not None
        self._facts["upstream"] = f"http://127.0.0.1:{int(self._upstream.stdout.readline())}/v1"
        # The vault must have the credentials before a worker becomes ready with deployments that need them.
        self._up()
        self._store_credentials()
        self._extproc("down")
        self._file.write_text(gateway_yaml(count, self._facts["upstream"]))
        self._up()
        if self.ask() is None:
            raise NotMeasured("the stack does not answer")

    def swap(self, count: int) -> Swap:
        """Exchange one deployment and see when it answers."""
        client = _Client(self)
        client.start()
        try:
            time.sleep(2.0)  # a client that has already been answered for a while
            client.reset()
            began_s = time.time()
            self._file.write_text(gateway_yaml(count, self._facts["upstream"], first=_NEXT))
            client.await_all_by(_NEXT, _SWAP_S)
            served_s = time.time() - began_s
        finally:
            client.stop()
        parts = json.loads((self.directory / "stack.json").read_text())["parts"]
        envoy = psutil.Process(parts["envoy"]["pid"])
        workers = [each for each in psutil.Process(parts["workers"]["pid"]).children() if "--worker" in each.cmdline()]
        times = sorted(client.times)
        return Swap(
            taken_s=self._accepted_at_s() - began_s,
            served_s=served_s,
            requests=len(times),
            failed=client.failed,
            slowest_s=times[-1],
            usual_s=times[len(times) // 2],
            envoy_mib=envoy.memory_info().rss / 2**20,
            worker_mib=max(each.memory_info().rss for each in workers) / 2**20,
        )

    @property
    def _file(self) -> Path:
        return self.directory / "gateway.yaml"

    def _accepted_at_s(self) -> float:
        """When the workers' copy was written, UTC seconds."""
        accepted = Path(json.loads((self.directory / "stack.json").read_text())["runtime_dir"]) / "gateway.yaml"
        return accepted.stat().st_mtime

    def _up(self) -> None:
        self._extproc("up", "--detach", "--no-model", "--port", "0", "--admin-port", "0")
        self._facts |= json.loads(self._extproc("status", "--json"))

    def _store_credentials(self) -> None:
        variables = json.loads((self.directory / "stack.json").read_text())["environment"]
        token = json.loads((self.directory / "openbao.init.json").read_text())["root_token"]
        url = f"{variables['EXTPROC_VAULT_ADDR']}/v1/{variables['EXTPROC_VAULT_MOUNT']}/data/{SECRET_PATH}"
        body = json.dumps({"data": dict.fromkeys(SECRET_FIELDS, "bench")}).encode()
        request = urllib.request.Request(url, body, {"X-Vault-Token": token}, method="POST")  # noqa: S310 - our own
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - same

    def ask(self) -> str | None:
        """Who answered one request; None where nobody did."""
        body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}).encode()
        headers = {"authorization": f"Bearer {self._facts['virtual_key']}", "content-type": "application/json"}
        request = urllib.request.Request(f"{self._facts['base_url']}/chat/completions", body, headers)  # noqa: S310 - our own
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - same
                answer.read()
                found: str | None = answer.headers[_DEPLOYMENT_HEADER]
                return found
        except (urllib.error.URLError, OSError):
            return None

    def _extproc(self, *words: str) -> str:
        command = [sys.executable, "-m", "extproc", *words, "--state-dir", str(self.directory)]
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=_COMMAND_S, check=False)
        if done.returncode != 0 and words[0] != "down":
            raise NotMeasured(done.stdout[-1000:] + done.stderr[-1000:])
        return done.stdout


class _Client(threading.Thread):
    """Asks one question after the other."""

    def __init__(self, stack: ConfigStack) -> None:
        super().__init__(daemon=True)
        self._stack = stack
        self._stopped = threading.Event()
        self._recent: deque[str | None] = deque(maxlen=_IN_A_ROW)
        self._is_new = threading.Condition()
        self.times: list[float] = []
        self.failed = 0

    def run(self) -> None:
        while not self._stopped.is_set():
            began = time.monotonic()
            found = self._stack.ask()
            with self._is_new:
                self.times.append(time.monotonic() - began)
                self.failed += found is None
                self._recent.append(found)
                self._is_new.notify_all()

    def reset(self) -> None:
        """Forget what was measured so far."""
        with self._is_new:
            self.times, self.failed = [], 0

    def await_all_by(self, name: str, limit_s: float) -> None:
        """Wait until it has given the last few answers, one after the other."""
        with self._is_new:
            if not self._is_new.wait_for(lambda: list(self._recent) == [name] * _IN_A_ROW, limit_s):
                raise NotMeasured(f"{name} did not answer within {limit_s:g} s")

    def stop(self) -> None:
        """End it; what it measured stays."""
        self._stopped.set()
        self.join(60)
