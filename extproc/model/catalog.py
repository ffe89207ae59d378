"""What can be called: models and the deployments that serve them, as one immutable snapshot of ``gateway.yaml``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from extproc.model.ids import DeploymentName, ModelName


class Operation(StrEnum):
    """What a request asks the gateway to do. The value is its stable name in records and metrics."""

    CHAT = "chat.completions"
    EMBEDDINGS = "embeddings"
    LIST_MODELS = "models.list"
    SHOW_MODEL = "models.retrieve"


@dataclass(frozen=True, slots=True)
class CredentialRef:
    """Where a provider's key lies in the vault: a KV v2 path below the mount, and the field within."""

    path: str
    field: str


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

    @property
    def authority(self) -> str:
        """The Host the provider expects; the port only where it is not the scheme's own."""
        usual = {"http": 80, "https": 443}[self.scheme]
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == usual else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Model:
    """A name applications ask for, and the deployments behind it in the order they are tried."""

    name: ModelName
    deployments: tuple[DeploymentName, ...]
    owned_by: str
    created_at_s: int


@dataclass(frozen=True, slots=True)
class Catalog:
    """Every model and deployment of one ``gateway.yaml``; ``version`` is a digest of what it says."""

    version: str
    models: Mapping[ModelName, Model]
    deployments: Mapping[DeploymentName, Deployment]
