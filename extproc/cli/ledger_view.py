"""What ``extproc ledger`` prints."""

import json
from collections.abc import Sequence

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from extproc.operations.ledger import Reconciliation, State
from extproc.operations.ledger_match import Match, Tally

_SHOWN = 20


def print_reconciliation(found: Reconciliation, *, is_repairing: bool, is_forced: bool, is_json: bool) -> None:
    """Every difference, and why nothing was repaired where nothing was."""
    if is_json:
        told = {
            "compared": found.compared,
            "differences": [
                {
                    "organisation": each.organisation,
                    "counter": each.part,
                    "redis": each.redis,
                    "ledger": each.ledger,
                    "excess": each.excess,
                    "state": each.state.value,
                }
                for each in found.differences
            ],
            "writers_behind": [
                {"writer": each.id, "unwritten": each.unwritten, "silent_s": round(each.silent_s, 1)}
                for each in found.behind
            ],
        }
        click.echo(json.dumps(told))
        return
    if found.differences:
        table = _table("organisation", "counter", "redis", "ledger", "excess", "state")
        for each in found.differences:
            cells = (each.organisation, each.part, str(each.redis), str(each.ledger), f"{each.excess:+}", each.state)
            table.add_row(*map(escape, cells))
        Console(highlight=False).print(table)
    repaired = sum(each.state is State.REPAIRED for each in found.differences)
    click.echo(f"{found.compared} counters compared, {len(found.differences)} differ, {repaired} repaired.")
    for writer in found.behind:
        click.echo(
            f"writer {writer.id}: {writer.unwritten} rows not in the ledger, heard of {writer.silent_s:.0f} s ago"
        )
    if found.behind and is_repairing and not is_forced:
        click.echo("Nothing was repaired: wait for these writers, or add --force if their disks are gone for good.")


def print_match(found: Match, *, is_json: bool) -> None:
    """Both sides by model and in total, and the requests that one side lacks."""
    if is_json:
        told = {
            "models": {name: _describe(tally) for name, tally in sorted(found.models.items())},
            "total": _describe(found.total),
            "only_provider": found.only_provider,
            "only_ledger": found.only_ledger,
            "is_one_sided": found.is_one_sided,
        }
        click.echo(json.dumps(told))
        return
    columns = ("matched", "differ", "not in ledger", "not in export", "input ±", "output ±", "micro-USD ±")
    table = _table("model", *columns)
    for name, tally in (*sorted(found.models.items()), ("total", found.total)):
        variance = tally.micro_usd_variance
        cells = (
            name or "-",
            str(tally.matched),
            str(tally.differing),
            str(tally.only_provider),
            "?" if found.is_one_sided else str(tally.only_ledger),
            f"{tally.provider_input_tokens - tally.ledger_input_tokens:+}",
            f"{tally.provider_output_tokens - tally.ledger_output_tokens:+}",
            "-" if variance is None else f"{variance:+}",
        )
        table.add_row(*map(escape, cells))
    Console(highlight=False).print(table)
    _print_ids("not in the ledger", found.only_provider)
    _print_ids("not in the export", found.only_ledger)
    if found.is_one_sided:
        click.echo("The export has no times: give --from and --to to learn what only the ledger has.")


def print_retained(first_kept: str, gone: Sequence[str], *, is_rehearsal: bool, is_json: bool) -> None:
    """What went, or would."""
    if is_json:
        click.echo(json.dumps({"first_kept": first_kept, "dropped": list(gone), "is_rehearsal": is_rehearsal}))
        return
    verb = "would go" if is_rehearsal else "dropped"
    for each in gone:
        click.echo(f"{verb}: {each}")
    click.echo(f"{len(gone)} {verb}; the ledger begins with {first_kept[:7]}.")


def _print_ids(what: str, ids: Sequence[str]) -> None:
    if ids:
        more = f" and {len(ids) - _SHOWN} more (--json has all)" if len(ids) > _SHOWN else ""
        click.echo(f"{what}: {', '.join(ids[:_SHOWN])}{more}")


def _describe(tally: Tally) -> dict[str, int | None]:
    return {
        "matched": tally.matched,
        "differing": tally.differing,
        "only_provider": tally.only_provider,
        "only_ledger": tally.only_ledger,
        "provider_input_tokens": tally.provider_input_tokens,
        "ledger_input_tokens": tally.ledger_input_tokens,
        "provider_output_tokens": tally.provider_output_tokens,
        "ledger_output_tokens": tally.ledger_output_tokens,
        "provider_micro_usd": tally.provider_micro_usd,
        "ledger_micro_usd": tally.ledger_micro_usd,
        "micro_usd_variance": tally.micro_usd_variance,
    }


def _table(*columns: str) -> Table:
    table = Table(show_lines=False)
    for index, column in enumerate(columns):
        table.add_column(column, overflow="fold", justify="left" if index == 0 else "right")
    return table
