"""``extproc status``: listeners, clusters, requests, retries and ext_proc as Envoy counts them, each with its call."""

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from extproc import bootstrap
from extproc.cli.admin import UNREACHABLE, admin_options, find_admin
from extproc.cli.environment import find_environment
from extproc.cli.health_view import find_health, show_health
from extproc.config.environment import EnvironmentInvalid
from extproc.config.gateway import GatewayInvalid, load
from extproc.model.refusals import Unavailable
from extproc.model.seams import DEPLOYMENT_CLUSTER_PREFIX
from extproc.operations.envoy_admin import CLUSTERS, LISTENERS, Admin, Call, Cluster, Listener, stats
from extproc.policy.retirements import Retirement, find_retirements

_REQUESTS = r"^http\.gateway\.downstream_(rq_(total|active|2xx|4xx|5xx)|cx_active)$"
_RETRIES = r"^cluster\.deployment\..*\.upstream_rq_(total|retry|retry_success|per_try_timeout|timeout)$"
_EXT_PROC = r"\.ext_proc\.(admission|delivery)\.(streams_failed|message_timeouts|spurious_msgs_received|server_half_closed|rejected_header_mutations|failure_mode_allowed|immediate_responses_sent)$"  # noqa: E501 - one pattern
_CALLS: Mapping[str, Call] = {
    "listeners": LISTENERS,
    "clusters": CLUSTERS,
    "requests": stats(_REQUESTS),
    "retries": stats(_RETRIES),
    "ext_proc": stats(_EXT_PROC),
}


@dataclass(frozen=True, slots=True)
class Status:
    """What Envoy said. Counters are since it started."""

    listeners: tuple[Listener, ...]
    clusters: tuple[Cluster, ...]
    requests: Mapping[str, int]
    retries: Mapping[str, Mapping[str, int]]
    """Deployment → counter → value."""
    ext_proc: Mapping[str, Mapping[str, int]]
    """Door → counter → value, over all clusters."""
    exchanges: Mapping[str, int] | None
    """How many ended in which way, as the journal counts them; None where Redis cannot be asked."""


@click.command(name="status")
@admin_options
@click.option("--json", "is_json", is_flag=True, help="For scripts; of a local stack also base_url and virtual_key.")
def command(*, admin: str | None, state_dir: Path, is_json: bool) -> None:
    """Show what Envoy listens on, what it sends requests to, and how that goes.

    Exit code 1: Envoy is not ready. Each part is preceded by the admin call it comes from. The deployments' health is
    what all workers together know; it is in Redis and missing (null) where that cannot be asked.

    Example: extproc status --json
    """
    envoy = find_admin(admin, state_dir)
    try:
        status = _ask(envoy, None if admin else _count_exchanges(state_dir))
    except Unavailable as trouble:
        click.echo(f"extproc status: {trouble}", err=True)
        sys.exit(UNREACHABLE)
    is_ready = envoy.is_ready()
    retiring = None if admin else _find_retiring(state_dir)
    health = "not asked of an Envoy that is named" if admin else find_health(state_dir, time.time())
    if is_json:
        local = {} if admin else _of_local_stack(state_dir, envoy)
        calls = {part: call.as_curl(envoy.url) for part, call in _CALLS.items()}
        facts = {"admin_url": envoy.url, "is_ready": is_ready, **local, **asdict(status), "calls": calls}
        rows = None if isinstance(health, str) else [asdict(each) for each in health]
        click.echo(json.dumps(facts | {"health": rows, "retiring": _as_rows(retiring)}, indent=2))
    else:
        _show(envoy, status, is_ready=is_ready)
        if not admin:
            show_health(health)
        _show_retiring(retiring)
    sys.exit(0 if is_ready else 1)


def _count_exchanges(state_dir: Path) -> Mapping[str, int] | None:
    try:
        counts = asyncio.run(bootstrap.read_exchanges(find_environment(state_dir)))
    except (Unavailable, EnvironmentInvalid):
        return None
    return {outcome.value: count for outcome, count in counts.items()}


def _find_retiring(state_dir: Path) -> tuple[Retirement, ...] | None:
    """What the gateway.yaml in force says of it; None where it cannot be read."""
    try:
        catalog = load(find_environment(state_dir).config).catalog
    except (GatewayInvalid, EnvironmentInvalid):
        return None
    return find_retirements(catalog, datetime.now(UTC).date())


