"""One deployment → one Envoy cluster: its address, its TLS, its limits, and the chain every attempt goes through."""

import ipaddress
from pathlib import Path

from extproc.dataplane.doors import delivery
from extproc.dataplane.target import Target
from extproc.dataplane.typed import Message, endpoints, extension, seconds, tcp_address, typed
from extproc.model import seams
from extproc.model.catalog import Deployment

HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_TLS = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"

# tcpmux: nothing listens there, so a connection is refused at once. A cluster that is empty, or whose name does not
# resolve, would end the order of attempts; one whose last resort refuses connections moves on to the next deployment.
_REFUSED = tcp_address("127.0.0.1", 1)
_HERE = Path(__file__).resolve()
_REWRITE_FILES = (
    _HERE.with_name("attempt_rewrite.lua"),  # in the wheel
    _HERE.parents[2] / "envoy" / "attempt_rewrite.lua",  # in the source tree
)


def cluster_name(deployment: Deployment) -> str:
    """The Envoy cluster of a deployment."""
    return seams.DEPLOYMENT_CLUSTER_PREFIX + deployment.name


def read_rewrite() -> str:
    """The source of the attempt rewrite.

    Raises:
        FileNotFoundError: the package is incomplete.
    """
    path = next((path for path in _REWRITE_FILES if path.is_file()), _REWRITE_FILES[0])
    return path.read_text(encoding="utf-8")


def deployment_cluster(deployment: Deployment, target: Target, rewrite: str) -> Message:
    """The ``Cluster``; ``rewrite`` is the Lua source of ``read_rewrite``."""
    name = cluster_name(deployment)
    provider = tcp_address(deployment.host, deployment.port)
    return {
        "name": name,
        **({"type": "STATIC"} if _is_ip(deployment.host) else _DNS),
        "connect_timeout": seconds(deployment.timeouts.connect_s),
        "load_assignment": endpoints(name, [provider], [_REFUSED], is_prioritized=True),
        "circuit_breakers": {"thresholds": [_thresholds(deployment.max_connections)]},
        **({"transport_socket": _tls(deployment, target)} if deployment.scheme == "https" else {}),
        "typed_extension_protocol_options": {HTTP_OPTIONS: _http(deployment, rewrite)},
        "upstream_connection_options": {
            # A silent provider behind a NAT that forgot us is found out in a minute and a half, not in two hours.
            "tcp_keepalive": {"keepalive_time": 60, "keepalive_interval": 10, "keepalive_probes": 3}
        },
    }


# What used to be `type: STRICT_DNS`, whose own fields are deprecated.
_DNS: Message = {
    "cluster_type": extension(
        "envoy.cluster.dns",
        "envoy.extensions.clusters.dns.v3.DnsCluster",
        all_addresses_in_single_endpoint=False,
        dns_lookup_family="V4_PREFERRED",
        dns_refresh_rate="30s",
        respect_dns_ttl=True,
        dns_failure_refresh_rate={"base_interval": "2s", "max_interval": "10s"},
    )
}


def _thresholds(max_connections: int) -> Message:
    return {
        "max_connections": max_connections,
        "max_pending_requests": max_connections,
        "max_requests": max_connections,
        # The default of 3 retries at a time is what would be missing in an outage.
        "max_retries": max_connections,
    }


def _tls(deployment: Deployment, target: Target) -> Message:
    kind = "IP_ADDRESS" if _is_ip(deployment.host) else "DNS"
    return extension(
        "envoy.transport_sockets.tls",
        _TLS,
        **({} if kind == "IP_ADDRESS" else {"sni": deployment.host}),
        common_tls_context={
            "alpn_protocols": ["http/1.1"],
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "validation_context": {
                "trusted_ca": {"filename": deployment.ca_file or str(target.system_ca_file)},
                # Without this any certificate of the CA would do, whoever it was given to.
                "match_typed_subject_alt_names": [{"san_type": kind, "matcher": {"exact": deployment.host}}],
            },
        },
    )


def _http(deployment: Deployment, rewrite: str) -> Message:
    limits = deployment.timeouts
    return typed(
        HTTP_OPTIONS,
        explicit_http_config={"http_protocol_options": {}},
        common_http_protocol_options={"idle_timeout": "55s"},
        http_filters=[
            delivery(max(limits.total_s, limits.first_token_s, limits.idle_s) + 30.0),
            extension(
                "gateway.attempt_rewrite",
                "envoy.extensions.filters.http.lua.v3.Lua",
                # A deployment's name is [a-z0-9._-]: it needs no quoting in Lua.
                default_source_code={"inline_string": f'local DEPLOYMENT = "{deployment.name}"\n{rewrite}'},
            ),
            extension(
                "envoy.filters.http.upstream_codec",
                "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec",
            ),
        ],
    )


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
