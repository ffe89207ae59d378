"""Which deployments serve a permitted request, and in which order.

    filter   serves the operation, inside the tenant's data boundary, able to (context, modality, features)
    score    the group's strategy, by what health says of each
    pick     healthy ones first, then the groups that stand behind, then those that cool down

Pure but for what it is handed: ``draw`` gives the numbers that choose at random. Nothing outside the boundary is ever a
candidate, so failover cannot leave it. Read next: ``exchange.planning``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from extproc.model.catalog import Catalog, Deployment, Operation
from extproc.model.identity import Permit
from extproc.model.ids import DeploymentName, GroupName
from extproc.model.refusals import OPERATION_NOT_SUPPORTED, Refusal
from extproc.model.routing import Auto, Needs
from extproc.policy.ports import Health


@dataclass(frozen=True, slots=True)
class Considered:
    """One deployment's part in a decision."""

    deployment: DeploymentName
    group: GroupName
    is_chosen: bool
    reason: str
    """Why it stands where it does, or why it is out."""


@dataclass(frozen=True, slots=True)
class Route:
    """The decision: whom to ask in which order, and why. Only ``choose_route`` makes one."""

    deployments: tuple[Deployment, ...]
    considered: tuple[Considered, ...]
    auto: str = ""
    """What ``auto`` decided, for a header; empty where the model names one group."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a decision depends on besides the request."""

    catalog: Catalog
    health: Health
    now_s: float
    draw: Callable[[], float]
    """Numbers in [0, 1)."""


def choose_route(permit: Permit, operation: Operation, needs: Needs, at: Circumstances) -> Route:
    """At least one deployment, first choice first.

    Raises:
        Refusal: OPERATION_NOT_SUPPORTED; no deployment of the model serves this operation.
    """
    considered = tuple(_consider(permit, operation, at.catalog))
    chosen = tuple(at.catalog.deployments[each.deployment] for each in considered if each.is_chosen)
    if not chosen:
        raise Refusal(OPERATION_NOT_SUPPORTED, param="model")
    return Route(chosen[: at.catalog.routing.max_attempts], considered)


def _consider(permit: Permit, operation: Operation, catalog: Catalog) -> Iterator[Considered]:
    target = catalog.models[permit.model].target
    first = target.cheap if isinstance(target, Auto) else target
    for name in (first, *catalog.groups[first].fallbacks):
        for member in catalog.groups[name].members:
            serves = operation in catalog.deployments[member.deployment].operations
            yield Considered(member.deployment, name, serves, "as listed" if serves else f"does not serve {operation}")
