"""The shape of ``gateway.yaml``: every key, its kind, bounds and default. A description is what to write there.

What one key says about another is in ``references``; what the gateway is given instead of these models, in ``gateway``.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from extproc.config.cache_sections import CacheSection
from extproc.config.guard_sections import GuardSection
from extproc.config.limit_sections import BudgetSection, RateSection, TenantSection

DEPLOYMENT_NAME = r"^[a-z0-9][a-z0-9._-]{0,62}$"
MODEL_NAME = r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}$"

Port = Annotated[int, Field(ge=0, le=65535, description="a port number, 0 for any free one")]
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False, description="seconds, up to 3600")]
Days = Annotated[float, Field(gt=0, le=30 * 86400, allow_inf_nan=False, description="seconds, up to 30 days")]
File = Annotated[str, Field(pattern=r"^/[^\x00\n]+$", description="an absolute path, such as /etc/gateway/tls/tls.crt")]
Address = Annotated[
    str, Field(pattern=r"^[0-9A-Fa-f:.]{2,45}$", description="an IP address, such as 0.0.0.0 or 127.0.0.1")
]
Host = Annotated[
    str,
    Field(
        pattern=r"^(\*|(\*\.)?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)$",
        description='a lower-case host name without a port, "*.example.com", or "*" for any',
    ),
]
DeploymentName = Annotated[
    str, Field(pattern=DEPLOYMENT_NAME, description="up to 63 of a-z, 0-9, '.', '_' and '-', quoted if it is a number")
]
ModelName = Annotated[
    str, Field(pattern=MODEL_NAME, description="up to 200 of A-Z, a-z, 0-9, and . _ : / -, quoted if it is a number")
]
Label = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$", description="a lower-case word, such as eu")]
Tokens = Annotated[int, Field(ge=1, le=100_000_000, description="a number of tokens")]
UsdPerMillion = Annotated[
    Decimal, Field(strict=False, ge=0, le=100_000, decimal_places=3, description="USD per million tokens, such as 0.25")
]
MaybeUsdPerMillion = Annotated[UsdPerMillion | None, Field(description="USD per million tokens, such as 0.25")]
UsdPerRequest = Annotated[
    Decimal, Field(strict=False, ge=0, le=1000, decimal_places=9, description="USD for each request, such as 0.005")
]
VaultPath = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$", description="providers/openai"),
]
Url = Annotated[str, Field(max_length=500, description="a URL, such as https://login.example.com/token")]
Scope = Annotated[str, Field(max_length=500, pattern=r"^[!-~]+( [!-~]+)*$", description="scopes, with a space between")]
Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[ -~]+$", description="printable ASCII text")]
Bytes = Annotated[int, Field(ge=1024, le=256 * 1024 * 1024, description="bytes, from 1024 to 268435456")]


class _Section(BaseModel):
    # strict: "30" is not a number of seconds, and 1 is not true.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class TlsSection(_Section):
    """The certificate clients are shown. Envoy reads the files again when they change."""

    cert_file: File
    key_file: File


class ListenerSection(_Section):
    """Where applications connect."""

    address: Address = "0.0.0.0"
    port: Port = 8080
    hosts: Annotated[list[Host], Field(min_length=1, description="a list of host names")] = ["*"]
    tls: Annotated[TlsSection | None, Field(description="cert_file and key_file")] = None


class AdminSection(_Section):
    """Envoy's admin interface: never where clients can reach it."""

    address: Address = "127.0.0.1"
    port: Port = 9901


class HealthSection(_Section):
    """GET /ready for load balancers and kubelets."""

    address: Address = "127.0.0.1"
    port: Port = 8081


class LimitsSection(_Section):
    """What one request may take."""

    max_body_bytes: Bytes = 16 * 1024 * 1024
    max_response_bytes: Bytes = 32 * 1024 * 1024
    max_headers_kib: Annotated[int, Field(ge=8, le=192, description="KiB, from 8 to 192")] = 60
    request_timeout_s: Seconds = 30.0
    request_headers_timeout_s: Seconds = 10.0
    admission_timeout_s: Seconds = 5.0
    drain_timeout_s: Seconds = 30.0
    max_connections: Annotated[int, Field(ge=1, le=1_000_000, description="client connections")] = 20_000
    max_heap_bytes: Annotated[int, Field(ge=128 * 2**20, le=2**40, description="bytes, from 134217728 (128 MiB)")] = (
        2 * 2**30
    )


class VaultSection(_Section):
    """How long a provider key may be used without the vault confirming it."""

    max_stale_s: Days = 86400.0
    refresh_s: Days = 60.0


