"""``extproc apply``: make the limits of gateway.yaml the limits in force, and show first what that changes."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NoReturn, TypeVar

import click

from extproc.bootstrap_limits import LimitOffice, open_limit_office
from extproc.cli import limits_view
from extproc.cli.check import show_problems
from extproc.cli.deeds import with_deed
from extproc.cli.environment import find_environment, state_dir_option
from extproc.config.environment import Environment, EnvironmentInvalid
from extproc.config.gateway import Gateway, GatewayInvalid, load
from extproc.model.keys import Deed
from extproc.model.limit_records import LimitProblem
from extproc.model.refusals import Unavailable
from extproc.operations.limits import Done, Plan, apply_plan, make_plan

T = TypeVar("T")
UNANNOUNCED = "Redis could not be told: workers notice by their next poll, within a second of reaching Postgres."
_HAS_CHANGES = 2


@click.command(name="apply")
@click.option("--config", type=click.Path(dir_okay=False, path_type=Path), help="The gateway.yaml. [$EXTPROC_CONFIG]")
@click.option("--plan-only", is_flag=True, help="Show the plan and change nothing: exit code 2 if there is something.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON, for scripts.")
@with_deed(is_required=False)
@state_dir_option
def command(*, config: Path | None, plan_only: bool, yes: bool, is_json: bool, deed: Deed | None) -> None:
    """Make the budgets and rates of gateway.yaml the ones in force. Again changes nothing.

    The plan is shown first. All of it is applied, or nothing; nothing as well if somebody changed limits meanwhile.
    Limits that were set by hand and are in no file stay. Exit codes: 0 done, or nothing to do; 1 the file or the change
    is not well; 2 with --plan-only: there are changes; 3 Postgres did not answer.

    Example: extproc apply --config gateway.yaml --change CHG-1 --approver grace
    """
    if deed is None and not plan_only:
        raise click.UsageError("--change and --approver are needed: each change of limits has an approval")
    if is_json and not (plan_only or yes):
        raise click.UsageError("--json cannot ask: add --yes or --plan-only")
    environment = _environment()
    gateway = _load(config or environment.config)
    plan = run_office(environment, lambda office: _plan(office, gateway), "apply")
    if not is_json:
        limits_view.print_plan(plan)
    if plan_only or deed is None or not plan.edits:
        if is_json:
            click.echo(json.dumps(limits_view.plan_as_json(plan) | {"is_applied": False}, indent=2))
        sys.exit(_HAS_CHANGES if plan_only and plan.edits else 0)
    if not yes and not click.confirm("Apply this?"):
        fail("apply", "nothing was changed", 1)
    done = run_office(environment, lambda office: apply_plan(office.desk, plan, deed), "apply")
    if is_json:
        told = {"is_applied": True, "version": done.version, "is_announced": done.is_announced}
        click.echo(json.dumps(limits_view.plan_as_json(plan) | told, indent=2))
    else:
        click.echo(f"Applied: {len(plan.edits)} changes, version {done.version} of the limits.")
    warn_unannounced(done)


def run_office(environment: Environment, work: Callable[[LimitOffice], Awaitable[T]], name: str) -> T:
    """The result of ``work``; what goes wrong becomes one line and an exit code."""

    async def at_office() -> T:
        async with open_limit_office(environment) as office:
            return await work(office)

    try:
        return asyncio.run(at_office())
    except LimitProblem as problem:
        fail(name, str(problem), 1)
    except EnvironmentInvalid as problem:
        fail(name, str(problem), 2)
    except Unavailable as trouble:
        fail(name, str(trouble), 3)


def fail(name: str, message: str, code: int) -> NoReturn:
    """One line on standard error, and the end."""
    click.echo(f"extproc {name}: {message}", err=True)
    raise SystemExit(code)


def warn_unannounced(done: Done) -> None:
    """Say that workers could not be told at once."""
    if not done.is_announced:
        click.echo(UNANNOUNCED, err=True)


async def _plan(office: LimitOffice, gateway: Gateway) -> Plan:
    return make_plan(gateway.declared, await office.desk.store.read())


def _environment() -> Environment:
    try:
        return find_environment(click.get_current_context().obj)
    except EnvironmentInvalid as problem:
        fail("apply", str(problem), 2)


def _load(path: Path) -> Gateway:
    try:
        return load(path)
    except GatewayInvalid as invalid:
        show_problems(invalid)
        sys.exit(1)
