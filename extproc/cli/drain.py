"""``extproc drain``: Envoy finishes what it has and takes nothing new."""

import sys
from pathlib import Path

import click

from extproc.cli.admin import UNREACHABLE, admin_options, find_admin, show_call
from extproc.model.refusals import Unavailable
from extproc.operations.envoy_admin import DRAIN, FAIL_HEALTH


@click.command(name="drain")
@admin_options
def command(*, admin: str | None, state_dir: Path) -> None:
    """Tell Envoy to fail its health check and to drain its listeners: open requests finish, connections are told to go.

    There is no way back: start Envoy again afterwards.

    Example: extproc drain --admin http://127.0.0.1:9901
    """
    envoy = find_admin(admin, state_dir)
    try:
        for call in (FAIL_HEALTH, DRAIN):
            show_call(envoy, call)
            click.echo(envoy.send(call).strip())
    except Unavailable as trouble:
        click.echo(f"extproc drain: {trouble}", err=True)
        sys.exit(UNREACHABLE)
