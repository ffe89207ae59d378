"""What the firewall reads, finds and says.

    Leaf → (Readings) → Finding → Verdict

A Finding says where something is, never what it says: the matched text stays in the request. Read next:
``guard_policy`` for who wants what done about it.
"""

from dataclasses import dataclass
from enum import StrEnum

Place = tuple[str | int, ...]
"""Where a string is in a request or an answer: ``("messages", 2, "content")``. A step that begins with ``#`` leads into
or beside a string: ``"#key"`` is an object's key instead of its value; ``guard.leaves`` has the others."""


class Trust(StrEnum):
    """Whose words a string is."""

    TRUSTED = "trusted"
    """The application's instructions: system, developer."""
    DECLARED = "declared"
    """The application's declarations: tools, schemas, names, metadata, options."""
    USER = "user"
    HOSTILE = "hostile"
    """A tool's result, retrieved context: whoever wrote it, it was not the application or its user."""
    MODEL = "model"
    """What a model wrote: earlier turns, completions."""


class Direction(StrEnum):
    """Which way a text goes."""

    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One string that a model will read, or has written."""

    place: Place
    text: str
    trust: Trust
    parts: tuple["Part", ...] = ()
    """Of a leaf that joins several strings, so that what is split over them is found, or that stands for many short
    ones: where each begins."""
    is_json: bool = False
    """Whether the string itself is JSON text, such as the arguments of a call."""
    is_repeat: bool = False
    """Whether all of its text stands in other leaves too, so that whoever counts text leaves it out."""


@dataclass(frozen=True, slots=True)
class Part:
    """One string within a joined leaf; offsets in characters of the joined text."""

    place: Place
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a scanner found."""

    kind: str
    """Stable: scanner and kind, ``pii.card``, ``secrets.aws_access_key``, ``injection.override``."""
    place: Place
    start: int
    end: int
    """In characters of the leaf's own text. The whole leaf where nothing closer is known."""
    score: float = 1.0
    """How sure, from 0 to 1."""
    via: tuple[str, ...] = ()
    """How the text had to be read: ``("base64", "gzip")``; empty: as it stands."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What one scanner found in all it was given, and the time it took for that."""

    findings: tuple[Finding, ...]
    latency_us: int


class Result(StrEnum):
    """What one scanner came to in one direction of one exchange."""

    CLEAN = "clean"
    FLAGGED = "flagged"
    REDACTED = "redacted"
    BLOCKED = "blocked"
    FAILED_OPEN = "failed_open"
    """It gave no answer in time and the policy let the text pass: not scanned."""
    FAILED_CLOSED = "failed_closed"
    NOT_RUN = "not_run"
    """Something before it had ended the exchange."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One scanner's word, for the record. Holds no text."""

    scanner: str
    direction: Direction
    result: Result
    policy: str
    """The version of the policy it was judged by."""
    latency_us: int
    findings: tuple[Finding, ...] = ()
    """The first few; ``count`` has how many there were."""
    count: int = 0


@dataclass(frozen=True, slots=True)
class Redaction:
    """One value that went to the provider as a placeholder. Lives as long as its exchange and is never stored."""

    placeholder: str
    original: str
    kind: str

    def __repr__(self) -> str:
        return f"Redaction({self.placeholder!r}, '***', {self.kind!r})"


@dataclass(frozen=True, slots=True)
class GuardSecrets:
    """What judging an answer needs of its request. Travels sealed, lives as long as its exchange, is never stored."""

    canary: str = ""
    """Woven into the system prompt, and not to be seen in the answer; empty: none was."""
    redactions: tuple[Redaction, ...] = ()
    schema: str = ""
    """JSON text of the schema that was asked for; empty: none was."""
    context: tuple[str, ...] = ()
    """The context that the answer should stand on."""

    def __repr__(self) -> str:
        return "GuardSecrets(***)"


NO_SECRETS = GuardSecrets()


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace a stretch of a text; offsets in characters."""

    start: int
    end: int
    replacement: str

    def __repr__(self) -> str:
        return f"Edit({self.start}, {self.end}, '***')"
