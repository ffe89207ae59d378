"""``gateway.yaml`` as the gateway uses it: one immutable snapshot. The policy; ``environment`` has the addresses.

    load(path) / parse(text, source)  →  Gateway, or GatewayInvalid with every problem at once

Read ``schema`` for the file's keys, ``references`` for what must agree between them, ``watch`` for reloading.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

from extproc.config.cache import compile_cache, compile_embedder, semantic_policies
from extproc.config.complaints import complain
from extproc.config.document import read
from extproc.config.guard import compile_guard
from extproc.config.limits import compile_limits, compile_outages
from extproc.config.prices import Pricing, built_in_prices
from extproc.config.pricing import listed_deployments, load_prices, price_deployments
from extproc.config.problems import GatewayInvalid, Problem, spell
from extproc.config.references import check_references, unused_deployments
from extproc.config.scanners import compile_scanners
from extproc.config.schema import GatewaySection
from extproc.config.snapshot import compile_catalog, longest_exchange_s
from extproc.model.cache import NO_CACHE, CachePolicy
from extproc.model.catalog import Catalog
from extproc.model.embedders import BuiltInModel, EmbedderSettings
from extproc.model.guard_policy import GuardPolicies
from extproc.model.guard_scanners import ScannerSettings
from extproc.model.ids import DeploymentName
from extproc.model.limits import Limit, Outage
from extproc.model.tenancy import PerTenant

__all__ = ["Gateway", "GatewayInvalid", "Problem", "load", "parse"]

# An exchange may be silent for as long as its whole plan takes; this much more before Envoy gives it up.
_IDLE_MARGIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificate and key files as Envoy sees them, absolute."""

    cert_file: str
    key_file: str


@dataclass(frozen=True, slots=True)
class Listener:
    """Where applications connect. ``hosts`` is the allow-list of names; ``("*",)`` takes any."""

    address: str
    port: int
    hosts: tuple[str, ...]
    tls: Tls | None

    @property
    def takes_any_host(self) -> bool:
        """Whether the allow-list is open."""
        return self.hosts == ("*",)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address of our own to listen on; port 0 is any free one."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may take. Sizes in bytes, times in seconds."""

    max_body_bytes: int
    max_response_bytes: int
    max_headers_kib: int
    request_timeout_s: float
    """Until the whole request has arrived."""
    request_headers_timeout_s: float
    admission_timeout_s: float
    """Until admission has answered one message."""
    stream_idle_timeout_s: float
    """The longest silence Envoy allows in an exchange: longer than the longest plan, which delivery bounds."""
    drain_timeout_s: float
    max_connections: int
    max_heap_bytes: int
    """Envoy's; near it new requests are turned away."""


@dataclass(frozen=True, slots=True)
class VaultPolicy:
    """How long a provider key may be used without the vault confirming it."""

    max_stale_s: float
    refresh_s: float


@dataclass(frozen=True, slots=True)
class KeysPolicy:
    """How workers remember virtual keys."""

    poll_s: float
    """How often a worker asks for revocations, whatever pub/sub said."""
    max_cached: int
    max_unknown_cached: int
    unknown_ttl_s: float


@dataclass(frozen=True, slots=True)
class Gateway:
    """Everything one ``gateway.yaml`` says. An exchange keeps the snapshot it began with."""

    listener: Listener
    admin: Endpoint
    health: Endpoint
    limits: Limits
    workers: int
    vault: VaultPolicy
    keys: KeysPolicy
    catalog: Catalog
    warnings: tuple[Problem, ...] = ()
    """What is allowed and probably not meant."""
    pricings: Mapping[DeploymentName, Pricing] = field(default_factory=dict)
    """Where the catalog's prices come from; a deployment that is not named has none."""
    price_file: str | None = None
    """The site's own table, to be read again when it changes."""
    declared: tuple[Limit, ...] = ()
    """What ``extproc apply`` makes of the budgets and rates; what is enforced is what was applied."""
    outages: Mapping[str, Outage] = field(default_factory=dict)
    """By organisation; one that is not named has ``Outage()``."""
    alert_webhook: str | None = None
    """Where alerts of budgets are posted; None: they are only logged."""
    guard: GuardPolicies = field(default_factory=GuardPolicies)
    """What is judged of whose texts."""
    scanners: Mapping[str, ScannerSettings] = field(default_factory=dict)
    """Those that are not built in, by name."""
    cache: PerTenant[CachePolicy] = field(default_factory=lambda: PerTenant(NO_CACHE))
    """What is remembered for whom."""
    embedder: EmbedderSettings = field(default_factory=BuiltInModel)
    """What makes its vectors."""


