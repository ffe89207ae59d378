"""Small catalogs for routing tests: groups by name, deployments made on demand, health by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from extproc.adapters.memory import MemoryHealth
from extproc.model.catalog import Catalog, Deployment, Model, Operation
from extproc.model.health import Standing, Trouble
from extproc.model.identity import Permit, Principal
from extproc.model.ids import DeploymentName, GroupName, ModelName, OrganisationId
from extproc.model.routing import Auto, Boundary, Capacity, Member, Modality, Needs, RoutingGroup, Strategy
from extproc.policy.classify import Judgement, Tier
from extproc.policy.lineup import Circumstances
from extproc.policy.route import Route, choose_route
from tests.samples import NOW_S, make_key
from tests.unit.exchange.worlds import MAIN

MODEL = ModelName("model")
PERMIT = Permit(Principal(make_key()), MODEL)
NEEDS = Needs(100, None, frozenset({Modality.TEXT}), frozenset())
EUROPE = Boundary(OrganisationId("acme"), None, None, {"residency": frozenset({"eu"})})


def deployment(name: str, **changes: object) -> Deployment:
    return replace(MAIN, name=DeploymentName(name), **changes)  # type: ignore[arg-type]


def member(name: str, weight: int = 1, reserved: Capacity | None = None) -> Member:
    return Member(DeploymentName(name), weight, reserved)


def group(
    name: str, members: Sequence[str | Member], strategy: Strategy = Strategy.PRIORITY, fallbacks: Sequence[str] = ()
) -> RoutingGroup:
    made = tuple(member(each) if isinstance(each, str) else each for each in members)
    return RoutingGroup(GroupName(name), strategy, made, tuple(GroupName(each) for each in fallbacks))


def cooling(for_s: float, trouble: Trouble = Trouble.FAILURES) -> Standing:
    return Standing(failures=3, cooldown_until_s=NOW_S + for_s, trouble=trouble)


UNPROVEN = Standing(failures=3, cooldown_until_s=NOW_S - 1, trouble=Trouble.FAILURES)


def judgement(tier: str, score: float) -> Judgement:
    return Judgement(Tier(tier), score, ("said so",))


@dataclass(slots=True)
class Market:
    """A model whose first group is the first one given."""

    groups: Sequence[RoutingGroup]
    deployments: Sequence[Deployment] = ()
    standings: Mapping[str, Standing] = field(default_factory=dict)
    boundaries: tuple[Boundary, ...] = ()
    is_probing: bool = False
    target: Auto | None = None
    judgement: Judgement = field(default_factory=lambda: judgement("cheap", 0.2))

    @property
    def catalog(self) -> Catalog:
        named = {each.deployment for group in self.groups for each in group.members}
        made = {name: deployment(name) for name in named} | {each.name: each for each in self.deployments}
        model = Model(MODEL, self.target or self.groups[0].name, "acme", 0)
        return Catalog("v", {MODEL: model}, {each.name: each for each in self.groups}, made, self.boundaries)

    @property
    def health(self) -> MemoryHealth:
        standings = {DeploymentName(name): standing for name, standing in self.standings.items()}
        return MemoryHealth(standings, is_probing=self.is_probing)

    def at(self, seed: int = 0) -> Circumstances:
        draw = Random(seed).random  # noqa: S311 - chooses, guards nothing
        return Circumstances(self.catalog, self.health, NOW_S, draw, lambda: self.judgement)

    def route(self, needs: Needs = NEEDS, seed: int = 0, operation: Operation = Operation.CHAT) -> Route:
        return choose_route(PERMIT, operation, needs, self.at(seed))

    def order(self, needs: Needs = NEEDS, seed: int = 0) -> list[str]:
        return [each.name for each in self.route(needs, seed).deployments]

    def shares(self, draws: int = 4000) -> dict[str, float]:
        """How often each was asked first."""
        circumstances = self.at()
        firsts = [choose_route(PERMIT, Operation.CHAT, NEEDS, circumstances).deployments[0].name for _ in range(draws)]
        return {name: firsts.count(name) / draws for name in circumstances.catalog.deployments}


def reasons(route: Route) -> dict[str, str]:
    return {each.deployment: each.reason for each in route.considered}
