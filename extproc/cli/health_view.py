"""The part ``health`` of ``extproc status``: which deployments are left alone, for how long and why."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from extproc import bootstrap
from extproc.cli.environment import find_environment
from extproc.config.environment import EnvironmentInvalid
from extproc.config.gateway import GatewayInvalid, load
from extproc.model.health import FRESH, Standing
from extproc.model.ids import DeploymentName
from extproc.model.refusals import Unavailable

HEALTHY, COOLING, HALF_OPEN = "healthy", "cooling", "half-open"
_COLOURS = {HEALTHY: "green", COOLING: "red", HALF_OPEN: "yellow"}


@dataclass(frozen=True, slots=True)
class DeploymentHealth:
    """One line."""

    deployment: str
    state: str
    seconds_left: float
    """Until it may be tried again; 0 unless it cools down."""
    trouble: str | None
    """Why it cools down, or did last; None after an answer."""
    failures: int
    """In a row."""
    error_rate: float
    """0 to 1."""
    first_token_s: float | None
    in_flight: int
    requests_in_minute: int
    tokens_in_minute: int


def find_health(state_dir: Path, now_s: float) -> tuple[DeploymentHealth, ...] | str:
    """Every deployment of the gateway.yaml in force, as all workers see it; or why that cannot be said."""
    try:
        environment = find_environment(state_dir)
        standings = asyncio.run(bootstrap.read_health(environment))
    except (Unavailable, EnvironmentInvalid) as trouble:
        return str(trouble)
    try:
        known = tuple(load(environment.config).catalog.deployments)
    except GatewayInvalid:
        known = tuple(standings)
    return tell_health({name: standings.get(name, FRESH) for name in known}, now_s)


def tell_health(standings: Mapping[DeploymentName, Standing], now_s: float) -> tuple[DeploymentHealth, ...]:
    """The lines, in the given order."""
    return tuple(_line(name, standing, now_s) for name, standing in standings.items())


def show_health(health: tuple[DeploymentHealth, ...] | str) -> None:
    """Print the table, or why there is none."""
    console = Console(highlight=False)
    if isinstance(health, str):
        console.print(f"[yellow]the deployments' health cannot be told[/]: {escape(health)}", soft_wrap=True)
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for column in ("deployment", "health", "failures", "errors", "first token", "in flight", "req/min", "tok/min"):
        table.add_column(column, overflow="fold")
    for line in health:
        speed = "-" if line.first_token_s is None else f"{line.first_token_s:.2f} s"
        rates = (str(line.in_flight), str(line.requests_in_minute), str(line.tokens_in_minute))
        table.add_row(
            escape(line.deployment), _state(line), str(line.failures), f"{line.error_rate:.0%}", speed, *rates
        )
    console.print("as all workers see it, in Redis", style="dim")
    console.print(table)


def _line(name: DeploymentName, standing: Standing, now_s: float) -> DeploymentHealth:
    is_cooling = standing.is_cooling(now_s)
    state = COOLING if is_cooling else HALF_OPEN if standing.is_unproven(now_s) else HEALTHY
    return DeploymentHealth(
        deployment=name,
        state=state,
        seconds_left=round(max(0.0, standing.cooldown_until_s - now_s), 1),
        trouble=None if standing.trouble is None else standing.trouble.value,
        failures=standing.failures,
        error_rate=round(standing.error_rate, 4),
        first_token_s=None if standing.first_token_s is None else round(standing.first_token_s, 3),
        in_flight=standing.in_flight,
        requests_in_minute=standing.requests_in_minute,
        tokens_in_minute=standing.tokens_in_minute,
    )


def _state(line: DeploymentHealth) -> str:
    why = "" if line.trouble is None else f", {line.trouble.replace('_', ' ')}"
    left = f" {line.seconds_left:.0f} s" if line.state == COOLING else ""
    return f"[{_COLOURS[line.state]}]{line.state}[/]{left}{why}"