def _as_rows(retiring: tuple[Retirement, ...] | None) -> list[dict[str, object]] | None:
    if retiring is None:
        return None
    return [asdict(each) | {"retires_on": each.retires_on.isoformat()} for each in retiring]


def _show_retiring(retiring: tuple[Retirement, ...] | None) -> None:
    if not retiring:
        return
    table = _table("retiring", "when", "models", "groups")
    for each in retiring:
        when = f"{each.describe()} ({each.retires_on})"
        table.add_row(each.deployment, when, ", ".join(each.models) or "-", ", ".join(each.groups) or "-")
    console = Console(highlight=False)
    console.print("who still uses them: extproc models usage --retiring", style="dim")
    console.print(table)


def _ask(envoy: Admin, exchanges: Mapping[str, int] | None) -> Status:
    retries: dict[str, dict[str, int]] = {}
    for name, value in envoy.counters(_RETRIES).items():
        deployment, _, counter = name.removeprefix(f"cluster.{DEPLOYMENT_CLUSTER_PREFIX}").rpartition(".")
        retries.setdefault(deployment, {})[counter] = value
    doors: dict[str, dict[str, int]] = {}
    for name, value in envoy.counters(_EXT_PROC).items():
        door, counter = name.rsplit(".", 2)[1:]
        counters = doors.setdefault(door, {})
        counters[counter] = counters.get(counter, 0) + value
    requests = {name.rsplit(".", 1)[1]: value for name, value in envoy.counters(_REQUESTS).items()}
    return Status(envoy.listeners(), envoy.clusters(), requests, retries, doors, exchanges)


def _show(envoy: Admin, status: Status, *, is_ready: bool) -> None:
    console = Console(highlight=False)
    listeners = _table("listener", "address")
    for listener in status.listeners:
        listeners.add_row(listener.name, listener.address)
    clusters = _table("cluster", "endpoint", "health", "requests", "errors")
    for cluster in status.clusters:
        for host in cluster.hosts:
            health = "[green]healthy" if host.is_healthy else f"[red]{', '.join(host.reasons)}"
            clusters.add_row(cluster.name, host.address, health, str(host.requests), str(host.errors))
        if not cluster.hosts:
            clusters.add_row(cluster.name, "none, on purpose", "", "", "")
    requests = _table("requests", "count")
    for name, value in sorted(status.requests.items()):
        requests.add_row(name, str(value))
    tables = {
        "listeners": listeners,
        "clusters": clusters,
        "requests": requests,
        "retries": _matrix("deployment", status.retries, "upstream_rq_"),
        "ext_proc": _matrix("ext_proc", _turned(status.ext_proc)),
    }
    for part, table in tables.items():
        console.print(_CALLS[part].as_curl(envoy.url), style="dim", markup=False, soft_wrap=True)
        console.print(table)
    if status.exchanges is not None:
        exchanges = _table("exchanges", "count")
        for name, value in status.exchanges.items():
            exchanges.add_row(name, str(value))
        console.print("the journal's count, in Redis", style="dim")
        console.print(exchanges)
    if not is_ready:
        console.print("[red]Envoy is not ready[/]: it is starting, or it was drained")


def _matrix(first: str, rows: Mapping[str, Mapping[str, int]], prefix: str = "") -> Table:
    """One line per row, one column per counter; what all counters begin with is left out."""
    columns = sorted({counter for counters in rows.values() for counter in counters})
    table = _table(first, *(column.removeprefix(prefix) for column in columns))
    for name, counters in sorted(rows.items()):
        table.add_row(name, *(str(counters.get(column, 0)) for column in columns))
    return table


def _turned(rows: Mapping[str, Mapping[str, int]]) -> Mapping[str, Mapping[str, int]]:
    counters = {counter for row in rows.values() for counter in row}
    return {counter: {name: row.get(counter, 0) for name, row in rows.items()} for counter in counters}


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _of_local_stack(state_dir: Path, envoy: Admin) -> dict[str, str]:
    """What a script needs to use a local stack; nothing where the Envoy asked is not its own."""
    if find_spec("psutil") is None:
        return {}
    from extproc.local.state import StateDir, remembered_key, running  # noqa: PLC0415 - needs the extra

    state = StateDir(state_dir.absolute())
    record = running(state)
    if record is None or record.admin_url != envoy.url:
        return {}
    known = remembered_key(state.virtual_key)
    return {"base_url": record.base_url, "virtual_key": "" if known is None else known[1].reveal()}
