"""``extproc ledger adjust``: book money that Finance learned of elsewhere, and show first what that does."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn, TypeVar

import click

from extproc import bootstrap
from extproc.bootstrap_ledger import Corrections, open_corrections
from extproc.cli.deeds import with_deed
from extproc.cli.environment import find_environment, state_dir_option
from extproc.cli.report_words import for_people, printable
from extproc.config.environment import EnvironmentInvalid
from extproc.model.adjustments import AdjustmentProblem, SpendAdjustment
from extproc.model.keys import Deed
from extproc.model.money import MicroUsd
from extproc.model.refusals import Unavailable
from extproc.operations.adjust import AdjustmentDone, AdjustmentPlan, make_adjustment, plan_adjustment

T = TypeVar("T")
_MICRO = 1_000_000
_UNTOLD = "It is booked, but Redis could not be told: run `extproc ledger reconcile --repair`."


class _Usd(click.ParamType[int]):
    """``-12.50``: USD with up to six decimals, exact; in micro-USD."""

    name = "usd"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            amount = Decimal(value) * _MICRO
        except (InvalidOperation, ValueError):
            amount = Decimal("nan")
        if not amount.is_finite() or amount != amount.to_integral_value():
            self.fail(f"{value!r} is no amount in USD with up to six decimals", param, ctx)
        return int(amount)


class _Moment(click.ParamType[float]):
    """A day, or a moment with its offset; UTC seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no day or time", param, ctx)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


@click.command(name="adjust")
@click.argument("identity", metavar="ID")
@click.option("--amount-usd", "micro_usd", type=_Usd(), required=True, help="Signed; below 0: less was spent.")
@click.option("--reason", required=True, help="One line, for reports and the admin log.")
@click.option("--at", "at_s", type=_Moment(), help="Of which time's spend it is: a day or a time, UTC. [now]")
@click.option("--organisation", required=True, help="Whose.")
@click.option("--team", default="", help="Of its team.")
@click.option("--project", default="", help="Of the team's project.")
@click.option("--key", default="", help="Of the project's key, by its id.")
@click.option("--model", default="", help="Of this model.")
@click.option("--deployment", default="", help="Of this deployment.")
@click.option("--plan-only", is_flag=True, help="Show what it would do, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON, for scripts.")
@with_deed()
@state_dir_option
def adjust_command(
    *,
    identity: str,
    micro_usd: int,
    reason: str,
    at_s: float | None,
    plan_only: bool,
    yes: bool,
    is_json: bool,
    deed: Deed,
    organisation: str,
    team: str,
    project: str,
    key: str,
    model: str,
    deployment: str,
) -> None:
    """Book a credit, a charge by hand, or what an invoice says more or less. Again with the same ID changes nothing.

    It is in reports of its time, in a line of its own, and is charged to the budgets in money that are for its place.

    Example: extproc ledger adjust adj_credit-4711 --amount-usd -12.50 --reason "credit note 4711" --at 2026-11-03
    --organisation acme --team search --change CHG-9 --approver grace
    """
    if is_json and not (plan_only or yes):
        raise click.UsageError("--json cannot ask: add --yes or --plan-only")
    now_s = time.time()
    wanted = SpendAdjustment(
        id=identity,
        at_s=now_s if at_s is None else at_s,
        micro_usd=MicroUsd(micro_usd),
        reason=reason,
        actor=deed.actor,
        approval=deed.approval,
        organisation=organisation,
        team=team,
        project=project,
        key=key,
        model=model,
        deployment=deployment,
    )

    async def plan(desk: Corrections) -> AdjustmentPlan:
        if at_s is None and (known := await desk.adjustments.find(identity)) is not None:
            # Without a time it is the one that was said first, or running it again would be another.
            return await plan_adjustment(replace(wanted, at_s=known.at_s), (), desk.adjustments, now_s)
        stored = await desk.limits.read()
        limits = [each.limit for each in stored.limits if each.is_active]
        return await plan_adjustment(wanted, limits, desk.adjustments, now_s)

    planned = _run(plan)
    if not is_json:
        _show(planned)
    if plan_only:
        if is_json:
            click.echo(json.dumps(_told(planned) | {"is_made": planned.is_made}, indent=2))
        return
    if not planned.is_made and not yes and not click.confirm("Book this?"):
        _fail("nothing was changed", 1)
    done = _run(lambda desk: make_adjustment(planned, desk.adjustments, desk.budgets))
    if is_json:
        told = {"is_made": True, "is_new": done.is_new, "is_told": done.is_told}
        click.echo(json.dumps(_told(planned) | told, indent=2))
    else:
        _show_done(planned, done)
    if not done.is_told:
        click.echo(_UNTOLD, err=True)


def _show(plan: AdjustmentPlan) -> None:
    each = plan.adjustment
    whose = "/".join(name for name in (each.organisation, each.team, each.project, each.key) if name)
    of = "".join(f", {what} {name}" for what, name in (("model", each.model), ("deployment", each.deployment)) if name)
    at = datetime.fromtimestamp(each.at_s, UTC)
    click.echo(printable(f"  {each.id}  {_signed(each.micro_usd)} USD for {whose}{of} at {at:%Y-%m-%d %H:%M:%S} UTC"))
    click.echo(printable(f"      reason: {each.reason}"))
    for budget, part in plan.budgets:
        click.echo(printable(f"    ~ budget {budget}: {_signed(each.micro_usd)} USD on its counter {part}"))
    for budget, why in plan.left_alone:
        click.echo(printable(f"    = budget {budget} is left alone: {why}"))
    if plan.is_made:
        click.echo("It is booked already: nothing is to be done.")


def _show_done(plan: AdjustmentPlan, done: AdjustmentDone) -> None:
    if done.is_new:
        click.echo(f"Booked: {_signed(plan.adjustment.micro_usd)} USD, and {len(plan.budgets)} counters charged.")


def _told(plan: AdjustmentPlan) -> dict[str, object]:
    each = plan.adjustment
    return {
        "id": each.id,
        "at": datetime.fromtimestamp(each.at_s, UTC).isoformat(),
        "organisation": each.organisation,
        "team": each.team or None,
        "project": each.project or None,
        "key": each.key or None,
        "model": each.model or None,
        "deployment": each.deployment or None,
        "micro_usd": int(each.micro_usd),
        "reason": each.reason,
        "counters": list(each.parts),
        "left_alone": [{"budget": budget, "why": why} for budget, why in plan.left_alone],
    }


def _signed(micro_usd: int) -> str:
    return f"{'+' if micro_usd > 0 else ''}{for_people(micro_usd)}"


def _run(work: Callable[[Corrections], Awaitable[T]]) -> T:
    state_dir = click.get_current_context().obj

    async def at_desk() -> T:
        environment = find_environment(state_dir)
        async with (
            bootstrap.open_redis_of(environment) as redis,
            open_corrections(environment, redis, bootstrap.SystemClock()) as desk,
        ):
            return await work(desk)

    try:
        return asyncio.run(at_desk())
    except AdjustmentProblem as problem:
        _fail(printable(str(problem)), 1)
    except EnvironmentInvalid as problem:
        _fail(str(problem), 2)
    except Unavailable as trouble:
        _fail(str(trouble), 3)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"extproc ledger adjust: {message}", err=True)
    raise SystemExit(code)
