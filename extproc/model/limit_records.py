"""Limits as they are kept and changed: one that is or was in force, what is asked of it, and the set at a version.

``limits`` has what a limit is, ``keys`` the deed that every change carries, ``policy.limit_ports`` who keeps them.
"""

from dataclasses import dataclass
from enum import StrEnum

from extproc.model.limits import Limit, LimitId


class Source(StrEnum):
    """Where a limit was declared, and who may take it away again."""

    FILE = "file"
    """``extproc apply``: gone from the file, it is removed by the next one."""
    COMMAND = "command"
    """``extproc budgets set``: no file removes it."""


@dataclass(frozen=True, slots=True)
class StoredLimit:
    """A limit as it is kept. It is never deleted: its id keeps its organisation and its unit for good."""

    limit: Limit
    source: Source
    version: int
    """The ``seq`` of the admin log's row that last changed it."""
    changed_at_s: float
    is_active: bool = True
    """False: it was removed, and limits nothing."""


@dataclass(frozen=True, slots=True)
class LimitSet:
    """Limits at one moment."""

    version: int
    """The highest version among all that are kept; 0: there never was one."""
    limits: tuple[StoredLimit, ...]
    """By id."""
    is_whole: bool = True
    """False: only those that changed since the version that was asked about."""


@dataclass(frozen=True, slots=True)
class LimitChange:
    """One limit that is to be another, to begin, or to end."""

    id: LimitId
    limit: Limit | None
    """None: out of force."""
    source: Source
    expected: int
    """The version it was seen at; 0: there was none."""


class LimitProblem(Exception):  # noqa: N818 - reads as what it is
    """The change cannot be made; nothing was changed. The message is for the operator and says what to do."""


class LimitConflict(LimitProblem):
    """Somebody else changed limits since they were read."""
