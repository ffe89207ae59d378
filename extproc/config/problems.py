"""What is wrong with a ``gateway.yaml``: where, what, and what to write instead. Read ``gateway`` next."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to change."""

    path: str
    """Where in the document: ``deployments[2].base_url``; empty for the file as a whole."""
    message: str
    fix: str
    line: int | None = None
    """From 1; None where there is no such line, as for a key that is missing from an empty file."""

    def __str__(self) -> str:
        where = self.path or "the file"
        at = "" if self.line is None else f" (line {self.line})"
        return f"{where}{at}: {self.message}. {self.fix}"


class GatewayInvalid(ValueError):  # noqa: N818 - reads as a claim
    """The file cannot be used. Holds every problem that was found, in the order of the document."""

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        self.source = source
        self.problems = problems
        super().__init__("\n".join([f"{source} has {len(problems)} problem(s):", *(f"  {p}" for p in problems)]))


def spell(location: tuple[str | int, ...]) -> str:
    """The dotted form of a place in the document: ``("models", 0, "name")`` → ``models[0].name``."""
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
