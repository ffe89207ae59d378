"""``extproc serve``: the worker processes that Envoy asks."""

import os
from pathlib import Path

import click

from extproc import bootstrap
from extproc.config.environment import EnvironmentInvalid, read_environment
from extproc.config.gateway import GatewayInvalid
from extproc.model.refusals import Unavailable


@click.command(name="serve")
@click.option(
    "--envoy-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Also render Envoy's files into this directory, now and whenever gateway.yaml changes.",
)
@click.option("--worker", type=int, hidden=True, help="Be one worker process; the supervisor passes this.")
def command(envoy_dir: Path | None, worker: int | None) -> None:
    """Run the worker processes that Envoy asks, as many as gateway.yaml says.

    Addresses come from EXTPROC_ variables. SIGTERM drains; SIGHUP restarts the workers one after the other.

    Example: EXTPROC_CONFIG=gateway.yaml EXTPROC_RUN_DIR=/run/extproc extproc serve
    """
    try:
        environment = read_environment(os.environ)
        if worker is None:
            bootstrap.serve(environment, envoy_dir)
        else:
            bootstrap.run_worker(environment, worker)
    except EnvironmentInvalid as error:
        click.echo(f"extproc serve: {error}", err=True)
        raise SystemExit(2) from None
    except GatewayInvalid as error:
        click.echo(f"extproc serve: {error}", err=True)
        raise SystemExit(1) from None
    except Unavailable as trouble:
        click.echo(f"extproc serve: not ready: {trouble}", err=True)
        raise SystemExit(3) from None