class KeysSection(_Section):
    """How workers remember virtual keys."""

    poll_s: Seconds = 0.5
    max_cached: Annotated[int, Field(ge=1, le=10_000_000, description="a number of keys")] = 100_000
    max_unknown_cached: Annotated[int, Field(ge=1, le=10_000_000, description="a number of digests")] = 10_000
    unknown_ttl_s: Seconds = 5.0


class GoogleSection(_Section):
    """How a service account's key becomes an access token."""

    token_url: Url = "https://oauth2.googleapis.com/token"  # noqa: S105 - a public address
    scope: Scope = "https://www.googleapis.com/auth/cloud-platform"


class EntraSection(_Section):
    """How a service principal's id and secret become an access token."""

    tenant: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,100}$", description="the tenant's id or domain")]
    token_url: Annotated[Url | None, Field(description="a URL; null for Microsoft's public cloud")] = None
    scope: Scope = "https://cognitiveservices.azure.com/.default"


class CredentialSection(_Section):
    """Where the provider's credential comes from; what goes together is in ``credentials``."""

    path: Annotated[VaultPath | None, Field(description="providers/openai")] = None
    lease: Annotated[VaultPath | None, Field(description="a dynamic engine's path, such as aws/sts/bedrock")] = None
    field: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9_.-]{1,100}$", description="the field's name")] = None
    google: Annotated[GoogleSection | None, Field(description="token_url and scope, or {}")] = None
    entra: Annotated[EntraSection | None, Field(description="tenant, token_url and scope")] = None


class TimeoutsSection(_Section):
    """How long one deployment may take."""

    connect_s: Seconds = 5.0
    first_token_s: Seconds = 60.0
    total_s: Seconds = 600.0
    idle_s: Seconds = 60.0


class PriceSection(_Section):
    """What the provider takes. A kind of token without a price of its own costs like the others."""

    input_per_million_usd: UsdPerMillion
    output_per_million_usd: UsdPerMillion = Decimal(0)
    cached_input_per_million_usd: MaybeUsdPerMillion = None
    cache_write_per_million_usd: MaybeUsdPerMillion = None
    reasoning_per_million_usd: MaybeUsdPerMillion = None
    audio_input_per_million_usd: MaybeUsdPerMillion = None
    audio_output_per_million_usd: MaybeUsdPerMillion = None
    per_request_usd: UsdPerRequest = Decimal(0)


class DeploymentSection(_Section):
    """One provider endpoint serving one upstream model."""

    name: DeploymentName
    dialect: Annotated[
        Literal["openai", "anthropic", "azure", "bedrock", "vertex", "vertex-anthropic"],
        Field(description="one of openai, anthropic, azure, bedrock, vertex, vertex-anthropic"),
    ] = "openai"
    base_url: Annotated[str, Field(max_length=500, description="a URL, such as https://api.openai.com/v1")]
    options: Annotated[
        dict[str, Annotated[str, Field(pattern=r"^[A-Za-z0-9._:/@-]{1,200}$", description="a text without spaces")]],
        Field(description="a section with what the dialect needs"),
    ] = {}
    upstream_model: Text
    degrade: Annotated[
        list[Text], Field(description="a list of fields that may be left out of a request, such as [seed]")
    ] = []
    operations: Annotated[
        list[Literal["chat.completions", "embeddings"]],
        Field(min_length=1, description="a list of chat.completions and embeddings"),
    ] = ["chat.completions"]
    credential: Annotated[CredentialSection | None, Field(description="path and field, or lease, or null")] = None
    timeouts: TimeoutsSection = TimeoutsSection()
    max_connections: Annotated[int, Field(ge=1, le=100_000, description="a number of connections")] = 1024
    ca_file: Annotated[File | None, Field(description="an absolute path of a PEM bundle")] = None
    labels: Annotated[dict[Label, Label], Field(description="a section of labels, such as {residency: eu}")] = {}
    context_tokens: Annotated[Tokens | None, Field(description="a number of tokens")] = None
    modalities: Annotated[
        list[Literal["text", "image", "audio", "file"]],
        Field(min_length=1, description="a list of text, image, audio and file"),
    ] = ["text", "image", "audio", "file"]
    features: Annotated[
        list[Literal["tools", "json_schema"]], Field(description="a list of tools and json_schema, or []")
    ] = ["tools", "json_schema"]
    price: Annotated[PriceSection | None, Field(description="input_per_million_usd, output_per_million_usd, …")] = None
    retires_on: Annotated[date | None, Field(strict=False, description="a day, such as 2027-03-31")] = None


