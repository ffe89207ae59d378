"""``extproc log-level``: how much Envoy says."""

import sys
from pathlib import Path

import click

from extproc.cli.admin import UNREACHABLE, admin_options, find_admin, show_call
from extproc.model.refusals import Unavailable
from extproc.operations.envoy_admin import LOG_LEVELS, set_log_level


@click.command(name="log-level")
@click.argument("level", type=click.Choice(LOG_LEVELS))
@admin_options
def command(*, level: str, admin: str | None, state_dir: Path) -> None:
    """Set the level of all of Envoy's loggers, until it is started again.

    debug and trace write headers, and with them keys, into Envoy's log: never leave them on.

    Example: extproc log-level info
    """
    envoy = find_admin(admin, state_dir)
    call = set_log_level(level)
    show_call(envoy, call)
    try:
        envoy.send(call)
    except Unavailable as trouble:
        click.echo(f"extproc log-level: {trouble}", err=True)
        sys.exit(UNREACHABLE)
    click.echo(f"Envoy logs at level {level}.")
