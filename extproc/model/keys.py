"""What operators do to keys: the deed that must accompany every change, what is asked, and the feed of changes.

``identity`` has the key itself, ``operations.keys`` the commands, ``policy.ports`` what they ask of the world.
"""

from dataclasses import dataclass

from extproc.model.identity import VirtualKey
from extproc.model.ids import KeyId, OrganisationId, ProjectId, TeamId


@dataclass(frozen=True, slots=True)
class Deed:
    """Who changes something, and who allowed it. Without one nothing changes; each is a row of the admin log."""

    actor: str
    approval: str
    """Reference of the approval: a ticket, a change number."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key about to be stored, with the only form of its text that is."""

    key: VirtualKey
    digest: bytes
    """32 bytes, from ``token.digest_token``."""


@dataclass(frozen=True, slots=True)
class KeyFilter:
    """Which keys are listed; None does not narrow."""

    organisation: OrganisationId | None = None
    team: TeamId | None = None
    project: ProjectId | None = None
    environment: str | None = None
    owner: str | None = None
    tag: str | None = None
    live_at_s: float | None = None
    """Only keys neither expired nor revoked at this moment."""


@dataclass(frozen=True, slots=True)
class AdminEntry:
    """One row of the admin log. ``seq`` has no gaps and rises in the order of commits."""

    seq: int
    at_s: float
    deed: Deed
    action: str
    subject: str
    detail: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A key and everything that was ever done to it, oldest first."""

    key: VirtualKey
    history: tuple[AdminEntry, ...]


@dataclass(frozen=True, slots=True)
class KeyChange:
    """Word that a key changed, as it is published to the workers."""

    seq: int
    key: KeyId
    revoked_at_s: float | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed after some ``seq``, as it is now."""

    head: int
    """The newest ``seq`` of the log; below the one asked for when the database was set back."""
    keys: tuple[VirtualKey, ...]
    is_whole: bool
    """False: more changed than is told here, so whoever remembers keys must forget them all."""


class KeyProblem(Exception):  # noqa: N818 - reads as what it is
    """The change cannot be made; nothing was changed. The message is for the operator and says what to do."""


class SchemaProblem(Exception):  # noqa: N818 - same
    """The schema in the database is not one this version made or can bring up to date. Nothing was changed."""


def describe_project(organisation: OrganisationId, team: TeamId, project: ProjectId) -> str:
    """A project's place in the hierarchy, as the admin log names it."""
    return f"{organisation}/{team}/{project}"
