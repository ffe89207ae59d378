"""What a stack tells the person who started it. ``progress`` shows it; the supervisor only knows this protocol."""

from typing import Protocol


class Reporter(Protocol):
    """Steps that begin and end, and lines in between. Never waits."""

    def begin(self, step: str) -> None:
        """A step has begun."""
        ...

    def detail(self, step: str, text: str) -> None:
        """How far a step that takes long has come."""
        ...

    def done(self, step: str, note: str = "") -> None:
        """A step is done."""
        ...

    def skipped(self, step: str, why: str) -> None:
        """A step was left out, or could not be done and is not needed."""
        ...

    def failed(self, step: str) -> None:
        """A step failed; the reason follows as the command's error."""
        ...

    def say(self, line: str) -> None:
        """Something a person should know: a restart, an edited file."""
        ...
