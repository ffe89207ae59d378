"""Which gateway a command is about: the environment's, or the local stack that runs here.

One ``EXTPROC_`` variable is enough to mean the environment: half of each would be a gateway that nobody runs.
"""

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from extproc.config.environment import Environment, read_environment

_PREFIX = "EXTPROC_"


def use_state_dir(context: click.Context, _: click.Parameter, value: Path) -> Path:
    """Remember ``--state-dir`` for ``find_environment``, wherever among the options it stands."""
    context.obj = value
    return value


state_dir_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".extproc"),
    show_default=True,
    expose_value=False,
    callback=use_state_dir,
    help="Of the local stack; only without EXTPROC_ variables.",
)


def find_environment(state_dir: Path) -> Environment:
    """The environment's addresses, or the running local stack's, or the defaults.

    Raises:
        EnvironmentInvalid: a variable is unknown or empty.
    """
    if any(name.startswith(_PREFIX) for name in os.environ):
        return read_environment(os.environ)
    return read_environment(_of_local_stack(state_dir))


def _of_local_stack(state_dir: Path) -> Mapping[str, str]:
    if find_spec("psutil") is None:
        return {}  # without the local extra there is no local stack
    from extproc.local.state import StateDir, running  # noqa: PLC0415 - needs the extra

    record = running(StateDir(state_dir.absolute()))
    return {} if record is None else record.environment
