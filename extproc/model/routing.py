"""Who stands behind a name: groups of deployments, the way to choose among them, and what a choice must respect.

``catalog`` holds them, ``policy.route`` decides by them, ``health`` says how each deployment is doing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from extproc.model.ids import DeploymentName, GroupName, OrganisationId, ProjectId, TeamId


class Strategy(StrEnum):
    """How a group's healthy deployments are put in order."""

    PRIORITY = "priority"
    """As listed; one with reserved capacity only until that is used up, then as burst behind the others."""
    LATENCY = "latency"
    """The quicker of two drawn at random goes first: time to first token, as an average that forgets."""
    LEAST_BUSY = "least_busy"
    """The one with the smallest share of its connections in use, over all workers."""
    WEIGHTED = "weighted"
    """Drawn at random in proportion to the weights."""
    COST = "cost"
    """The cheapest for this request, by the price table."""


class Modality(StrEnum):
    """What a message may hold beside text."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    FILE = "file"


class Feature(StrEnum):
    """What a deployment may be able to do beyond answering with text."""

    TOOLS = "tools"
    JSON_SCHEMA = "json_schema"


@dataclass(frozen=True, slots=True)
class Capacity:
    """What was bought in advance, per minute; None: not limited in this respect."""

    requests_per_minute: int | None
    tokens_per_minute: int | None


@dataclass(frozen=True, slots=True)
class Member:
    """A deployment's place in a group."""

    deployment: DeploymentName
    weight: int = 1
    """For ``weighted``: its share. 0: only when the others fail."""
    reserved: Capacity | None = None
    """For ``priority``."""


@dataclass(frozen=True, slots=True)
class RoutingGroup:
    """Deployments that may answer for each other, and the groups that may answer for all of them."""

    name: GroupName
    strategy: Strategy
    members: tuple[Member, ...]
    fallbacks: tuple[GroupName, ...] = ()
    """Tried in this order after the members; their own fallbacks are not."""


@dataclass(frozen=True, slots=True)
class Auto:
    """A name that stands for one of two groups, by what the request asks for."""

    cheap: GroupName
    premium: GroupName


@dataclass(frozen=True, slots=True)
class Boundary:
    """Where a tenant's data may go: only to deployments with one of the allowed values of every label named here."""

    organisation: OrganisationId
    team: TeamId | None
    project: ProjectId | None
    """None, as with ``team``: all of them."""
    labels: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Needs:
    """What a request asks of whoever serves it. Only ``policy.needs`` makes one."""

    input_tokens: int
    """Estimated from the size of the text; not for billing."""
    output_tokens: int | None
    """The most it may answer with, over all choices; None: it did not say."""
    modalities: frozenset[Modality]
    features: frozenset[Feature]


@dataclass(frozen=True, slots=True)
class RoutingPolicy:
    """When a deployment is left alone, how long a plan may be, and what callers are told of it."""

    allowed_fails: int = 3
    """Failures in a row before it cools down."""
    cooldown_s: float = 15.0
    """The first cooldown; each further one in a row is twice as long."""
    max_cooldown_s: float = 300.0
    max_attempts: int = 6
    """The most deployments in one plan."""
    tells_route: bool = True
    """Whether answers name the deployment, the attempt and the model that gave them."""
