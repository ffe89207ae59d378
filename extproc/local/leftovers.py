"""What a stack that was killed left behind: processes, by pid and start time, and its runtime directory."""

import signal

from extproc.local.processes import end_all
from extproc.local.reporting import Reporter
from extproc.local.state import Record, StateDir, remove_runtime_dir

_GRACE_S = 10.0


async def clear(state: StateDir, reporter: Reporter) -> None:
    """Remove it. Call with the state directory's lock held: then nobody looks after those processes any more."""
    record = Record.read(state.record)
    if record is not None and not record.supervisor.is_alive():
        alive = tuple(part for part in record.parts.values() if part.is_alive())
        reporter.say(f"the last stack here was not stopped (pid {record.supervisor.pid}); cleaning up after it")
        families = alive + tuple(child for part in alive for child in part.descendants())
        # SIGINT: Postgres' quick but orderly shutdown, and the others take it as SIGTERM.
        await end_all(families, signal.SIGINT, _GRACE_S)
        remove_runtime_dir(record.runtime_dir)
    state.record.unlink(missing_ok=True)
