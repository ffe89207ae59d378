"""What ``extproc models`` prints."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from extproc.model.catalog import Catalog, Deployment, Model
from extproc.model.keys import describe_project
from extproc.model.routing import Auto, RoutingGroup, Strategy
from extproc.model.uses import KeyUse
from extproc.policy.retirements import Retirement


def print_models(catalog: Catalog, *, is_json: bool) -> None:
    """Every model, with the groups and deployments that may answer for it."""
    if is_json:
        click.echo(json.dumps([_describe_model(catalog, model) for model in catalog.models.values()]))
        return
    table = _table("model", "target", "strategy", "deployment", "labels", "retires")
    for model in catalog.models.values():
        groups = catalog.groups_of(model.name)
        behind = catalog.deployments_of(model.name)
        cells = (
            model.name,
            _target(catalog, model),
            "\n".join(dict.fromkeys(group.strategy.value for group in groups)),
            "\n".join(each.name for each in behind),
            "\n".join(_labels(each) for each in behind),
            "\n".join("-" if each.retires_on is None else each.retires_on.isoformat() for each in behind),
        )
        table.add_row(*map(escape, cells))
    Console(highlight=False).print(table)


def print_retiring(retiring: Sequence[Retirement]) -> None:
    """What it is all about, before who uses it."""
    for each in retiring:
        click.echo(f"{each.deployment} {each.describe()} ({each.retires_on}); {each.describe_users()}")
    if not retiring:
        click.echo("No deployment retires within 60 days.")


def print_uses(uses: Sequence[KeyUse], now_s: float, *, is_json: bool) -> None:
    """Who uses what, those used last first."""
    if is_json:
        click.echo(json.dumps([_describe_use(use, now_s) for use in uses], ensure_ascii=False))
        return
    if not uses:
        click.echo("No key used it in that time.")
        return
    # Several lines a use: what a person needs to write to somebody does not fit on one.
    table = _table("key", "whose", "used", "requests")
    for use in uses:
        key = use.key
        whose = "not in the directory"
        if key is not None:
            place = describe_project(key.organisation, key.team, key.project)
            tags = f"  [{', '.join(key.tags)}]" if key.tags else ""
            whose = f"{key.owner}\n{place} ({key.environment}){tags}"
        state = _state(use, now_s)
        cells = (
            use.key_id if state == "live" else f"{use.key_id}\n{state}",
            whose,
            f"{use.model}\nby {use.deployment}",
            f"{use.count.requests}\nlast {_when(use.count.last_used_at_s)}",
        )
        table.add_row(*map(escape, cells))
    Console(highlight=False).print(table)


def _describe_model(catalog: Catalog, model: Model) -> dict[str, object]:
    groups = [
        {
            "name": group.name,
            "strategy": group.strategy.value,
            "deployments": [member.deployment for member in group.members],
            "fallbacks": list(group.fallbacks),
        }
        for group in catalog.groups_of(model.name)
    ]
    deployments = [
        {
            "name": each.name,
            "dialect": each.dialect,
            "upstream_model": each.upstream_model,
            "labels": dict(each.labels),
            "retires_on": None if each.retires_on is None else each.retires_on.isoformat(),
        }
        for each in catalog.deployments_of(model.name)
    ]
    target = _target(catalog, model)
    return {"model": model.name, "target": target, "groups": groups, "deployments": deployments}


def _target(catalog: Catalog, model: Model) -> str:
    target = model.target
    if isinstance(target, Auto):
        return f"auto: {target.cheap} or {target.premium}"
    return "its own" if _is_own(catalog.groups[target], model) else f"group {target}"


def _is_own(group: RoutingGroup, model: Model) -> bool:
    """Whether a model brings its list along; a group of that name in this form is the same thing."""
    return str(group.name) == str(model.name) and group.strategy is Strategy.PRIORITY and not group.fallbacks


def _labels(deployment: Deployment) -> str:
    return ", ".join(f"{name}: {value}" for name, value in sorted(deployment.labels.items())) or "-"


def _describe_use(use: KeyUse, now_s: float) -> dict[str, object]:
    key = use.key
    return {
        "key": use.key_id,
        "state": _state(use, now_s),
        "owner": None if key is None else key.owner,
        "organisation": None if key is None else key.organisation,
        "team": None if key is None else key.team,
        "project": None if key is None else key.project,
        "environment": None if key is None else key.environment,
        "tags": [] if key is None else list(key.tags),
        "model": use.model,
        "deployment": use.deployment,
        "requests": use.count.requests,
        "last_used_at": _when(use.count.last_used_at_s),
    }


def _state(use: KeyUse, now_s: float) -> str:
    if use.key is None:
        return "unknown"
    return "live" if use.key.is_live(now_s) else "ended"


def _when(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _table(*columns: str) -> Table:
    table = Table(show_lines=True)
    for index, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=index == 0)
    return table
