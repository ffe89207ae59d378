"""``extproc check``: everything that is wrong with a gateway.yaml, at once."""

import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from extproc.config.environment import EnvironmentInvalid, read_environment
from extproc.config.gateway import Gateway, GatewayInvalid, Problem, load
from extproc.config.pricing import warn_of_prices
from extproc.model.limits import Budget, Unit
from extproc.policy.retirements import find_retirements


@click.command(name="check")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
def command(file: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Read FILE and report everything that is wrong with it.

    Without FILE: $EXTPROC_CONFIG, or gateway.yaml here. Exit code 1 when there is a problem; warnings are not problems.
    """
    path = file or default_config()
    try:
        gateway = load(path)
    except GatewayInvalid as invalid:
        if as_json:
            click.echo(_as_json(path, invalid.problems, ()))
        else:
            show_problems(invalid)
        sys.exit(1)
    today = datetime.now(UTC).date()
    warnings = (*gateway.warnings, *warn_of_retirements(gateway, today), *warn_of_money(gateway, today))
    if as_json:
        click.echo(_as_json(path, (), warnings))
        return
    _show_well(path, gateway, warnings)


def default_config() -> Path:
    """The gateway.yaml that the environment names.

    Raises:
        click.UsageError: the environment is not valid.
    """
    try:
        return read_environment(os.environ).config
    except EnvironmentInvalid as invalid:
        raise click.UsageError(str(invalid)) from None


def show_problems(invalid: GatewayInvalid) -> None:
    """Print a table of problems to stderr."""
    console = Console(stderr=True)
    count = len(invalid.problems)
    console.print(Text(f"{invalid.source}: {count} problem{'s' if count > 1 else ''}", style="bold red"))
    console.print(_table(invalid.problems))


def warn_of_retirements(gateway: Gateway, today: date) -> tuple[Problem, ...]:
    """A warning for each deployment that its provider will soon retire, or has."""
    places = {name: index for index, name in enumerate(gateway.catalog.deployments)}
    return tuple(
        Problem(
            f"deployments[{places[each.deployment]}].retires_on",
            f"{each.deployment} {each.describe()} ({each.retires_on}): {each.describe_users()}",
            f"Put another in its place; who uses it: extproc models usage --deployment {each.deployment}",
        )
        for each in find_retirements(gateway.catalog, today)
    )


def warn_of_money(gateway: Gateway, today: date) -> tuple[Problem, ...]:
    """A warning for each price that is missing or not sure, where the file declares a hard budget in money."""
    budgets = (limit for limit in gateway.declared if isinstance(limit, Budget))
    if not any(budget.is_hard and budget.unit is Unit.MICRO_USD for budget in budgets):
        return ()
    return warn_of_prices(gateway.catalog.deployments, gateway.pricings, today)


def _show_well(path: Path, gateway: Gateway, warnings: Sequence[Problem]) -> None:
    catalog = gateway.catalog
    counts = f"models: {len(catalog.models)}, deployments: {len(catalog.deployments)}, version {catalog.version}"
    console = Console()
    console.print(Text(f"{path}: {counts}", style="green"))
    if warnings:
        console.print(Text("Warnings", style="bold yellow"))
        console.print(_table(warnings))


def _table(problems: Sequence[Problem]) -> Table:
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("where", overflow="fold")
    table.add_column("line", justify="right")
    table.add_column("what is wrong", overflow="fold")
    table.add_column("what to do", overflow="fold")
    for problem in problems:
        line = "" if problem.line is None else str(problem.line)
        # Text, not markup: a path such as models[0] would be taken for a style.
        table.add_row(Text(problem.path or "-"), line, Text(problem.message), Text(problem.fix))
    return table


def _as_json(path: Path, problems: Sequence[Problem], warnings: Sequence[Problem]) -> str:
    def rows(found: Sequence[Problem]) -> list[dict[str, str | int | None]]:
        return [{"path": p.path, "line": p.line, "message": p.message, "fix": p.fix} for p in found]

    return json.dumps({"file": str(path), "problems": rows(problems), "warnings": rows(warnings)}, indent=2)
