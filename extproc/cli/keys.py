"""``extproc keys``: mint, list, show, rotate and revoke virtual keys.

``keys_view`` has what is printed, ``operations.keys`` what is done.
"""

import asyncio
import functools
import getpass
import math
import re
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from extproc import bootstrap
from extproc.cli import keys_view
from extproc.cli.durations import Duration
from extproc.cli.environment import find_environment, state_dir_option
from extproc.config.environment import EnvironmentInvalid
from extproc.model.ids import KeyId, ModelName, OrganisationId, ProjectId, TeamId
from extproc.model.keys import Deed, KeyFilter, KeyProblem
from extproc.model.refusals import Unavailable
from extproc.operations.keys import KeyDesk, KeyOrder, list_keys, mint, revoke, rotate, show

T = TypeVar("T")
_PARTS = 3


class _Moment(click.ParamType[float]):
    """``90d`` from now, a date, or ``never``; UTC seconds, infinity for never."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        if value == "never":
            return math.inf
        if re.fullmatch(r"[0-9]+[smhd]", value, re.ASCII):
            return time.time() + Duration().convert(value, param, ctx)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; write 90d, 2027-01-31, 2027-01-31T12:00:00Z or never", param, ctx)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


@click.group(name="keys", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Mint, list, show, rotate and revoke virtual keys.

    A key belongs to a project of a team of an organisation. Every change names an approval and is in the admin log.

    Example: extproc keys mint --project acme/search/ranking --owner ada@acme.example --approval CHG-1 --create
    """


def _with_deed(function: Callable[..., None]) -> Callable[..., None]:
    """Options of every change, given to the command as one ``deed``."""

    @click.option("--approval", required=True, metavar="REF", help="Who allowed it: a ticket, a change number.")
    @click.option("--actor", default=getpass.getuser, show_default="you", help="Who does it, for the admin log.")
    @functools.wraps(function)
    def wrapped(*, approval: str, actor: str, **rest: object) -> None:
        function(deed=Deed(actor, approval), **rest)

    return wrapped


def _as_json(function: Callable[..., None]) -> Callable[..., None]:
    """Options of every subcommand: where the keys are, and how they are printed."""
    return click.option("--json", "is_json", is_flag=True, help="Print JSON, for scripts.")(state_dir_option(function))


@command.command(name="mint")
@click.option("--project", required=True, metavar="ORG/TEAM/PROJECT", help="Whose key it is.")
@click.option("--environment", default="prod", show_default=True, help="Where it is used.")
@click.option("--owner", required=True, help="A person or a list of persons who answers for it.")
@click.option("--model", "models", multiple=True, help="A model it may use; repeat it. Without: every model.")
@click.option("--tag", "tags", multiple=True, help="A label to find it by; repeat it.")
@click.option("--expires", type=_Moment(), default="never", show_default=True, help="90d, a date, or never.")
@click.option("--create", is_flag=True, help="Make organisation, team and project if they do not exist.")
@_with_deed
@_as_json
def mint_command(
    *,
    project: str,
    environment: str,
    owner: str,
    models: tuple[str, ...],
    tags: tuple[str, ...],
    expires: float,
    create: bool,
    deed: Deed,
    is_json: bool,
) -> None:
    """Make a new key. Its text is printed once, on standard output, and is stored nowhere.

    Example: extproc keys mint --project acme/search/ranking --owner ada --expires 90d --approval CHG-1
    """
    organisation, team, name = _split_project(project, least=_PARTS)
    order = KeyOrder(
        organisation=OrganisationId(organisation or ""),
        team=TeamId(team or ""),
        project=ProjectId(name or ""),
        environment=environment,
        owner=owner,
        allowed_models=frozenset(map(ModelName, models)) if models else None,
        tags=tags,
        expires_at_s=None if expires == math.inf else expires,
    )
    minted = _run(lambda desk: mint(desk, order, deed, may_create_project=create))
    keys_view.print_minted(minted, is_json=is_json)


