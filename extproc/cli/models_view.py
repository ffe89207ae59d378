"""What ``extproc models`` prints."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from extproc.config.gateway import Gateway
from extproc.config.prices import Pricing
from extproc.model.catalog import Catalog, Deployment, Model
from extproc.model.keys import describe_project
from extproc.model.money import NANO_PER_USD, Price
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


_KINDS = (
    ("input", "input_nano_usd"),
    ("output", "output_nano_usd"),
    ("cached_input", "cached_input_nano_usd"),
    ("cache_write", "cache_write_nano_usd"),
    ("reasoning", "reasoning_nano_usd"),
    ("audio_input", "audio_input_nano_usd"),
    ("audio_output", "audio_output_nano_usd"),
)
"""As the price table calls them, and as a price has them."""


def print_prices(gateway: Gateway, *, is_json: bool) -> None:
    """Every deployment in the order of the file, in USD per million tokens; JSON has nano-USD per token."""
    priced = [(each, gateway.pricings.get(each.name)) for each in gateway.catalog.deployments.values()]
    if is_json:
        click.echo(json.dumps([_describe_price(deployment, pricing) for deployment, pricing in priced]))
        return
    table = _table("deployment", "upstream model", "USD per million tokens", "from")
    for deployment, pricing in priced:
        costs, origin = "no price: hard budgets refuse it", "-"
        if pricing is not None:
            costs = "\n".join(_cost_lines(pricing.price))
            checked = "" if pricing.is_verified else "\nnot checked with the provider"
            until = "" if pricing.until is None else f"\nuntil {pricing.until}"
            origin = f"{pricing.origin} {pricing.version}".rstrip() + checked + until
        table.add_row(*map(escape, (deployment.name, deployment.upstream_model, costs, origin)))
    Console(highlight=False).print(table)


def _cost_lines(price: Price) -> Iterator[str]:
    for kind, name in _KINDS:
        nano_usd = getattr(price, name)
        if nano_usd is not None:
            yield f"{kind.replace('_', ' ')} {nano_usd // 1000}.{nano_usd % 1000:03d}"
    if price.request_nano_usd:
        whole, rest = divmod(price.request_nano_usd, NANO_PER_USD)
        yield f"each request {whole}.{rest:09d} USD"
    if price.long is not None:
        yield f"above {price.long_above_tokens} tokens of input:"
        yield from (f"  {line}" for line in _cost_lines(price.long))


def _describe_price(deployment: Deployment, pricing: Pricing | None) -> dict[str, object]:
    found: dict[str, object] = {
        "deployment": deployment.name,
        "dialect": deployment.dialect,
        "upstream_model": deployment.upstream_model,
        "price": None if pricing is None else _describe_costs(pricing.price),
    }
    if pricing is not None:
        found |= {
            "origin": pricing.origin,
            "version": pricing.version,
            "source": pricing.source,
            "read_on": None if pricing.read_on is None else pricing.read_on.isoformat(),
            "until": None if pricing.until is None else pricing.until.isoformat(),
            "is_verified": pricing.is_verified,
        }
    return found


def _describe_costs(price: Price) -> dict[str, object]:
    costs: dict[str, object] = {f"{kind}_nano_usd": getattr(price, name) for kind, name in _KINDS}
    costs["request_nano_usd"] = price.request_nano_usd
    if price.long is not None:
        costs["long_above_tokens"], costs["long"] = price.long_above_tokens, _describe_costs(price.long)
    return costs


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
