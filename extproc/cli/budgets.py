"""``extproc budgets``: list limits with what is used of them, and set or remove one by hand.

``limits_view`` has what is printed, ``operations.limits`` what is done, ``apply`` the way for whole files.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from extproc.bootstrap_limits import LimitOffice
from extproc.cli import limits_view
from extproc.cli.apply import fail, run_office, warn_unannounced
from extproc.cli.deeds import with_deed
from extproc.cli.environment import find_environment, state_dir_option
from extproc.config.environment import Environment, EnvironmentInvalid
from extproc.config.gateway import GatewayInvalid
from extproc.config.limits import read_declared
from extproc.model.keys import AdminEntry, Deed
from extproc.model.limit_definition import write_limit
from extproc.model.limit_records import Source, StoredLimit
from extproc.model.limits import Limit, LimitId, Rate
from extproc.model.refusals import Unavailable
from extproc.operations.limit_use import Use, read_uses
from extproc.operations.limits import Done, find_limit, remove_limit, set_limit

_SCOPE = ("organisation", "team", "project", "key", "model", "each")
_BUDGET = ("amount_usd", "tokens", "window", "time_zone", "hard", "alert_at")
_RATE = ("requests_per_minute", "tokens_per_minute", "concurrent")
_OF_FILE = "It is declared in gateway.yaml: change it there as well, or the next apply sets it back."


@click.group(name="budgets", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """List limits with what is used of them; set, show or remove one.

    The usual way is to declare them in gateway.yaml and run extproc apply. What is set here by hand stays until it is
    removed here; every change is in the admin log, with who approved it.

    Example: extproc budgets set acme-day --organisation acme --amount-usd 50 --window day --change CHG-1 --approver ada
    """


def _as_json(function: Callable[..., None]) -> Callable[..., None]:
    return click.option("--json", "is_json", is_flag=True, help="Print JSON, for scripts.")(state_dir_option(function))


@command.command(name="list")
@click.option("--organisation", help="Only this organisation's.")
@_as_json
def list_command(*, organisation: str | None, is_json: bool) -> None:
    """List the limits in force, with what is used of each budget that has one count.

    Example: extproc budgets list --organisation acme
    """

    async def work(office: LimitOffice) -> tuple[tuple[StoredLimit, ...], Mapping[LimitId, Use]]:
        found = tuple(
            each
            for each in (await office.desk.store.read()).limits
            if each.is_active and organisation in {None, each.limit.scope.organisation}
        )
        return found, await _read_uses(office, *(each.limit for each in found))

    limits, uses = run_office(_environment(), work, "budgets")
    if is_json:
        click.echo(json.dumps([limits_view.limit_as_json(each, uses.get(each.limit.id)) for each in limits], indent=2))
    else:
        limits_view.print_limits(limits, uses)


@command.command(name="show")
@click.argument("identity", metavar="ID")
@_as_json
def show_command(*, identity: str, is_json: bool) -> None:
    """Show one limit, its use, and everything that was done to it.

    Example: extproc budgets show acme-month
    """

    async def work(office: LimitOffice) -> tuple[StoredLimit, Use | None, tuple[AdminEntry, ...]]:
        stored = find_limit(await office.desk.store.read(), LimitId(identity))
        uses = await _read_uses(office, stored.limit)
        return stored, uses.get(stored.limit.id), await office.desk.store.history(stored.limit.id)

    stored, use, history = run_office(_environment(), work, "budgets")
    if is_json:
        said = limits_view.limit_as_json(stored, use) | {"history": limits_view.history_as_json(history)}
        click.echo(json.dumps(said, indent=2, ensure_ascii=False))
    else:
        limits_view.print_limit(stored, use, history)


@command.command(name="set")
@click.argument("identity", metavar="ID")
@click.option("--organisation", help="Whom it is for. What is not given stays as it is.")
@click.option("--team", help="Only this team.")
@click.option("--project", help="Only this project of the team.")
@click.option("--key", help="Only this key, by its id.")
@click.option("--model", help="Only requests for this model.")
@click.option("--each", type=click.Choice(["team", "project", "key", "user"]), help="Each has a count of its own.")
@click.option("--amount-usd", metavar="USD", help="A budget in money: 2500 or 0.25.")
@click.option("--tokens", type=int, help="A budget in tokens.")
@click.option("--window", help="day, month, or a rolling time such as 30m, 24h or 7d.")
@click.option("--time-zone", help="Whose midnight a day or month begins at: Europe/London.")
@click.option("--hard/--soft", "hard", default=None, help="Refuse beyond it, or only tell.")
@click.option("--alert-at", type=float, multiple=True, help="A share at which somebody is told; repeat it.")
@click.option("--requests-per-minute", type=int, help="A rate.")
@click.option("--tokens-per-minute", type=int, help="A rate.")
@click.option("--concurrent", type=int, help="Requests at a time.")
@with_deed()
@_as_json
def set_command(*, identity: str, deed: Deed, is_json: bool, **options: object) -> None:
    """Put one limit in force, or change what is given of one that is: at once, on every worker within a second.

    Example: extproc budgets set acme-month --amount-usd 3000 --change INC-7 --approver ada
    """
    order = _Order(LimitId(identity), {name: each for name, each in options.items() if each is not None and each != ()})

    async def work(office: LimitOffice) -> tuple[Limit, StoredLimit | None, Done]:
        kept = {each.limit.id: each for each in (await office.desk.store.read()).limits}
        before = kept.get(order.identity)
        limit = order.against(before)
        return limit, before, await set_limit(office.desk, limit, before, deed)

    try:
        limit, before, done = run_office(_environment(), work, "budgets")
    except GatewayInvalid as invalid:
        fail("budgets", "; ".join(_words(str(problem)) for problem in invalid.problems), 1)
    _print_done(
        identity, f"{limits_view.describe_limit(limit)} for {limits_view.describe_scope(limit.scope)}", done, is_json
    )
    _warn_of_file(before)


@command.command(name="remove")
@click.argument("identity", metavar="ID")
@with_deed()
@_as_json
def remove_command(*, identity: str, deed: Deed, is_json: bool) -> None:
    """Take one limit out of force, at once.

    Example: extproc budgets remove acme-day --change CHG-2 --approver ada
    """

    async def work(office: LimitOffice) -> tuple[StoredLimit, Done]:
        stored = find_limit(await office.desk.store.read(), LimitId(identity))
        return stored, await remove_limit(office.desk, stored, deed)

    stored, done = run_office(_environment(), work, "budgets")
    _print_done(identity, "removed", done, is_json)
    _warn_of_file(stored)


@dataclass(frozen=True, slots=True)
class _Order:
    """What was typed."""

    identity: LimitId
    given: Mapping[str, object]

    def against(self, before: StoredLimit | None) -> Limit:
        """The limit that is meant: what is there, changed by what was given.

        Raises:
            GatewayInvalid: it is none.
        """
        stays = before.limit if before is not None and before.is_active else None
        entry = {} if stays is None else write_limit(stays)
        kind = "rates" if self._is_rate(stays) else "budgets"
        words = _RATE if kind == "rates" else _BUDGET
        stale = {name for name in entry if name not in {*words, "scope"}} | self._replaced()
        kept = {name: value for name, value in entry.items() if name not in stale}
        said = {name: list(each) if isinstance(each, tuple) else each for name, each in self.given.items()}
        of_scope = entry.get("scope")
        scope = {
            **(of_scope if isinstance(of_scope, dict) else {}),
            **{name: each for name, each in said.items() if name in _SCOPE},
        }
        more = {name: each for name, each in said.items() if name in words}
        tree: dict[str, Any] = {**kept, "scope": scope, **more}
        return read_declared(kind, self.identity, tree)

    def _replaced(self) -> set[str]:
        """What is there and goes with something else that was given: another unit is refused later, by its name."""
        window = self.given.get("window", "day")
        return {
            *(("time_zone",) if window not in {"day", "month"} else ()),
            *(("amount_usd",) if "tokens" in self.given else ()),
            *(("tokens",) if "amount_usd" in self.given else ()),
        }

    def _is_rate(self, stays: Limit | None) -> bool:
        rates, budgets = ([name for name in words if name in self.given] for words in (_RATE, _BUDGET))
        if rates and budgets:
            raise click.UsageError(
                f"--{rates[0]} makes it a rate and --{budgets[0]} a budget: set two limits".replace("_", "-")
            )
        return bool(rates) or (not budgets and isinstance(stays, Rate))


async def _read_uses(office: LimitOffice, *limits: Limit) -> Mapping[LimitId, Use]:
    try:
        return await read_uses(office.use, limits, time.time())
    except Unavailable as trouble:
        click.echo(f"What is used is not known: {trouble}", err=True)
        return {}


def _environment() -> Environment:
    try:
        return find_environment(click.get_current_context().obj)
    except EnvironmentInvalid as problem:
        fail("budgets", str(problem), 2)


def _print_done(identity: str, what: str, done: Done, is_json: bool) -> None:  # noqa: FBT001 - one of two ways to print
    if is_json:
        click.echo(json.dumps({"id": identity, "version": done.version, "is_announced": done.is_announced}))
    else:
        click.echo(f"{identity}: {what}")
    warn_unannounced(done)


def _warn_of_file(stored: StoredLimit | None) -> None:
    if stored is not None and stored.is_active and stored.source is Source.FILE:
        click.echo(_OF_FILE, err=True)


def _words(problem: str) -> str:
    """A problem of one entry, said of the command's options."""
    return (
        problem.replace("budgets[0].", "")
        .replace("rates[0].", "")
        .replace("budgets[0]", "it")
        .replace("rates[0]", "it")
    )
