"""Checked sections → the Catalog that the rest of the gateway knows. Pure; total for what passed the checks."""

import hashlib
import json
from types import MappingProxyType

from extproc.config.address import parse_address
from extproc.config.schema import DeploymentSection, GatewaySection, ModelSection
from extproc.model.catalog import Catalog, CredentialRef, Deployment, Model, Operation, Timeouts
from extproc.model.dialects import DIALECTS
from extproc.model.ids import DeploymentName, ModelName

_VERSION_CHARS = 16


def compile_catalog(sections: GatewaySection) -> Catalog:
    """The immutable catalog, in the order of the file."""
    deployments = [_deployment(section) for section in sections.deployments]
    models = [_model(section) for section in sections.models]
    return Catalog(
        version=_digest(sections),
        models=MappingProxyType({model.name: model for model in models}),
        deployments=MappingProxyType({deployment.name: deployment for deployment in deployments}),
    )


def longest_exchange_s(catalog: Catalog) -> float:
    """How long the longest plan of any model can take without a byte reaching the client."""
    return max(
        sum(max(limits.total_s, limits.first_token_s, limits.idle_s) + limits.connect_s for limits in chain)
        for model in catalog.models.values()
        for chain in ([catalog.deployments[name].timeouts for name in model.deployments],)
    )


def _deployment(section: DeploymentSection) -> Deployment:
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
        credential=None if credential is None else CredentialRef(credential.path, credential.field),
        timeouts=Timeouts(limits.connect_s, limits.first_token_s, limits.total_s, limits.idle_s),
        max_connections=section.max_connections,
        ca_file=section.ca_file,
        options=MappingProxyType({**_defaults(section.dialect), **section.options}),
    )


def _defaults(dialect: str) -> dict[str, str]:
    options = DIALECTS[dialect].options
    return {name: option.default for name, option in options.items() if option.default is not None}


def _model(section: ModelSection) -> Model:
    return Model(
        name=ModelName(section.name),
        deployments=tuple(DeploymentName(name) for name in section.deployments),
        owned_by=section.owned_by,
        created_at_s=section.created,
    )


def _digest(sections: GatewaySection) -> str:
    content = sections.model_dump(mode="json", include={"deployments", "models"})
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:_VERSION_CHARS]
