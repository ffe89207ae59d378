"""Gateway → the text of every file Envoy reads. Pure and deterministic: equal gateways give equal bytes.

    bootstrap.json    read once, at start
    lds.json          listeners       cds.json    clusters
    rds.json          routes          sds.json    the listener's certificate, with TLS only

Each is built in a file of its own: ``listener``, ``health``, ``routes``, ``deployment``, ``workers``, ``bootstrap``,
with ``doors``, ``journal`` and ``replies`` as parts. ``lint`` refuses what must never be rendered, ``swap`` publishes.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence

from extproc.config.gateway import Gateway
from extproc.dataplane.bootstrap import bootstrap
from extproc.dataplane.deployment import deployment_cluster, read_rewrite
from extproc.dataplane.health import health_listener
from extproc.dataplane.lint import enforce
from extproc.dataplane.listener import certificate, main_listener
from extproc.dataplane.routes import route_table
from extproc.dataplane.target import Target
from extproc.dataplane.typed import Message, typed
from extproc.dataplane.workers import deny_cluster, extproc_cluster, journal_cluster

LISTENER = "envoy.config.listener.v3.Listener"
ROUTES = "envoy.config.route.v3.RouteConfiguration"
CLUSTER = "envoy.config.cluster.v3.Cluster"
SECRET = "envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 - a message's name
_VERSION_CHARS = 16


def render(gateway: Gateway, target: Target) -> dict[str, str]:
    """File name → text.

    Raises:
        LintFailed: what was built breaks a rule that Envoy's configuration must keep: a bug of ours.
        FileNotFoundError: the package lacks the Lua source.
    """
    messages = build(gateway, target)
    enforce(messages)
    return {name: write(message) for name, message in messages.items()}


def build(gateway: Gateway, target: Target) -> dict[str, Message]:
    """File name → message, as ``render`` writes them and before the lint."""
    rewrite = read_rewrite()
    deployments = sorted(gateway.catalog.deployments.values(), key=lambda deployment: deployment.name)
    secret = certificate(gateway)
    return {
        "bootstrap.json": bootstrap(gateway, target),
        "lds.json": discovery(LISTENER, [main_listener(gateway, target), health_listener(gateway, target)]),
        "rds.json": discovery(ROUTES, [route_table(gateway)]),
        "cds.json": discovery(
            CLUSTER,
            [
                extproc_cluster(gateway, target),
                journal_cluster(gateway, target),
                deny_cluster(),
                *(deployment_cluster(deployment, target, rewrite) for deployment in deployments),
            ],
        ),
        **({} if secret is None else {"sds.json": discovery(SECRET, [secret])}),
    }


def discovery(resource_type: str, resources: Sequence[Message]) -> Message:
    """A ``DiscoveryResponse``; its version is a digest of the resources."""
    items = [typed(resource_type, **resource) for resource in resources]
    version = hashlib.sha256(write({"resources": items}).encode()).hexdigest()[:_VERSION_CHARS]
    return {"version_info": version, "type_url": f"type.googleapis.com/{resource_type}", "resources": items}


def write(message: Mapping[str, object]) -> str:
    """The one spelling of a message: sorted keys, two spaces, a newline at the end."""
    return json.dumps(message, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
