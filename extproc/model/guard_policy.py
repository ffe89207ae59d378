"""Whose words are judged by which scanners, and what is done about what they find. Compiled from ``gateway.yaml``.

A policy is an organisation's, a team's, a project's or a key's; the closest one holds, whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from extproc.model.guard import Direction
from extproc.model.tenancy import PerTenant

Options = tuple[tuple[str, "OptionValue"], ...]
"""A scanner's own settings, sorted by name; hashable, so that what is compiled from them can be kept."""

OptionValue = str | int | float | bool | tuple[str, ...]


class Action(StrEnum):
    """What a finding leads to."""

    BLOCK = "block"
    REDACT = "redact"
    """A placeholder goes on in its place. A scanner whose findings are no stretches of text cannot."""
    FLAG = "flag"


class OnFailure(StrEnum):
    """What follows when a scanner cannot answer in time."""

    CLOSED = "closed"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """A built-in scanner with its settings; ``guard.rules`` compiles it."""

    scanner: str
    options: Options = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One scanner in one direction."""

    scanner: str
    """A built-in one by name, or one that ``scanners`` in gateway.yaml declares."""
    action: Action
    threshold: float = 0.5
    """Findings with a lower score are not counted."""
    on_failure: OnFailure = OnFailure.CLOSED
    limit_s: float = 1.0
    """How long it may take."""
    options: Options = ()
    is_builtin: bool = True

    @property
    def spec(self) -> RuleSpec:
        """What ``guard.rules`` compiles; meaningful for a built-in one."""
        return RuleSpec(self.scanner, self.options)


class Spotlight(StrEnum):
    """How hostile context is set apart from instructions before a model sees it."""

    OFF = "off"
    DELIMIT = "delimit"
    DATAMARK = "datamark"
    ENCODE = "encode"


@dataclass(frozen=True, slots=True)
class ContextMarkers:
    """A pair of strings that enclose retrieved context within a message, such as ``<context>`` and ``</context>``."""

    begin: str
    end: str


@dataclass(frozen=True, slots=True)
class GuardPolicy:
    """What is done with one tenant's texts."""

    version: str
    """A hash of what it says."""
    input: tuple[Check, ...] = ()
    output: tuple[Check, ...] = ()
    spotlight: Spotlight = Spotlight.OFF
    markers: tuple[ContextMarkers, ...] = ()
    restores: bool = True
    """Whether the caller's own values come back in place of their placeholders."""


NO_GUARD = GuardPolicy(version="none")


@dataclass(frozen=True, slots=True)
class GuardPolicies(PerTenant[GuardPolicy]):
    """The policies of all tenants."""

    default: GuardPolicy = NO_GUARD


@dataclass(frozen=True, slots=True)
class Builtin:
    """What a built-in scanner can be used for."""

    directions: frozenset[Direction]
    may_redact: bool = False
    """Whether its findings are stretches of text that a placeholder can stand for."""
    is_of_exchange: bool = False
    """Whether what it looks for is each exchange's own, so that a policy has no options for it."""


_BOTH = frozenset(Direction)
_OUTPUT = frozenset({Direction.OUTPUT})

BUILTIN: Mapping[str, Builtin] = MappingProxyType(
    {
        "injection": Builtin(_BOTH),
        "markers": Builtin(_BOTH, may_redact=True),
        "secrets": Builtin(_BOTH, may_redact=True),
        "pii": Builtin(_BOTH, may_redact=True),
        "topics": Builtin(_BOTH, may_redact=True),
        "urls": Builtin(_BOTH, may_redact=True),
        "size": Builtin(_BOTH),
        "opaque": Builtin(_BOTH),
        "leakage": Builtin(_OUTPUT, is_of_exchange=True),
        "schema": Builtin(_OUTPUT, is_of_exchange=True),
    }
)
"""The scanners that need no declaration."""
