"""Checked sections → the Catalog that the rest of the gateway knows. Pure; total for what passed the checks."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType

from extproc.config.address import parse_address
from extproc.config.credentials import compile_credential
from extproc.config.prices import Pricing
from extproc.config.schema import (
    BoundarySection,
    DeploymentSection,
    GatewaySection,
    GroupSection,
    MemberSection,
    ModelSection,
    RoutingSection,
)
from extproc.model.catalog import Catalog, Deployment, Model, Operation, Timeouts
from extproc.model.dialects import DIALECTS
from extproc.model.ids import DeploymentName, GroupName, ModelName, OrganisationId, ProjectId, TeamId
from extproc.model.routing import (
    Auto,
    Boundary,
    Capacity,
    Feature,
    Member,
    Modality,
    RoutingGroup,
    RoutingPolicy,
    Strategy,
)

_VERSION_CHARS = 16


def compile_catalog(sections: GatewaySection, pricings: Mapping[DeploymentName, Pricing]) -> Catalog:
    """The immutable catalog, in the order of the file."""
    deployments = [_deployment(section, pricings.get(DeploymentName(section.name))) for section in sections.deployments]
    models = [_model(section) for section in sections.models]
    groups = [_group(section) for section in sections.groups]
    groups += [_own_group(section.name, section.deployments) for section in sections.models if section.deployments]
    return Catalog(
        version=_digest(sections, pricings),
        models=MappingProxyType({model.name: model for model in models}),
        groups=MappingProxyType({group.name: group for group in groups}),
        deployments=MappingProxyType({deployment.name: deployment for deployment in deployments}),
        boundaries=tuple(_boundary(section) for section in sections.boundaries),
        routing=_routing(sections.routing),
    )


def longest_exchange_s(catalog: Catalog) -> float:
    """How long the longest plan of any model can take without a byte reaching the client."""
    return max(
        sum(max(limits.total_s, limits.first_token_s, limits.idle_s) + limits.connect_s for limits in chain)
        for model in catalog.models
        for chain in ([deployment.timeouts for deployment in catalog.deployments_of(model)],)
    )


def _deployment(section: DeploymentSection, pricing: Pricing | None) -> Deployment:
    address = parse_address(section.base_url)
    credential = section.credential
    limits = section.timeouts
    return Deployment(
        name=DeploymentName(section.name),
        dialect=section.dialect,
        scheme=address.scheme,
        host=address.host,
        port=address.port,
        base_path=address.base_path,
        upstream_model=section.upstream_model,
        operations=frozenset(Operation(operation) for operation in section.operations),
        credential=None if credential is None else compile_credential(credential),
        timeouts=Timeouts(limits.connect_s, limits.first_token_s, limits.total_s, limits.idle_s),
        max_connections=section.max_connections,
        ca_file=section.ca_file,
        degrade=frozenset(section.degrade),
        options=MappingProxyType({**_defaults(section.dialect), **section.options}),
        labels=MappingProxyType(dict(section.labels)),
        context_tokens=section.context_tokens,
        modalities=frozenset(Modality(each) for each in section.modalities),
        features=frozenset(Feature(each) for each in section.features),
        price=None if pricing is None else pricing.price,
        retires_on=section.retires_on,
    )


def _defaults(dialect: str) -> dict[str, str]:
    options = DIALECTS[dialect].options
    return {name: option.default for name, option in options.items() if option.default is not None}


def _model(section: ModelSection) -> Model:
    return Model(
        name=ModelName(section.name),
        target=_target(section),
        owned_by=section.owned_by,
        created_at_s=section.created,
    )


def _target(section: ModelSection) -> GroupName | Auto:
    if section.auto is not None:
        return Auto(GroupName(section.auto.cheap), GroupName(section.auto.premium))
    return GroupName(section.name if section.group is None else section.group)


def _group(section: GroupSection) -> RoutingGroup:
    return RoutingGroup(
        name=GroupName(section.name),
        strategy=Strategy(section.strategy),
        members=tuple(_member(member) for member in section.members),
        fallbacks=tuple(GroupName(name) for name in section.fallbacks),
    )


def _own_group(model: str, deployments: list[str]) -> RoutingGroup:
    members = tuple(Member(DeploymentName(name)) for name in deployments)
    return RoutingGroup(GroupName(model), Strategy.PRIORITY, members)


def _member(section: MemberSection) -> Member:
    reserved = section.reserved
    return Member(
        deployment=DeploymentName(section.deployment),
        weight=section.weight,
        reserved=None if reserved is None else Capacity(reserved.requests_per_minute, reserved.tokens_per_minute),
    )


def _boundary(section: BoundarySection) -> Boundary:
    return Boundary(
        organisation=OrganisationId(section.organisation),
        team=None if section.team is None else TeamId(section.team),
        project=None if section.project is None else ProjectId(section.project),
        labels=MappingProxyType({name: frozenset(values) for name, values in section.labels.items()}),
    )


def _routing(section: RoutingSection) -> RoutingPolicy:
    return RoutingPolicy(
        allowed_fails=section.allowed_fails,
        cooldown_s=section.cooldown_s,
        max_cooldown_s=section.max_cooldown_s,
        max_attempts=section.max_attempts,
        tells_route=section.tells_route,
    )


def _digest(sections: GatewaySection, pricings: Mapping[DeploymentName, Pricing]) -> str:
    content = sections.model_dump(mode="json", include={"deployments", "groups", "models", "boundaries", "routing"})
    # Prices come from tables too, and change with the day.
    content["prices"] = {name: asdict(pricing.price) for name, pricing in pricings.items()}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:_VERSION_CHARS]
