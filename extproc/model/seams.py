"""The names that Envoy's configuration and the Python doors must agree on, in one place.

``dataplane`` writes them into Envoy's files, ``wire`` reads and writes them at run time.
"""

NAMESPACE_ORDER = "gateway.order"
"""Dynamic metadata read by Envoy's priority_group cluster specifier: the order of attempts of this request."""

NAMESPACE_CONTEXT = "gateway.context"
"""Dynamic metadata forwarded to delivery and logged to the journal. Only admission may write it."""

CONTEXT_FIELD = "exchange"
"""One string in NAMESPACE_CONTEXT: a base64 ``gateway.v1.ExchangeContext``."""

SURFACE_FIELD = "surface"
"""The other one: the client's dialect, for Envoy, whose own replies must be in it. Attempts change the path."""

NAMESPACE_SEALED = "gateway.sealed"
"""Dynamic metadata forwarded to delivery and never logged: what only delivery may read, encrypted."""

SEALED_FIELD = "sealed"
"""One string in NAMESPACE_SEALED: base64 of an encrypted ``gateway.v1.Sealed``; absent where there is nothing."""

NAMESPACE_ATTEMPT = "gateway.attempt"
"""Dynamic metadata for the Lua rewrite: bodies and credentials. Never forwarded, never logged."""

DOOR_KEY = "x-gateway-door"
"""gRPC initial metadata that says which door a stream is for."""

DOOR_ADMISSION = "admission"
DOOR_DELIVERY = "delivery"

RETRY_HEADER = "x-gateway-retry"
"""Response header set by delivery: this attempt failed, take the next one. Removed before a client sees it."""

DEPLOYMENT_HEADER = "x-gateway-deployment"
ATTEMPTS_HEADER = "x-gateway-attempts"
MODEL_HEADER = "x-gateway-model"
AUTO_HEADER = "x-gateway-auto"
DEGRADED_HEADER = "x-gateway-degraded"
"""Response headers that tell the caller what served it, where ``routing.tells_route`` says so."""

CACHE_HEADER = "x-gateway-cache"
"""Response header where answers are remembered: ``hit``, ``miss``, or ``bypass`` for what is not looked for."""
CACHE_SIMILARITY_HEADER = "x-gateway-cache-similarity"
CACHE_AGE_HEADER = "x-gateway-cache-age"
"""Of a hit: the cosine, 1.0000 for the same question, and whole seconds."""

ESTIMATE_HEADER = "x-gateway-estimate"
"""Response header of a count of tokens that the gateway made itself: ``true``."""

MESSAGES_PATH = r"/v1/messages([/?].*)?"
"""A regular expression for the paths on which errors are Anthropic's, whoever makes them."""

MODELS_PATH = r"/v1/models([/?].*)?"
VERSION_HEADER = "anthropic-version"
"""The paths on which both kinds of clients look for models, and the header by which Anthropic's are known there."""

DENY_CLUSTER = "deny"
"""The default group's cluster, without endpoints: what admission did not decide gets 503."""

EXTPROC_CLUSTER = "extproc"
"""The workers' Unix sockets; doors admission and delivery."""

JOURNAL_CLUSTER = "extproc_journal"
"""The same sockets for Envoy's access logger, with limits of its own."""

DEPLOYMENT_CLUSTER_PREFIX = "deployment."
"""``deployment.<name>``: no deployment can be named like a cluster of ours."""

LOG_EXCHANGE = "exchange"
LOG_ATTEMPT = "attempt"
"""The two kinds of journal records (attribute ``kind``)."""

WORKER_SOCKET = "worker-{index}.sock"
"""File name of a worker's socket in the run directory."""
