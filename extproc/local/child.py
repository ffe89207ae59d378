"""One running program: started through ``launcher``, watched, stopped by its pid. Its output goes to a log file."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from extproc.local.part import Part
from extproc.local.problems import CannotStart
from extproc.local.processes import ProcessId, end_all, wait_gone

_LAUNCHER = Path(__file__).with_name("launcher.py")
_UNPRIVILEGED_USER = "nobody"
_TAIL_BYTES = 4096
_READY_POLL_S = 0.05
_KILL_DEADLINE_S = 5.0


class Child:
    """A program that runs, or ran."""

    def __init__(self, part: Part, process: asyncio.subprocess.Process, identity: ProcessId, log: Path) -> None:
        self.identity = identity
        self._part = part
        self._process = process
        self._log = log

    @staticmethod
    async def start(part: Part, log_dir: Path) -> "Child":
        """Start a part's program. It is not ready yet: see ``wait_ready``.

        Raises:
            CannotStart: the program is not there, or ended at once.
        """
        log = log_dir / f"{part.name}.log"
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        user = _UNPRIVILEGED_USER if part.is_never_root else "-"
        # -I -S: nothing of the environment's Python is needed, and it starts in 10 ms.
        launcher = (sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), str(int(part.orphan_signal)), user)
        try:
            process = await asyncio.create_subprocess_exec(
                *launcher,
                *part.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                env=_inherited() | part.environment,
                # Ctrl-C goes to the whole foreground group: the parts must not hear it before their turn.
                start_new_session=True,
            )
        finally:
            os.close(descriptor)
        identity = ProcessId.of(process.pid)
        if identity is None:
            raise CannotStart(f"{part.name} did not start: {_last_words(log)}")
        return Child(part, process, identity, log)

    async def wait_ready(self) -> None:
        """Wait until the part says it is ready.

        Raises:
            CannotStart: it ended, or was not ready before its deadline; the message quotes its log.
        """
        ended = asyncio.ensure_future(self._process.wait())
        try:
            async with asyncio.timeout(self._part.start_deadline_s):
                while not ended.done():
                    if await self._part.is_ready():
                        return
                    await asyncio.wait({ended}, timeout=_READY_POLL_S)
        except TimeoutError:
            raise CannotStart(
                f"{self._part.name} was not ready after {self._part.start_deadline_s:.0f} s: {_last_words(self._log)}"
            ) from None
        finally:
            ended.cancel()
        raise CannotStart(f"{self._part.name} {self.describe_end()}: {_last_words(self._log)}")

    async def wait_end(self) -> None:
        """Wait, for as long as it takes, until the program is gone."""
        await self._process.wait()

    def describe_end(self) -> str:
        """How it ended, in words."""
        code = self._process.returncode
        if code is None:
            return "runs"
        if code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"

    async def stop(self) -> None:
        """Stop it and whatever it started. When this returns, none of them runs."""
        family = self.identity.descendants()
        if self._process.returncode is None:
            self.identity.signal(self._part.stop_signal)
            try:
                async with asyncio.timeout(self._part.stop_deadline_s):
                    await self._process.wait()
            except TimeoutError:
                family += self.identity.descendants()
                self.identity.signal(signal.SIGKILL)
                async with asyncio.timeout(_KILL_DEADLINE_S):
                    await self._process.wait()
        # Postgres' and the workers' children leave by themselves once their parent is gone; a stuck one does not.
        await end_all(await wait_gone(family, _KILL_DEADLINE_S), signal.SIGKILL, _KILL_DEADLINE_S)


def _inherited() -> dict[str, str]:
    """Our own environment without gateway addresses: whoever set those meant another gateway."""
    return {name: value for name, value in os.environ.items() if not name.startswith("EXTPROC_")}


def _last_words(log: Path) -> str:
    """The last line of the log that says something, and where the rest is."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
    return f"{last} (more in {log})"
