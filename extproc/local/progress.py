"""Shows a stack's steps: spinners and times on a terminal, plain lines elsewhere. Implements ``reporting.Reporter``."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn


@contextmanager
def reporter_for(console: Console) -> Iterator["PlainReporter | LiveReporter"]:
    """The right one for where the output goes."""
    if not console.is_terminal:
        yield PlainReporter(console)
        return
    with LiveReporter(console) as live:
        yield live


class PlainReporter:
    """One line per event, for pipes and log files."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began_s: dict[str, float] = {}

    def begin(self, step: str) -> None:
        """Remember when; nothing is printed until the step is done."""
        self._began_s[step] = time.monotonic()

    def detail(self, step: str, text: str) -> None:
        """Nothing: a log needs no progress."""

    def done(self, step: str, note: str = "") -> None:
        """Print the step and its time."""
        self._line(f"{step:<10} {self._took(step)}{_tail(note)}")

    def skipped(self, step: str, why: str) -> None:
        """Print the step and why not."""
        self._line(f"{step:<10} left out: {why}")

    def failed(self, step: str) -> None:
        """Print that the step failed."""
        self._line(f"{step:<10} failed after {self._took(step)}")

    def say(self, line: str) -> None:
        """Print the line."""
        self._line(line)

    def settle(self) -> None:
        """Nothing moves here."""

    def _took(self, step: str) -> str:
        return f"{time.monotonic() - self._began_s.pop(step, time.monotonic()):.1f} s"

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class LiveReporter:
    """Spinners that turn into ticks. Use as a context; lines said afterwards are printed plainly."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description}"),
            TextColumn("[dim]{task.fields[note]}"),
            console=console,
            transient=False,
        )
        self._tasks: dict[str, TaskID] = {}
        self._began_s: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, step: str) -> None:
        """A new spinner."""
        self._began_s[step] = time.monotonic()
        self._tasks[step] = self._progress.add_task(f"{step:<10}", total=1, note="")

    def detail(self, step: str, text: str) -> None:
        """Beside the spinner."""
        self._progress.update(self._task(step), note=escape(text))

    def done(self, step: str, note: str = "") -> None:
        """A tick and the time."""
        self._end(step, f"{time.monotonic() - self._began_s.get(step, time.monotonic()):.1f} s{_tail(note)}")

    def skipped(self, step: str, why: str) -> None:
        """A dash and why not."""
        task = self._task(step)
        self._progress.update(task, visible=False)
        self._progress.console.print(f"[yellow]-[/] {step:<10} [dim]left out: {escape(why)}")

    def failed(self, step: str) -> None:
        """A cross; the reason follows as the command's error."""
        self._progress.update(self._task(step), visible=False)
        self._progress.console.print(f"[red]✗[/] {step}")

    def say(self, line: str) -> None:
        """A line above the spinners."""
        self._progress.console.print(line, markup=False, highlight=False)

    def settle(self) -> None:
        """Stop redrawing: what is up stays on the screen, what is said from now on follows below."""
        self._progress.stop()

    def _end(self, step: str, note: str) -> None:
        self._progress.update(self._task(step), completed=1, note=escape(note))

    def _task(self, step: str) -> TaskID:
        if step not in self._tasks:
            self.begin(step)
        return self._tasks[step]


def _tail(note: str) -> str:
    return f", {note}" if note else ""
