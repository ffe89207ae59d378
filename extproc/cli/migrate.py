"""``extproc migrate``: bring the Postgres schema up to date."""

import json
import os

import click

from extproc import bootstrap
from extproc.config.environment import EnvironmentInvalid, read_environment
from extproc.model.keys import SchemaProblem
from extproc.model.refusals import Unavailable


@click.command(name="migrate")
@click.option("--json", "is_json", is_flag=True, help="Print JSON, for scripts.")
def command(*, is_json: bool) -> None:
    """Bring the Postgres schema up to date: all that is missing, or nothing.

    Safe to repeat, and to run from several machines at once. The database is EXTPROC_POSTGRES_DSN.

    Example: EXTPROC_POSTGRES_DSN=postgresql:///extproc extproc migrate
    """
    try:
        applied = bootstrap.migrate(read_environment(os.environ))
    except SchemaProblem as problem:
        _fail(str(problem), 1)
    except EnvironmentInvalid as problem:
        _fail(str(problem), 2)
    except Unavailable as trouble:
        _fail(str(trouble), 3)
    else:
        if is_json:
            click.echo(json.dumps({"applied": list(applied)}))
        else:
            click.echo("\n".join(f"applied {name}" for name in applied) or "The schema is up to date.")


def _fail(message: str, code: int) -> None:
    click.echo(f"extproc migrate: {message}", err=True)
    raise SystemExit(code)
