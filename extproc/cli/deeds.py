"""The options of every change of limits: which change it is, who approved it, who does it."""

import functools
import getpass
from collections.abc import Callable

import click

from extproc.model.keys import Deed


def with_deed(*, is_required: bool = True) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give the command one ``deed``; None where it is not required and not said."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @click.option("--change", metavar="REF", required=is_required, help="The change that this is part of: CHG-123.")
        @click.option("--approver", metavar="NAME", required=is_required, help="Who approved it.")
        @click.option("--actor", default=getpass.getuser, show_default="you", help="Who does it, for the admin log.")
        @functools.wraps(function)
        def wrapped(*, change: str | None, approver: str | None, actor: str, **rest: object) -> None:
            is_said = change is not None and approver is not None
            function(deed=Deed(actor, f"{change}, approved by {approver}") if is_said else None, **rest)

        return wrapped

    return decorate
