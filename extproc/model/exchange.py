"""What one exchange is remembered by: the context that travels between doors, and the records that end it."""

from dataclasses import dataclass
from enum import StrEnum

from extproc.model.catalog import Operation
from extproc.model.guard import Verdict
from extproc.model.ids import (
    DeploymentName,
    ExchangeId,
    KeyId,
    ModelName,
    OrganisationId,
    ProjectId,
    TeamId,
)
from extproc.model.limits import LimitId, Unit
from extproc.model.money import MicroUsd, Price


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """What delivery must keep for one deployment of the plan; seconds."""

    deployment: DeploymentName
    dialect: str
    first_token_s: float
    total_s: float
    idle_s: float
    upstream_model: str = ""
    """What answers may call the model that gave them; empty: they do not say."""
    context_tokens: int | None = None
    """The most tokens of question and answer together; None: not known."""
    degraded: tuple[str, ...] = ()
    """Fields of the request that it was asked without, for an answer's header."""
    price: Price | None = None
    """None: it has none."""


@dataclass(frozen=True, slots=True)
class HeldCounter:
    """One counter that an exchange will be charged to, as it was reserved. It never changes afterwards."""

    part: str
    unit: Unit
    budget: LimitId
    limit: int
    alert_percents: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Hold:
    """What is held for an exchange until it is settled."""

    counters: tuple[HeldCounter, ...]
    buckets: tuple[str, ...]
    """Token buckets, by name."""
    is_owed: bool = False
    """Whether it was let through while its limits could not be asked: nothing is held, all is owed."""


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """Which remembered answer an exchange was given, in place of a provider's."""

    tier: str
    """How it was found: ``cache.Tier``."""
    similarity: float
    age_s: float
    saved_micro_usd: MicroUsd
    """What it cost when a provider gave it."""
    exchange: str
    """Which exchange paid that."""


@dataclass(frozen=True, slots=True)
class ExchangeContext:
    """What admission decided and the other doors need. Holds no prompt, no credential."""

    id: ExchangeId
    organisation: OrganisationId
    team: TeamId
    project: ProjectId
    key: KeyId
    operation: Operation
    model: ModelName
    is_stream: bool
    wants_usage: bool
    """Whether the client itself asked for the usage chunk of a stream."""
    plan: tuple[AttemptLimits, ...]
    catalog_version: str
    surface: str = "openai"
    """The dialect in which the client asked and is answered."""
    started_at_s: float = 0.0
    """UTC seconds when it was sent off; the first attempt's time to first token counts from here."""
    tells_route: bool = False
    """Whether the answer names the deployment, the attempt and the model that gave it."""
    auto: str = ""
    """What ``model: auto`` decided, as the answer's header says it; empty: it was not asked."""
    hold: Hold | None = None
    """None: no limit is for it."""
    input_tokens: int = 0
    output_tokens: int = 0
    """The most that one attempt was expected to use."""
    user: str = ""
    """Hash of the end user that the request names; empty: it names none."""
    tags: tuple[str, ...] = ()
    """The key's and the request's."""
    answer_headers: tuple[tuple[str, str], ...] = ()
    """What is left of its limits, for whoever gets the answer."""
    verdicts: tuple[Verdict, ...] = ()
    """Of the scanners that judged the request."""
    has_sealed: bool = False
    """Whether something sealed travels beside it, without which its answer cannot be judged."""
    cached: CachedAnswer | None = None
    """None: a provider is asked."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them. The special kinds are within the plain ones."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    """Input that the provider had in its cache."""
    cache_write_tokens: int = 0
    """Input that it put there."""
    reasoning_tokens: int = 0
    """Output that nobody reads."""
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    has_unknown_kinds: bool = False
    """Whether it tells of tokens of a kind that we know no price of."""


class Outcome(StrEnum):
    """How an exchange ended, for whoever asked for it."""

    ANSWERED = "answered"
    """The whole answer was delivered."""
    REFUSED = "refused"
    """The gateway said no: a 4xx of its own."""
    FAILED = "failed"
    """No whole answer: provider, network or gateway."""
    ABANDONED = "abandoned"
    """The client left before the answer was whole."""


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One upstream attempt as Envoy saw it. A deployment is tried once in an exchange, so the two name an attempt."""

    exchange: ExchangeId
    deployment: DeploymentName
    status: int
    """0: no response headers came."""
    flags: str
    """Envoy response flags, such as ``UF`` or ``UT``; empty when none."""
    duration_ms: int


@dataclass(frozen=True, slots=True)
class ExchangeRecord:
    """One finished request as Envoy saw it."""

    exchange: ExchangeId
    context: ExchangeContext | None
    """None: it was refused, or never reached admission."""
    outcome: Outcome
    status: int
    flags: str
    details: str
    """Envoy's response code details: why this status."""
    duration_ms: int
    request_bytes: int
    response_bytes: int
    attempts: int | None = None
    """How many deployments were asked, in the plan's order; None: the record does not say."""


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """What delivery saw of one attempt it released to the client."""

    context: ExchangeContext
    deployment: DeploymentName
    usage: Usage | None
    """None: the provider gave none that could be read."""
    is_complete: bool
    """Whether the provider's end of stream was seen; only then is it a success."""
    received_bytes: int
    """Body bytes that came from the provider."""
    judged_bytes: int
    """Body bytes that were released towards the client."""
    failure: str = ""
    """Code of the refusal that this attempt came to; empty: none, or it was cut off from outside."""
    status: int = 0
    """The provider's own; 0: its headers were not seen."""
    retry_after_s: float | None = None
    """The provider's wish."""
    first_token_s: float | None = None
    """From sending off to the first judged byte; None: none was released, or it was not the first attempt."""
    usage_shrank: bool = False
    """Whether the provider told its usage more than once, and less the later time; the larger one is kept."""
    answer_bytes: int = 0
    """How much text the model wrote, as UTF-8, over all choices: content, reasoning, refusals, calls of tools."""
    provider_request_id: str = ""
    """As the provider's own records name the attempt; empty: it gave none."""
    verdicts: tuple[Verdict, ...] = ()
    """On the answer: one for each check of its direction, or none where no answer was judged."""