@command.command(name="list")
@click.option("--project", default="", metavar="ORG[/TEAM[/PROJECT]]", help="Only keys of this part of the hierarchy.")
@click.option("--environment", help="Only keys of this environment.")
@click.option("--owner", help="Only keys of this owner.")
@click.option("--tag", help="Only keys with this label.")
@click.option("--live", is_flag=True, help="Only keys neither expired nor revoked.")
@_as_json
def list_command(
    *, project: str, environment: str | None, owner: str | None, tag: str | None, live: bool, is_json: bool
) -> None:
    """List keys, oldest first.

    Example: extproc keys list --project acme/search --live
    """
    organisation, team, name = _split_project(project, least=0)
    which = KeyFilter(
        organisation=None if organisation is None else OrganisationId(organisation),
        team=None if team is None else TeamId(team),
        project=None if name is None else ProjectId(name),
        environment=environment,
        owner=owner,
        tag=tag,
        live_at_s=time.time() if live else None,
    )
    keys_view.print_keys(_run(lambda desk: list_keys(desk, which)), time.time(), is_json=is_json)


@command.command(name="show")
@click.argument("key")
@_as_json
def show_command(*, key: str, is_json: bool) -> None:
    """Show one key and everything that was done to it.

    Example: extproc keys show key_3SxVQ0a1b2C3d4E5f6G7h8
    """
    keys_view.print_file(_run(lambda desk: show(desk, KeyId(key))), time.time(), is_json=is_json)


@command.command(name="rotate")
@click.argument("key")
@click.option("--grace", type=Duration(), default="0", show_default=True, help="How long the old key still works.")
@click.option("--expires", type=_Moment(), help="The new key's end: 90d or a date. Without: the old key's.")
@_with_deed
@_as_json
def rotate_command(*, key: str, grace: float, expires: float | None, deed: Deed, is_json: bool) -> None:
    """Make a key's successor, with all the old one may do, and revoke the old one after the grace period.

    Example: extproc keys rotate key_3SxVQ0a1b2C3d4E5f6G7h8 --grace 1h --approval CHG-2
    """
    if expires == math.inf:
        raise click.UsageError("--expires never: mint a new key instead, a rotation does not make a key immortal")
    minted = _run(lambda desk: rotate(desk, KeyId(key), deed, grace_s=grace, expires_at_s=expires))
    keys_view.print_minted(minted, is_json=is_json)


@command.command(name="revoke")
@click.argument("key")
@_with_deed
@_as_json
def revoke_command(*, key: str, deed: Deed, is_json: bool) -> None:
    """Revoke a key at once and for good: workers refuse it within a second.

    Example: extproc keys revoke key_3SxVQ0a1b2C3d4E5f6G7h8 --approval INC-7
    """
    keys_view.print_revoked(_run(lambda desk: revoke(desk, KeyId(key), deed)), is_json=is_json)


def _run(work: Callable[[KeyDesk], Awaitable[T]]) -> T:
    """The result of ``work`` at the desk; what goes wrong becomes one line and an exit code."""
    state_dir: Path = click.get_current_context().obj

    async def at_desk() -> T:
        async with bootstrap.open_key_desk(find_environment(state_dir)) as desk:
            return await work(desk)

    try:
        return asyncio.run(at_desk())
    except KeyProblem as problem:
        _fail(str(problem), 1)
    except EnvironmentInvalid as problem:
        _fail(str(problem), 2)
    except Unavailable as trouble:
        _fail(str(trouble), 3)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"extproc keys: {message}", err=True)
    raise SystemExit(code)


def _split_project(text: str, *, least: int) -> tuple[str | None, str | None, str | None]:
    parts = [part for part in text.split("/") if part] if text else []
    if not least <= len(parts) <= _PARTS or "/".join(parts) != text:
        shape = "ORG/TEAM/PROJECT" if least else "ORG, ORG/TEAM or ORG/TEAM/PROJECT"
        raise click.UsageError(f"--project {text!r}: write {shape}")
    organisation, team, project = (*parts, None, None, None)[:_PARTS]
    return organisation, team, project
