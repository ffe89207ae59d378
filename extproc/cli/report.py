"""``extproc report``: what was spent, on what and by whom; whose prompts are long; what the firewall came to.

``operations.reports`` says what the figures mean. ``report_text`` and ``report_html`` write spend, ``report_prompts``
prompts, ``report_guard`` verdicts.
"""

import asyncio
import functools
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
from rich.console import Console

from extproc.bootstrap_reports import open_reports
from extproc.cli import report_guard, report_html, report_prompts, report_text
from extproc.cli.environment import find_environment, state_dir_option
from extproc.config.environment import EnvironmentInvalid
from extproc.model.refusals import Unavailable
from extproc.operations.currency import CurrencyProblem, read_conversion
from extproc.operations.guard_report import make_guard_report
from extproc.operations.periods import Period, PeriodProblem, read_period
from extproc.operations.reports import By, ask_spend, make_prompts, make_spend

T = TypeVar("T")
_MOST_FOR_PEOPLE = 100
_WIDE = 500
"""Columns of a table that goes to a file or another program: all of it fits."""


class _Things(click.ParamType[tuple[By, ...]]):
    """``team,model``: what to tell apart, each once."""

    name = "things"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[By, ...]:
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in value.split(",") if word.strip()]
        unknown = [word for word in words if word not in set(By)]
        if unknown:
            self.fail(f"{unknown[0]!r} is none of {', '.join(By)}", param, ctx)
        return tuple(dict.fromkeys(map(By, words)))


@click.group(name="report", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Show what was spent, whose prompts are long, and what the firewall came to.

    Example: extproc report spend --by team,model --from 2026-11
    """


def _with_period(function: Callable[..., None]) -> Callable[..., None]:
    """Options of every report: which rows of the ledger it is about, given to the command as one ``period``."""

    @click.option("--from", "first", default="", metavar="WHEN", help="2026-11, 2026-11-01 or a time. [this month]")
    @click.option("--to", "last", default="", metavar="WHEN", help="Until the end of that month or day. [now]")
    @click.option("--time-zone", default="UTC", show_default=True, help="Days and months are this zone's.")
    @click.option("--organisation", default="", metavar="ORG", help="Only this one. [all]")
    @click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this file.")
    @functools.wraps(function)
    def wrapped(*, first: str, last: str, time_zone: str, **rest: object) -> None:
        try:
            function(period=read_period(first, last, time_zone, datetime.now(UTC)), **rest)
        except (PeriodProblem, CurrencyProblem) as problem:
            raise click.UsageError(str(problem)) from None

    return wrapped


def _format(*forms: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option("--format", "form", type=click.Choice(forms), default="table", show_default=True)


@command.command(name="spend")
@click.option("--by", type=_Things(), default="project", show_default=True, help=f"Several of: {', '.join(By)}.")
@click.option(
    "--top", type=click.IntRange(min=1), help="So many groups; the rest is one sum. [100 for people, else all]"
)
@_format("table", "csv", "json", "html")
@click.option("--currency", default="", metavar="EUR", help="Show this one beside the dollar.")
@click.option("--rate", default="", metavar="0.92", help="So much of it is a dollar.")
@_with_period
@state_dir_option
def spend_command(
    *,
    by: tuple[By, ...],
    top: int | None,
    form: str,
    currency: str,
    rate: str,
    period: Period,
    organisation: str,
    out: Path | None,
) -> None:
    """Show what was spent: cost, tokens, requests and how they ended. Groups add up to the ledger's total.

    A request with several tags is in one group, under all of them together.

    Example: extproc report spend --by team,model --from 2026-11 --format html --out november.html
    """
    conversion = read_conversion(currency, rate)
    question = ask_spend(period, by, organisation)
    sums = _ask(lambda reports: reports.spend(question))
    most = top or (_MOST_FOR_PEOPLE if form in {"table", "html"} else None)
    report = make_spend(question, sums, period, by, most)
    match form:
        case "csv":
            _write(report_text.spend_csv(report, conversion), out)
        case "json":
            _write(report_text.spend_json(report, conversion), out)
        case "html":
            _write(report_html.spend_html(report, conversion), out)
        case _:
            _write(_drawn(lambda console: report_text.print_spend(report, conversion, console), out), out)


@command.command(name="prompts")
@_format("table", "csv", "json")
@_with_period
@state_dir_option
def prompts_command(*, form: str, period: Period, organisation: str, out: Path | None) -> None:
    """Show how long prompts are, by project and tags, the longest usual ones first.

    Example: extproc report prompts --from 2026-11
    """
    question = ask_spend(period, (), organisation)
    report = make_prompts(question, _ask(lambda reports: reports.prompts(question)), period)
    match form:
        case "csv":
            _write(report_prompts.prompts_csv(report), out)
        case "json":
            _write(report_prompts.prompts_json(report), out)
        case _:
            _write(_drawn(lambda console: report_prompts.print_prompts(report, console), out), out)


@command.command(name="guard")
@click.option("--by-project", is_flag=True, help="Tell projects apart, not just organisations.")
@_format("table", "csv", "json")
@_with_period
@state_dir_option
def guard_command(*, by_project: bool, form: str, period: Period, organisation: str, out: Path | None) -> None:
    """Show what the firewall stopped, changed and noted, and what was not scanned.

    Example: extproc report guard --from 2026-11 --by-project
    """
    question = ask_spend(period, (), organisation)
    answer = _ask(lambda reports: reports.guard(question))
    report = make_guard_report(answer, period, organisation, by_project=by_project)
    match form:
        case "csv":
            _write(report_guard.guard_csv(report), out)
        case "json":
            _write(report_guard.guard_json(report), out)
        case _:
            _write(_drawn(lambda console: report_guard.print_guard(report, console), out), out)


def _ask(work: Callable[[Any], Awaitable[T]]) -> T:
    """What the ledger answers; what goes wrong becomes one line and an exit code."""
    state_dir: Path = click.get_current_context().obj

    async def ask() -> T:
        async with open_reports(find_environment(state_dir)) as reports:
            return await work(reports)

    try:
        return asyncio.run(ask())
    except EnvironmentInvalid as problem:
        _fail(str(problem), 2)
    except Unavailable as trouble:
        _fail(str(trouble), 3)


def _drawn(draw: Callable[[Console], None], out: Path | None) -> str:
    console = Console(width=None if out is None and sys.stdout.isatty() else _WIDE)
    with console.capture() as capture:
        draw(console)
    return capture.get()


def _write(text: str, out: Path | None) -> None:
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        _fail(f"{out} cannot be written: {error.strerror}", 1)
    click.echo(f"wrote {out}", err=True)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"extproc report: {message}", err=True)
    raise SystemExit(code)
