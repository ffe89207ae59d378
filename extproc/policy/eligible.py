"""Which deployments may serve a request at all, and why the others may not.

A deployment has to serve the operation, to be inside every data boundary that is drawn around the key, and to be able
to: room for the tokens, the modalities, the features. What ``sift`` lets through is all that the rest of routing gets
to see, members and fallbacks alike, so that nothing it does can lead outside. Read next: ``route``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import IntEnum

from extproc.model.catalog import Catalog, Deployment, Operation
from extproc.model.identity import VirtualKey
from extproc.model.ids import DeploymentName, GroupName
from extproc.model.refusals import (
    CONTEXT_LENGTH_EXCEEDED,
    DATA_BOUNDARY,
    INVALID_REQUEST,
    OPERATION_NOT_SUPPORTED,
    Refusal,
)
from extproc.model.routing import Boundary, Feature, Member, Needs, RoutingGroup

_DOUBT = 1.5
"""The estimate of the input may be this many times too high: only what is too small even then is out."""

_FEATURE_PARAMS = {Feature.TOOLS: "tools", Feature.JSON_SCHEMA: "response_format"}


class Lack(IntEnum):
    """What keeps a deployment out, in the order it is looked at: the higher, the further it got."""

    OPERATION = 0
    BOUNDARY = 1
    SKILL = 2
    ROOM = 3


_KINDS = {
    Lack.OPERATION: OPERATION_NOT_SUPPORTED,
    Lack.BOUNDARY: DATA_BOUNDARY,
    Lack.SKILL: INVALID_REQUEST,
    Lack.ROOM: CONTEXT_LENGTH_EXCEEDED,
}


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Why a deployment may not serve a request."""

    lack: Lack
    reason: str
    """For the operator: of this deployment."""
    message: str = ""
    """For the caller, when nobody does better. Names no deployment."""
    param: str = "model"
    """The field of the request that asks too much."""


@dataclass(frozen=True, slots=True)
class Out:
    """A deployment that may not serve this request."""

    deployment: DeploymentName
    group: GroupName
    shortfall: Shortfall


@dataclass(frozen=True, slots=True)
class Eligible:
    """A deployment that may serve this request. Only ``sift`` makes one."""

    deployment: Deployment
    member: Member
    group: GroupName
    is_tight: bool
    """Whether the request may be too long for it, by the estimate."""
    is_retired: bool
    """Whether its provider's announced last day is over."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked, and by whom."""

    key: VirtualKey
    operation: Operation
    needs: Needs
    now_s: float


@dataclass(frozen=True, slots=True)
class Sifted:
    """Every deployment of some groups, each once, in the order of the file."""

    eligible: tuple[Eligible, ...]
    out: tuple[Out, ...]


def sift(catalog: Catalog, groups: Iterable[RoutingGroup], asked: Asked) -> Sifted:
    """Who of these groups may serve the request. A deployment in several counts where it comes first."""
    boundaries = tuple(each for each in catalog.boundaries if _is_around(each, asked.key))
    today = datetime.fromtimestamp(asked.now_s, UTC).date()
    seen: set[DeploymentName] = set()
    eligible: list[Eligible] = []
    out: list[Out] = []
    for group in groups:
        for member in group.members:
            if member.deployment in seen:
                continue
            seen.add(member.deployment)
            deployment = catalog.deployments[member.deployment]
            shortfall = _shortfall(deployment, boundaries, asked)
            if shortfall is None:
                eligible.append(_let_in(deployment, member, group, asked, today))
            else:
                out.append(Out(member.deployment, group.name, shortfall))
    return Sifted(tuple(eligible), tuple(out))


def refusal_of(out: Iterable[Out]) -> Refusal:
    """What to tell the caller when everybody is out: of those who came furthest, the first one's reason.

    So nothing is said of the boundary while somebody inside it could serve a smaller request.
    """
    furthest = max((each.shortfall for each in out), key=lambda each: each.lack)
    return Refusal(_KINDS[furthest.lack], furthest.message, param=furthest.param)


# -- details ------------------------------------------------------------------------------------------------------


def _is_around(boundary: Boundary, key: VirtualKey) -> bool:
    return (
        boundary.organisation == key.organisation
        and boundary.team in {None, key.team}
        and boundary.project in {None, key.project}
    )


def _let_in(deployment: Deployment, member: Member, group: RoutingGroup, asked: Asked, today: date) -> Eligible:
    room = _room(deployment, asked.operation)
    is_tight = room is not None and asked.needs.input_tokens + (asked.needs.output_tokens or 0) > room
    is_retired = deployment.retires_on is not None and deployment.retires_on < today
    return Eligible(deployment, member, group.name, is_tight, is_retired)


def _room(deployment: Deployment, operation: Operation) -> int | None:
    # The limit holds for each text of a batch by itself, and the estimate is of all of them.
    return None if operation is Operation.EMBEDDINGS else deployment.context_tokens


def _shortfall(deployment: Deployment, boundaries: Iterable[Boundary], asked: Asked) -> Shortfall | None:
    if asked.operation not in deployment.operations:
        return Shortfall(Lack.OPERATION, f"does not serve {asked.operation}")
    for boundary in boundaries:
        for label, allowed in boundary.labels.items():
            if deployment.labels.get(label) not in allowed:
                drawn = f"{label}=[{', '.join(sorted(allowed))}]"
                return Shortfall(Lack.BOUNDARY, f"outside the data boundary {drawn}")
    return _inability(deployment, asked)


def _inability(deployment: Deployment, asked: Asked) -> Shortfall | None:
    needs = asked.needs
    where = "input" if asked.operation is Operation.EMBEDDINGS else "messages"
    for modality in sorted(needs.modalities - deployment.modalities):
        message = f"No deployment of the model that may serve this request takes {modality} content."
        return Shortfall(Lack.SKILL, f"takes no {modality} content", message, where)
    for feature in sorted(needs.features - deployment.features):
        message = f"No deployment of the model that may serve this request can do {feature}."
        return Shortfall(Lack.SKILL, f"cannot do {feature}", message, _FEATURE_PARAMS[feature])
    room, output = _room(deployment, asked.operation), needs.output_tokens or 0
    if room is None or needs.input_tokens / _DOUBT + output <= room:
        return None
    wanted = f"about {needs.input_tokens + output} tokens are needed"
    message = f"No deployment of the model that may serve this request has room for it: {wanted}."
    return Shortfall(Lack.ROOM, f"room for {room} tokens, {wanted}", message, "max_tokens" if output > room else where)
