"""Tiny real programs in the place of servers, and a reporter that remembers."""

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from extproc.local.part import Part

READY = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
"""Says that it is ready by making a file, then does nothing."""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + READY
DOOMED = "print('no room at the inn', flush=True); raise SystemExit(7)"
PARENT = (
    "import subprocess, sys; "
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True); " + READY
)
"""Starts a child in a session of its own before it is ready."""


@dataclass
class Reports:
    """Everything that was reported, as lines."""

    lines: list[str] = field(default_factory=list)

    def begin(self, step: str) -> None:
        self.lines.append(f"begin {step}")

    def detail(self, step: str, text: str) -> None:
        self.lines.append(f"detail {step}: {text}")

    def done(self, step: str, note: str = "") -> None:
        self.lines.append(f"done {step} {note}".strip())

    def skipped(self, step: str, why: str) -> None:
        self.lines.append(f"skipped {step}: {why}")

    def failed(self, step: str) -> None:
        self.lines.append(f"failed {step}")

    def say(self, line: str) -> None:
        self.lines.append(line)


def part(
    name: str,
    directory: Path,
    program: str = READY,
    *,
    stop_deadline_s: float = 5.0,
    start_deadline_s: float = 20.0,
    before_stop: Callable[[], Awaitable[None]] | None = None,
    finish_start: Callable[[], Awaitable[None]] | None = None,
) -> Part:
    """A part that is ready once its file exists; the file is removed before every start."""
    flag = directory / f"{name}.ready"

    async def prepare() -> None:
        flag.unlink(missing_ok=True)

    async def is_ready() -> bool:
        return flag.exists()

    async def nothing() -> None:
        pass

    return Part(
        name=name,
        command=(sys.executable, "-I", "-S", "-c", program, str(flag)),
        is_ready=is_ready,
        prepare=prepare,
        before_stop=before_stop or nothing,
        finish_start=finish_start or nothing,
        start_deadline_s=start_deadline_s,
        stop_deadline_s=stop_deadline_s,
    )
