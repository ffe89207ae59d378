"""What ``extproc vault check`` prints: one row for each deployment, and one for the pepper. Never a value."""

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from extproc.model.catalog import Catalog, CredentialRef
from extproc.model.credentials import Source
from extproc.model.dialects import credential_refs
from extproc.model.vault_state import LoginState, SourceState, VaultState
from extproc.operations.vault_state import WorkerState, kind_of

_PEPPER = "(digests of virtual keys)"
_UNITS = (("d", 86_400), ("h", 3600), ("m", 60))


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found out."""

    address: str
    catalog: Catalog
    pepper: CredentialRef
    probe: VaultState | None
    """Our own try; None: it was not wanted."""
    workers: tuple[WorkerState, ...]


def show(findings: Findings, *, is_json: bool) -> None:
    """Print everything."""
    now_s = time.time()
    if is_json:
        click.echo(json.dumps(_plain(findings, now_s), indent=2))
        return
    console = Console(highlight=False)
    if findings.probe is not None:
        _show_login(console, findings.address, findings.probe, now_s)
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    for name in ("deployment", "from", "state", "age", "ends in", "renewable", "workers"):
        table.add_column(name, overflow="fold")
    troubles: dict[str, None] = {}
    for name, refs in _wanted(findings).items():
        _add_row(table, findings, name, refs, now_s)
        source = refs[0].source
        troubles |= dict.fromkeys(each.trouble for each in _views(findings, source) if each.trouble)
    console.print(table)
    for trouble in troubles:
        console.print(Text(trouble, style="red"))
    for worker in findings.workers:
        if worker.state.out_since_s is not None:
            since = _span(now_s - worker.state.out_since_s)
            console.print(Text(f"worker {worker.index}: no vault for {since}; it serves from memory", style="bold red"))
    if not findings.workers:
        console.print(Text("no worker is running here", style="yellow"))


def _show_login(console: Console, address: str, state: VaultState, now_s: float) -> None:
    login = state.login
    if login is None:
        console.print(Text(f"{address}: no login", style="bold red"))
        return
    end = "never ends" if login.expires_at_s is None else f"ends in {_span(login.expires_at_s - now_s)}"
    renewable = "renewable" if login.is_renewable else "not renewable"
    who = f"{address}: {login.method} at auth/{login.mount}, token {end}, {renewable}"
    console.print(Text(f"{who}, policies {', '.join(login.policies)}", style="green"))


def _add_row(table: Table, findings: Findings, name: str, refs: tuple[CredentialRef, ...], now_s: float) -> None:
    source = refs[0].source
    fields = "" if source.mint is not None else f"#{','.join(ref.field for ref in refs if not ref.is_optional)}"
    views = _views(findings, source)
    ours = _of(findings.probe, source)
    shown = ours or (min(views, key=lambda each: each.usable_until_s or 0) if views else None)
    held = [each for worker in findings.workers if (each := _of(worker.state, source)) and _is_usable(each, now_s)]
    is_well = shown is not None and _is_usable(shown, now_s) and not any(each.trouble for each in views)
    workers_age = max((now_s - each.read_at_s for each in held if each.read_at_s is not None), default=None)
    workers = f"{len(held)} of {len(findings.workers)}" + ("" if workers_age is None else f", {_span(workers_age)} old")
    table.add_row(
        Text(name),
        Text(f"{kind_of(source)} {source.path}{fields}"),
        Text("ok", style="green") if is_well else Text("trouble", style="bold red"),
        "" if shown is None or shown.read_at_s is None else _span(now_s - shown.read_at_s),
        "" if shown is None or shown.ends_at_s is None else _span(shown.ends_at_s - now_s),
        "yes" if shown is not None and shown.is_renewable else "no",
        workers if findings.workers else "",
    )


def _wanted(findings: Findings) -> Mapping[str, tuple[CredentialRef, ...]]:
    named = {name: credential_refs(deployment) for name, deployment in findings.catalog.deployments.items()}
    return {_PEPPER: (findings.pepper,), **{name: refs for name, refs in named.items() if refs}}


def _views(findings: Findings, source: Source) -> list[SourceState]:
    states = [worker.state for worker in findings.workers]
    every = states if findings.probe is None else [findings.probe, *states]
    return [found for state in every if (found := _of(state, source))]


def _of(state: VaultState | None, source: Source) -> SourceState | None:
    return None if state is None else next((each for each in state.sources if each.source == source), None)


def _is_usable(state: SourceState, now_s: float) -> bool:
    return state.usable_until_s is not None and now_s < state.usable_until_s


def _span(seconds: float) -> str:
    """``45 s``, ``12 m``, ``3 h``: whole units, rounded down."""
    if seconds < 0:
        return "over"
    for unit, size_s in _UNITS:
        if seconds >= size_s:
            return f"{math.floor(seconds / size_s)} {unit}"
    return f"{math.floor(seconds)} s"


def _plain(findings: Findings, now_s: float) -> dict[str, object]:
    rows = []
    for name, refs in _wanted(findings).items():
        source = refs[0].source
        probe = _of(findings.probe, source)
        rows.append(
            {
                "deployment": None if name == _PEPPER else name,
                "kind": kind_of(source),
                "path": source.path,
                "fields": [ref.field for ref in refs],
                "check": None if probe is None else _plain_source(probe, now_s),
                "workers": [
                    {"worker": worker.index, **_plain_source(held, now_s)}
                    for worker in findings.workers
                    if (held := _of(worker.state, source))
                ],
            }
        )
    return {
        "vault": findings.address,
        "check": None if findings.probe is None else _plain_state(findings.probe, now_s),
        "workers": [{"worker": worker.index, **_plain_state(worker.state, now_s)} for worker in findings.workers],
        "credentials": rows,
    }


def _plain_state(state: VaultState, now_s: float) -> dict[str, object]:
    return {"out_for_s": _until(now_s, state.out_since_s), "login": _plain_login(state.login, now_s)}


def _plain_login(login: LoginState | None, now_s: float) -> dict[str, object] | None:
    if login is None:
        return None
    return {
        "method": login.method,
        "mount": login.mount,
        "policies": list(login.policies),
        "is_renewable": login.is_renewable,
        "ends_in_s": _until(login.expires_at_s, now_s),
    }


def _plain_source(state: SourceState, now_s: float) -> dict[str, object]:
    return {
        "is_usable": _is_usable(state, now_s),
        "age_s": _until(now_s, state.read_at_s),
        "ends_in_s": _until(state.ends_at_s, now_s),
        "usable_for_s": _until(state.usable_until_s, now_s),
        "is_renewable": state.is_renewable,
        "trouble": state.trouble,
    }


def _until(later_s: float | None, earlier_s: float | None) -> float | None:
    return None if later_s is None or earlier_s is None else round(later_s - earlier_s, 1)
