"""``extproc models``: what answers for which model, and which keys still use what.

``list`` reads ``gateway.yaml``, ``usage`` the record that workers keep in Postgres. ``models_view`` prints both.
"""

import asyncio
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import click

from extproc import bootstrap
from extproc.cli import models_view
from extproc.cli.check import show_problems
from extproc.cli.durations import Duration
from extproc.cli.environment import find_environment, state_dir_option
from extproc.config.environment import Environment, EnvironmentInvalid
from extproc.config.gateway import Gateway, GatewayInvalid, load
from extproc.model.catalog import Catalog
from extproc.model.ids import DeploymentName, ModelName
from extproc.model.refusals import Unavailable
from extproc.model.uses import KeyUse, UseFilter
from extproc.policy.retirements import find_retirements

_config_option = click.option(
    "--config", type=click.Path(dir_okay=False, path_type=Path), help="The gateway.yaml. [the running gateway's]"
)
_json_option = click.option("--json", "is_json", is_flag=True, help="Print JSON, for scripts.")


@click.group(name="models", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """List models with what answers for them, and which keys still use them.

    Example: extproc models usage --retiring
    """


@command.command(name="list")
@_config_option
@_json_option
@state_dir_option
def list_command(*, config: Path | None, is_json: bool) -> None:
    """List what applications can ask for, and the group and the deployments behind it.

    Example: extproc models list
    """
    models_view.print_models(_load(config), is_json=is_json)


@command.command(name="prices")
@_config_option
@_json_option
@state_dir_option
def prices_command(*, config: Path | None, is_json: bool) -> None:
    """Show what each deployment costs, who says so, and whether that was checked.

    Example: extproc models prices
    """
    models_view.print_prices(_read_file(config), is_json=is_json)


@command.command(name="usage")
@click.option("--model", "models", multiple=True, help="Only of this model, as it is asked for; repeat it.")
@click.option("--deployment", "deployments", multiple=True, help="Only of this deployment; repeat it.")
@click.option("--retiring", is_flag=True, help="Only of deployments that retire within 60 days, or have.")
@click.option("--since", type=Duration(), default="30d", show_default=True, help="So far back; days count whole, UTC.")
@_config_option
@_json_option
@state_dir_option
def usage_command(
    *,
    models: tuple[str, ...],
    deployments: tuple[str, ...],
    retiring: bool,
    since: float,
    config: Path | None,
    is_json: bool,
) -> None:
    """Show which keys still use which model and deployment: how often, when last, and who answers for the key.

    An answer counts for the deployment that gave it. Workers add their counts every few seconds.

    Example: extproc models usage --deployment openai-gpt-5 --since 7d
    """
    if retiring and deployments:
        raise click.UsageError("--retiring and --deployment: give one of the two")
    now_s = time.time()
    ends = {}
    if retiring:
        today = datetime.fromtimestamp(now_s, UTC).date()
        ends = {each.deployment: each for each in find_retirements(_load(config), today)}
        deployments = tuple(ends)
    found: tuple[KeyUse, ...] = ()
    if deployments or not retiring:
        first = datetime.fromtimestamp(max(0.0, now_s - since), UTC).date()
        found = _read(UseFilter(first, frozenset(map(ModelName, models)), frozenset(map(DeploymentName, deployments))))
    if retiring and not is_json:
        models_view.print_retiring(tuple(ends.values()))
    if not retiring or ends or is_json:
        models_view.print_uses(found, now_s, is_json=is_json)


def _load(config: Path | None) -> Catalog:
    return _read_file(config).catalog


def _read_file(config: Path | None) -> Gateway:
    try:
        return load(config or _environment().config)
    except GatewayInvalid as invalid:
        show_problems(invalid)
        sys.exit(1)


def _read(which: UseFilter) -> tuple[KeyUse, ...]:
    environment = _environment()

    async def read() -> tuple[KeyUse, ...]:
        async with bootstrap.open_uses(environment) as uses:
            return await uses.list(which)

    try:
        return asyncio.run(read())
    except Unavailable as trouble:
        _fail(str(trouble), 3)


def _environment() -> Environment:
    try:
        return find_environment(click.get_current_context().obj)
    except EnvironmentInvalid as invalid:
        _fail(str(invalid), 2)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"extproc models: {message}", err=True)
    raise SystemExit(code)