def load(path: Path, today: date | None = None) -> Gateway:
    """Read a file; ``today`` as for ``parse``.

    Raises:
        GatewayInvalid: it cannot be read, or has problems.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise GatewayInvalid(str(path), (Problem("", "it is not UTF-8 text", "Save it as UTF-8."),)) from None
    except OSError as error:
        fix = "Write it, or name another with --config or EXTPROC_CONFIG."
        raise GatewayInvalid(str(path), (Problem("", f"it cannot be read: {error.strerror}", fix),)) from None
    return parse(text, str(path), today)


def parse(text: str, source: str, today: date | None = None) -> Gateway:
    """Read a text; ``source`` names it in messages, ``today`` decides which prices hold (UTC; None: by the clock).

    Raises:
        GatewayInvalid: it has problems.
    """
    document = read(text)
    today = today or datetime.now(UTC).date()
    sections, table = None, built_in_prices()
    if document.tree is not None or not document.problems:
        sections = complain(GatewaySection, document)
        table = load_prices(document)
        tree = document.tree if isinstance(document.tree, dict) else {}
        check_references(document, listed_deployments(tree, table, today))
    if document.problems or sections is None:
        in_order = sorted(document.problems, key=lambda problem: (problem.line or 0, problem.path))
        raise GatewayInvalid(source, tuple(in_order))
    pricings = price_deployments(sections.deployments, table, today)
    catalog = compile_catalog(sections, pricings)
    warnings = tuple(
        Problem(
            f"deployments[{place[1]}].name",
            f"nothing uses {name!r}",
            "Name it in a group or a model, or remove it.",
            line,
        )
        for place, name in unused_deployments(document)
        for line in (document.line_of(place),)
    )
    root = document.tree if isinstance(document.tree, dict) else {}
    warnings += tuple(
        Problem(
            spell(place),
            "only the same question is answered yet: nothing tells apart questions that are merely alike",
            "Leave it out; exact answers are given all the same.",
            document.line_of(place),
        )
        for place in semantic_policies(root)
    )
    return replace(_gateway(sections, catalog, warnings), pricings=pricings, price_file=sections.price_file)


def _gateway(sections: GatewaySection, catalog: Catalog, warnings: tuple[Problem, ...]) -> Gateway:
    listener, limits = sections.listener, sections.limits
    tls = None if listener.tls is None else Tls(listener.tls.cert_file, listener.tls.key_file)
    return Gateway(
        listener=Listener(listener.address, listener.port, tuple(listener.hosts), tls),
        admin=Endpoint(sections.admin.address, sections.admin.port),
        health=Endpoint(sections.health.address, sections.health.port),
        limits=Limits(
            max_body_bytes=limits.max_body_bytes,
            max_response_bytes=limits.max_response_bytes,
            max_headers_kib=limits.max_headers_kib,
            request_timeout_s=limits.request_timeout_s,
            request_headers_timeout_s=limits.request_headers_timeout_s,
            admission_timeout_s=limits.admission_timeout_s,
            stream_idle_timeout_s=longest_exchange_s(catalog) + _IDLE_MARGIN_S,
            drain_timeout_s=limits.drain_timeout_s,
            max_connections=limits.max_connections,
            max_heap_bytes=limits.max_heap_bytes,
        ),
        workers=sections.workers,
        vault=VaultPolicy(sections.vault.max_stale_s, sections.vault.refresh_s),
        keys=KeysPolicy(
            sections.keys.poll_s,
            sections.keys.max_cached,
            sections.keys.max_unknown_cached,
            sections.keys.unknown_ttl_s,
        ),
        catalog=catalog,
        warnings=warnings,
        declared=compile_limits(sections.budgets, sections.rates),
        outages=compile_outages(sections.tenants),
        alert_webhook=sections.alerts.webhook_url,
        guard=compile_guard(sections.guard),
        cache=compile_cache(sections.cache),
        embedder=compile_embedder(sections.cache),
        scanners=compile_scanners(sections.guard.scanners if sections.guard else []),
    )
