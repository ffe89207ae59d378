"""What can be called: models, groups, deployments, as one immutable snapshot of ``gateway.yaml``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from extproc.model.credentials import Engine, Mint, Source
from extproc.model.ids import DeploymentName, GroupName, ModelName
from extproc.model.money import Price
from extproc.model.routing import Auto, Boundary, Feature, Modality, RoutingGroup, RoutingPolicy


class Operation(StrEnum):
    """What a request asks the gateway to do. The value is its stable name in records and metrics."""

    CHAT = "chat.completions"
    COUNT_TOKENS = "messages.count_tokens"
    EMBEDDINGS = "embeddings"
    LIST_MODELS = "models.list"
    SHOW_MODEL = "models.retrieve"


@dataclass(frozen=True, slots=True)
class CredentialRef:
    """One value of a provider's credential: the path in the vault it comes from, and the field within."""

    path: str
    field: str
    engine: Engine = Engine.KV
    mint: Mint | None = None
    is_optional: bool = False
    """Whether the source may be without this field; the value is then empty."""

    @property
    def source(self) -> Source:
        """What is read to have it, together with its other fields."""
        return Source(self.path, self.engine, self.mint)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long one deployment may take, in seconds."""

    connect_s: float
    first_token_s: float
    """Streams: from the attempt's start to the first event that carries an answer."""
    total_s: float
    """Plain requests: from the attempt's start to the whole body."""
    idle_s: float
    """Streams: the longest silence between two events."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One provider endpoint serving one upstream model; one Envoy cluster."""

    name: DeploymentName
    dialect: str
    scheme: str
    """``http`` or ``https``."""
    host: str
    port: int
    base_path: str
    """Prefix of every path at the provider, without a trailing slash: ``/v1``."""
    upstream_model: str
    operations: frozenset[Operation]
    credential: CredentialRef | None
    """None: the endpoint takes no credential (a model in our own network)."""
    timeouts: Timeouts
    max_connections: int
    ca_file: str | None
    """PEM bundle that signs the endpoint's certificate; None: the system's."""
    options: Mapping[str, str] = field(default_factory=dict)
    """What its dialect needs beyond the address; see ``model.dialects``. Defaults are filled in."""
    degrade: frozenset[str] = frozenset()
    """Fields of a request that it may do without where it cannot take them; see ``model.degradation``."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """What it is, for data boundaries: ``residency: eu``."""
    context_tokens: int | None = None
    """The most tokens of question and answer together; None: not known."""
    modalities: frozenset[Modality] = frozenset(Modality)
    features: frozenset[Feature] = frozenset(Feature)
    price: Price | None = None
    retires_on: date | None = None
    """The provider's announced last day."""

    @property
    def authority(self) -> str:
        """The Host the provider expects; the port only where it is not the scheme's own."""
        usual = {"http": 80, "https": 443}[self.scheme]
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == usual else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Model:
    """A name applications ask for, and the group behind it."""

    name: ModelName
    target: GroupName | Auto
    owned_by: str
    created_at_s: int


@dataclass(frozen=True, slots=True)
class Catalog:
    """Every model and deployment of one ``gateway.yaml``; ``version`` is a digest of what it says."""

    version: str
    models: Mapping[ModelName, Model]
    groups: Mapping[GroupName, RoutingGroup]
    deployments: Mapping[DeploymentName, Deployment]
    boundaries: tuple[Boundary, ...] = ()
    routing: RoutingPolicy = field(default_factory=RoutingPolicy)

    def groups_of(self, model: ModelName) -> tuple[RoutingGroup, ...]:
        """Every group that may answer for the model, fallbacks included, each once."""
        target = self.models[model].target
        first = (target.cheap, target.premium) if isinstance(target, Auto) else (target,)
        names = [name for group in first for name in (group, *self.groups[group].fallbacks)]
        return tuple(self.groups[name] for name in dict.fromkeys(names))

    def deployments_of(self, model: ModelName) -> tuple[Deployment, ...]:
        """Every deployment that may answer for the model, each once, in the order of the file."""
        names = [member.deployment for group in self.groups_of(model) for member in group.members]
        return tuple(self.deployments[name] for name in dict.fromkeys(names))
