"""Finds Envoy's admin interface for the commands that talk to it, and shows each call before its answer."""

import functools
import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from extproc.operations.envoy_admin import Admin, Call

_STATE_DIR = Path(".extproc")
_VARIABLE = "EXTPROC_ENVOY_ADMIN"
NOT_WELL, UNREACHABLE = 1, 3


def admin_options(function: Callable[..., None]) -> Callable[..., None]:
    """``--admin`` and ``--state-dir``, given to the command as they were typed."""

    @click.option("--admin", metavar="URL", help=f"Envoy's admin. [the local stack's, or ${_VARIABLE}]")
    @click.option(
        "--state-dir",
        type=click.Path(file_okay=False, path_type=Path),
        default=_STATE_DIR,
        show_default=True,
        help="Of the local stack.",
    )
    @functools.wraps(function)
    def wrapped(**arguments: Any) -> None:
        function(**arguments)

    return wrapped


def find_admin(admin: str | None, state_dir: Path) -> Admin:
    """The admin interface that was named, or the running local stack's, or the environment's; ends the command else."""
    url = admin or _of_local_stack(state_dir) or os.environ.get(_VARIABLE)
    if not url:
        click.echo(f"no stack runs in {state_dir}: start one with extproc up, or name an Envoy with --admin", err=True)
        sys.exit(NOT_WELL)
    try:
        return Admin(url)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def show_call(admin: Admin, call: Call) -> None:
    """Print the call as a person could type it; on standard error, so that it never mixes with data."""
    click.secho(call.as_curl(admin.url), dim=True, err=True)


def _of_local_stack(state_dir: Path) -> str | None:
    if find_spec("psutil") is None:
        return None  # without the local extra there is no local stack
    from extproc.local.state import StateDir, running  # noqa: PLC0415 - needs the extra

    record = running(StateDir(state_dir.absolute()))
    return record.admin_url or None if record is not None else None