class CapacitySection(_Section):
    """What was bought in advance, per minute."""

    requests_per_minute: Annotated[int | None, Field(ge=1, description="a number of requests")] = None
    tokens_per_minute: Annotated[int | None, Field(ge=1, description="a number of tokens")] = None


class MemberSection(_Section):
    """A deployment's place in a group."""

    deployment: DeploymentName
    weight: Annotated[int, Field(ge=0, le=1_000_000, description="a share, such as 3; 0 to hold it in reserve")] = 1
    reserved: Annotated[
        CapacitySection | None, Field(description="requests_per_minute and tokens_per_minute, for strategy priority")
    ] = None


class GroupSection(_Section):
    """Deployments that may answer for each other."""

    name: ModelName
    strategy: Annotated[
        Literal["priority", "latency", "least_busy", "weighted", "cost"],
        Field(description="one of priority, latency, least_busy, weighted, cost"),
    ] = "priority"
    members: Annotated[
        list[MemberSection], Field(min_length=1, max_length=64, description="a list of {deployment: name}")
    ]
    fallbacks: Annotated[list[ModelName], Field(max_length=8, description="the names of other groups, in order")] = []


class AutoSection(_Section):
    """Two groups, and the request decides."""

    cheap: ModelName
    premium: ModelName


class BoundarySection(_Section):
    """Where a tenant's data may go."""

    organisation: Text
    team: Annotated[Text | None, Field(description="a team, or null for all")] = None
    project: Annotated[Text | None, Field(description="a project, or null for all")] = None
    labels: Annotated[
        dict[Label, Annotated[list[Label], Field(min_length=1, description="a list of allowed values")]],
        Field(min_length=1, description="a section such as {residency: [eu, uk]}"),
    ]


class AlertsSection(_Section):
    """Who is told of budgets beside the log."""

    webhook_url: Annotated[Url | None, Field(description="a URL, such as https://alerts.example.com/budgets")] = None


class RoutingSection(_Section):
    """When a deployment is left alone, and what callers are told of the choice."""

    allowed_fails: Annotated[int, Field(ge=1, le=1000, description="failures in a row")] = 3
    cooldown_s: Seconds = 15.0
    max_cooldown_s: Seconds = 300.0
    max_attempts: Annotated[int, Field(ge=1, le=16, description="a number of deployments")] = 6
    floating_models: Annotated[list[Text], Field(description="a list of upstream models that may be moving names")] = []
    tells_route: Annotated[bool, Field(description="true or false: x-gateway-deployment, -attempts, -model")] = True


class ModelSection(_Section):
    """A name applications ask for: of one group, of two (auto), or of its own list of deployments."""

    name: ModelName
    deployments: Annotated[
        list[DeploymentName] | None,
        Field(min_length=1, max_length=16, description="the names of its deployments, in order"),
    ] = None
    group: Annotated[ModelName | None, Field(description="the name of a group")] = None
    auto: Annotated[AutoSection | None, Field(description="the groups cheap and premium")] = None
    owned_by: Text = "gateway"
    created: Annotated[int, Field(ge=0, le=2**40, description="UTC seconds since 1970")] = 0


class GatewaySection(_Section):
    """The whole file."""

    listener: ListenerSection = ListenerSection()
    admin: AdminSection = AdminSection()
    health: HealthSection = HealthSection()
    limits: LimitsSection = LimitsSection()
    workers: Annotated[int, Field(ge=1, le=256, description="a number of processes, about one per core")] = 2
    vault: VaultSection = VaultSection()
    keys: KeysSection = KeysSection()
    routing: RoutingSection = RoutingSection()
    price_file: Annotated[File | None, Field(description="an absolute path, such as /etc/gateway/prices.yaml")] = None
    deployments: Annotated[list[DeploymentSection], Field(min_length=1, max_length=1000, description="a list")]
    groups: Annotated[list[GroupSection], Field(max_length=1000, description="a list")] = []
    boundaries: Annotated[list[BoundarySection], Field(max_length=10_000, description="a list")] = []
    models: Annotated[list[ModelSection], Field(min_length=1, max_length=1000, description="a list")]
    budgets: Annotated[list[BudgetSection], Field(max_length=100_000, description="a list")] = []
    rates: Annotated[list[RateSection], Field(max_length=100_000, description="a list")] = []
    tenants: Annotated[list[TenantSection], Field(max_length=100_000, description="a list")] = []
    alerts: AlertsSection = AlertsSection()
    cache: Annotated[CacheSection | None, Field(description="policies, tenants, default, embedder")] = None
    guard: Annotated[GuardSection | None, Field(description="policies, tenants, default")] = None
