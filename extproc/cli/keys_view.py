"""What ``extproc keys`` prints. A key's text goes to standard output alone on its line; everything about it beside."""

import json
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from extproc.model.identity import VirtualKey
from extproc.model.keys import KeyFile, describe_project
from extproc.operations.keys import Minted, Revoked

_UNANNOUNCED = "Redis could not be told: workers notice by their next poll, within a second of reaching Postgres."


def print_minted(minted: Minted, *, is_json: bool) -> None:
    """The new key and its text, which is shown this once."""
    if is_json:
        said = {"key": minted.token.reveal(), **_describe(minted.key), "is_announced": minted.is_announced}
        click.echo(json.dumps(said, ensure_ascii=False))
    else:
        key = minted.key
        place = describe_project(key.organisation, key.team, key.project)
        click.echo(f"A new key for {place} ({key.environment}); it ends: {_when(key.expires_at_s)}.", err=True)
        click.echo("This is the only time it is shown. Store it in a secret store now:\n", err=True)
        click.echo(minted.token.reveal())
        click.echo(f"\nIts id, to show, rotate or revoke it: {key.id}", err=True)
    _warn(is_announced=minted.is_announced)


def print_revoked(revoked: Revoked, *, is_json: bool) -> None:
    """That the key is gone."""
    if is_json:
        said = {"id": revoked.key, "revoked_at": _when(revoked.revoked_at_s), "is_announced": revoked.is_announced}
        click.echo(json.dumps(said))
    else:
        click.echo(f"{revoked.key} is revoked.")
    _warn(is_announced=revoked.is_announced)


def print_keys(keys: tuple[VirtualKey, ...], now_s: float, *, is_json: bool) -> None:
    """Many keys, one row each."""
    if is_json:
        click.echo(json.dumps([_describe(key) | {"state": _state(key, now_s)} for key in keys], ensure_ascii=False))
        return
    # Two lines a key: eight columns do not fit on a screen, and an id that is cut cannot be copied.
    table = Table(show_lines=True)
    table.add_column("id", no_wrap=True)
    table.add_column("whose", overflow="fold")
    table.add_column("state", overflow="fold")
    for key in keys:
        place = describe_project(key.organisation, key.team, key.project)
        cells = (
            f"{key.id}\n{key.hint}",
            f"{place} ({key.environment})\n{key.owner}",
            f"{_state(key, now_s)}, ends: {_when(key.expires_at_s)}\nmodels: {_models(key)}",
        )
        table.add_row(*map(escape, cells))
    Console().print(table if keys else "No keys. Make one with: extproc keys mint --help")


def print_file(file: KeyFile, now_s: float, *, is_json: bool) -> None:
    """One key, field by field, then its history."""
    said = _describe(file.key) | {"state": _state(file.key, now_s)}
    history = [
        {
            "seq": row.seq,
            "at": _when(row.at_s),
            "actor": row.deed.actor,
            "action": row.action,
            "approval": row.deed.approval,
            "detail": dict(row.detail),
        }
        for row in file.history
    ]
    if is_json:
        click.echo(json.dumps(said | {"history": history}, ensure_ascii=False))
        return
    console = Console()
    fields = Table(show_header=False)
    fields.add_column(no_wrap=True)
    fields.add_column(overflow="fold")
    for name, value in said.items():
        text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else "-" if value is None else str(value)
        fields.add_row(name, escape(text))
    console.print(fields)
    table = Table("at", "actor", "action", "approval", title="What was done to it")
    for column in table.columns:
        column.overflow = "fold"
    for row in file.history:
        table.add_row(*map(escape, (_when(row.at_s), row.deed.actor, row.action, row.deed.approval)))
    console.print(table)


def _describe(key: VirtualKey) -> dict[str, object]:
    return {
        "id": key.id,
        "organisation": key.organisation,
        "team": key.team,
        "project": key.project,
        "environment": key.environment,
        "owner": key.owner,
        "models": None if key.allowed_models is None else sorted(key.allowed_models),
        "tags": list(key.tags),
        "created_at": _when(key.created_at_s),
        "expires_at": None if key.expires_at_s is None else _when(key.expires_at_s),
        "revoked_at": None if key.revoked_at_s is None else _when(key.revoked_at_s),
        "hint": key.hint,
    }


def _state(key: VirtualKey, now_s: float) -> str:
    if key.revoked_at_s is not None:
        return "revoked" if key.revoked_at_s <= now_s else "rotated, still works"
    return "live" if key.is_live(now_s) else "expired"


def _models(key: VirtualKey) -> str:
    return "all" if key.allowed_models is None else ", ".join(sorted(key.allowed_models))


def _when(at_s: float | None) -> str:
    return "never" if at_s is None else datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _warn(*, is_announced: bool) -> None:
    if not is_announced:
        click.echo(_UNANNOUNCED, err=True)
