"""``extproc ledger``: hold the counters in Redis and a provider's export against the ledger, and drop old months.

``ledger_view`` has what is printed, ``operations.ledger`` and ``operations.ledger_match`` what is done.
"""

import asyncio
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from extproc import bootstrap
from extproc.bootstrap_ledger import open_books, open_ledger
from extproc.cli import ledger_view
from extproc.cli.environment import find_environment, state_dir_option
from extproc.cli.ledger_adjust import adjust_command
from extproc.config.environment import Environment, EnvironmentInvalid
from extproc.model.refusals import Unavailable
from extproc.operations.ledger import Reconciliation, reconcile, repair, retain
from extproc.operations.ledger_match import COLUMNS, InvoiceProblem, Match, match, read_export

T = TypeVar("T")
_DAY_S = 86_400.0
_DATE = click.DateTime(["%Y-%m-%d"])
_json_option = click.option("--json", "is_json", is_flag=True, help="Print JSON, for scripts.")


@click.group(name="ledger", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Look after the ledger: what every exchange used and cost.

    Example: extproc ledger reconcile
    """


command.add_command(adjust_command)


@command.command(name="reconcile")
@click.option("--organisation", help="Only this one's counters.")
@click.option("--repair", "is_repairing", is_flag=True, help="Set right what differs each time by the same.")
@click.option("--force", "is_forced", is_flag=True, help="Even while writers have rows that are not in the ledger.")
@click.option("--samples", type=click.IntRange(2, 60), default=3, show_default=True, help="How often to look.")
@click.option("--pause", "pause_s", type=click.FloatRange(0), default=1.0, show_default=True, help="Seconds between.")
@_json_option
@state_dir_option
def reconcile_command(
    *, organisation: str | None, is_repairing: bool, is_forced: bool, samples: int, pause_s: float, is_json: bool
) -> None:
    """Compare every counter that is live in Redis with the ledger. Exit code 1 while any differs.

    Example: extproc ledger reconcile --organisation acme --repair
    """
    environment = _environment()

    async def work() -> Reconciliation:
        async with (
            bootstrap.open_redis_of(environment) as redis,
            open_books(environment, redis, bootstrap.SystemClock()) as books,
        ):
            found = await reconcile(
                books.ledger,
                books.counters,
                asyncio.sleep,
                organisation=organisation,
                samples=samples,
                pause_s=pause_s,
            )
            if not is_repairing:
                return found
            return await repair(found, books.ledger, books.ledger, books.counters, books.budgets, is_forced=is_forced)

    found = _run(work())
    ledger_view.print_reconciliation(found, is_repairing=is_repairing, is_forced=is_forced, is_json=is_json)
    if not found.is_even:
        raise SystemExit(1)


@command.command(name="match")
@click.argument("provider")
@click.argument("export", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--column", "columns", multiple=True, metavar="NAME=COLUMN", help="Another column for NAME; repeat it.")
@click.option("--from", "begin", type=_DATE, help="First day of which the export is whole, UTC.")
@click.option("--to", "end", type=_DATE, help="Last day of it.")
@_json_option
@state_dir_option
def match_command(
    *,
    provider: str,
    export: Path,
    columns: tuple[str, ...],
    begin: datetime | None,
    end: datetime | None,
    is_json: bool,
) -> None:
    """Compare the ledger with a provider's usage export, by the provider's request ids. Exit code 1 if they differ.

    PROVIDER is the dialect of its deployments: openai, azure, anthropic, bedrock, vertex, vertex-anthropic. NAME is
    request_id, model, input_tokens, output_tokens, cost_usd or time; COLUMN may be a sum, as in a+b.

    Example: extproc ledger match openai export.csv --column cost_usd=cost --from 2026-11-01 --to 2026-11-30
    """
    if (begin is None) != (end is None):
        raise click.UsageError("--from and --to: give both or none")
    period = None
    if begin is not None and end is not None:
        period = (begin.replace(tzinfo=UTC).timestamp(), end.replace(tzinfo=UTC).timestamp() + _DAY_S)
    try:
        with export.open(newline="", encoding="utf-8-sig") as source:
            billed = read_export(source, provider, _read_columns(columns))
    except (InvoiceProblem, UnicodeDecodeError, OSError) as problem:
        _fail(f"{export}: {problem}", 1)
    environment = _environment()

    async def work() -> Match:
        async with open_ledger(environment) as ledger:
            return await match(ledger, provider, billed, period)

    found = _run(work())
    ledger_view.print_match(found, is_json=is_json)
    if not found.is_even:
        raise SystemExit(1)


@command.command(name="retain")
@click.option("--months", type=int, required=True, help="Whole months to keep, beside the present one.")
@click.option("--dry-run", "is_rehearsal", is_flag=True, help="Say what would go.")
@_json_option
@state_dir_option
def retain_command(*, months: int, is_rehearsal: bool, is_json: bool) -> None:
    """Drop the months before the last ones, with everything in them.

    Example: extproc ledger retain --months 24 --dry-run
    """
    environment = _environment()
    today = datetime.fromtimestamp(time.time(), UTC).date()

    async def work() -> tuple[object, tuple[str, ...]]:
        async with open_ledger(environment) as ledger:
            return await retain(ledger, months, today, is_rehearsal=is_rehearsal)

    try:
        first_kept, gone = _run(work())
    except ValueError as problem:
        raise click.UsageError(str(problem)) from None
    ledger_view.print_retained(str(first_kept), gone, is_rehearsal=is_rehearsal, is_json=is_json)


def _read_columns(given: tuple[str, ...]) -> dict[str, str]:
    columns = {}
    for each in given:
        name, separator, column = each.partition("=")
        if not separator or not column or name not in COLUMNS["openai"]:
            raise click.UsageError(f"--column {each}: write one of {', '.join(COLUMNS['openai'])}, '=' and a column")
        columns[name] = column
    return columns


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except (Unavailable, EnvironmentInvalid) as trouble:
        _fail(str(trouble), 3 if isinstance(trouble, Unavailable) else 2)


def _environment() -> Environment:
    try:
        return find_environment(click.get_current_context().obj)
    except EnvironmentInvalid as invalid:
        _fail(str(invalid), 2)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"extproc ledger: {message}", err=True)
    raise SystemExit(code)
