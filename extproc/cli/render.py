"""``extproc render``: gateway.yaml → the files Envoy reads, checked and swapped in at once."""

import difflib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from extproc.cli.check import show_problems
from extproc.config.environment import EnvironmentInvalid, read_environment
from extproc.config.gateway import Gateway, GatewayInvalid, load
from extproc.dataplane.render import render
from extproc.dataplane.swap import publish, read_published
from extproc.dataplane.target import Target, find_system_ca
from extproc.dataplane.validate import EnvoyRefused, find_envoy, validate

_PORT = click.IntRange(0, 65535)


@click.command(name="render")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--config", type=click.Path(dir_okay=False, path_type=Path), help="The gateway.yaml. [$EXTPROC_CONFIG]")
@click.option("--run-dir", type=click.Path(path_type=Path), help="Where the workers' sockets are. [$EXTPROC_RUN_DIR]")
@click.option("--seen-as", type=click.Path(path_type=Path), help="The path under which Envoy sees DIRECTORY.")
@click.option("--listen-address", help="Instead of listener.address.")
@click.option("--listen-port", type=_PORT, help="Instead of listener.port; 0 takes a free one.")
@click.option("--admin-address", help="Instead of admin.address.")
@click.option("--admin-port", type=_PORT, help="Instead of admin.port; 0 takes a free one.")
@click.option("--health-address", help="Instead of health.address.")
@click.option("--health-port", type=_PORT, help="Instead of health.port; 0 takes a free one.")
@click.option("--system-ca-file", type=click.Path(path_type=Path), help="The CA bundle, as Envoy sees it.")
@click.option("--diff", is_flag=True, help="Show what would change and write nothing.")
@click.option("--validate/--no-validate", "is_validated", default=True, help="Ask Envoy first, where it is installed.")
def command(
    *,
    directory: Path,
    config: Path | None,
    run_dir: Path | None,
    seen_as: Path | None,
    listen_address: str | None,
    listen_port: int | None,
    admin_address: str | None,
    admin_port: int | None,
    health_address: str | None,
    health_port: int | None,
    system_ca_file: Path | None,
    diff: bool,
    is_validated: bool,
) -> None:
    """Write Envoy's files into DIRECTORY and make them current in one step.

    Start Envoy with DIRECTORY/bootstrap.json; the other files are read again whenever this command publishes them.
    Equal input gives equal files, and unchanged files are not published again.
    """
    try:
        environment = read_environment(os.environ)
    except EnvironmentInvalid as invalid:
        raise click.UsageError(str(invalid)) from None
    target = Target(
        directory=(seen_as or directory).absolute(),
        run_dir=(run_dir or environment.run_dir).absolute(),
        listen_address=listen_address,
        listen_port=listen_port,
        admin_address=admin_address,
        admin_port=admin_port,
        health_address=health_address,
        health_port=health_port,
        system_ca_file=system_ca_file or find_system_ca(),
    )
    files = render(_load(config or environment.config), target)
    if is_validated:
        _validate(files)
    if diff:
        _show_difference(read_published(directory), files)
        return
    _publish(files, directory)


def _load(path: Path) -> Gateway:
    try:
        return load(path)
    except GatewayInvalid as invalid:
        show_problems(invalid)
        sys.exit(1)


def _validate(files: Mapping[str, str]) -> None:
    envoy = find_envoy()
    if envoy is None:
        click.echo("Envoy is not installed here: the files are not validated.", err=True)
        return
    try:
        validate(files, envoy)
    except EnvoyRefused as refused:
        click.echo(f"Envoy does not take these files; nothing was written.\n{refused}", err=True)
        sys.exit(1)


def _publish(files: Mapping[str, str], directory: Path) -> None:
    try:
        published = publish(files, directory)
    except OSError as error:
        click.echo(f"{directory} cannot be written: {error.strerror}. Nothing has changed for Envoy.", err=True)
        sys.exit(1)
    state = "published" if published.is_new else "unchanged"
    click.echo(f"{state}: {', '.join(files)} in {published.generation}")
    if published.retained:
        click.echo(f"kept until the next change: {', '.join(published.retained)}")


def _show_difference(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    colours = {"+": "green", "-": "red", "@": "cyan"}
    for name in sorted({*before, *after}):
        old, new = (side.get(name, "").splitlines() for side in (before, after))
        for line in difflib.unified_diff(old, new, f"published/{name}", f"rendered/{name}", lineterm=""):
            console.print(Text(line, style=colours.get(line[0], "")))
