"""``extproc down``: stops a local stack, wherever it was started."""

import asyncio
import signal
import sys
from pathlib import Path

import click

from extproc.local.problems import CannotStart, require_extra

_DEADLINE_S = 120.0


@click.command(name="down")
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".extproc"),
    show_default=True,
    help="Of the stack to stop.",
)
def command(*, state_dir: Path) -> None:
    """Stop the local stack: Envoy drains first, then the workers, then the servers. Its state stays.

    Example: extproc down
    """
    try:
        require_extra()
    except CannotStart as problem:
        click.echo(f"extproc down: {problem}", err=True)
        sys.exit(1)
    from extproc.local.processes import wait_gone  # noqa: PLC0415 - needs the extra
    from extproc.local.state import StateDir, running  # noqa: PLC0415 - same

    record = running(StateDir(state_dir.absolute()))
    if record is None:
        click.echo(f"no stack runs in {state_dir}")
        return
    record.supervisor.signal(signal.SIGTERM)
    everything = (record.supervisor, *record.parts.values())
    left = asyncio.run(wait_gone(everything, _DEADLINE_S))
    if left:
        pids = ", ".join(str(process.pid) for process in left)
        click.echo(f"extproc down: still running after {_DEADLINE_S:.0f} s: {pids}", err=True)
        sys.exit(1)
    click.echo(f"stopped the stack in {state_dir}")
