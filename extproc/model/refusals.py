"""Every way the gateway says no.

    Refusal               safe to show to the caller: code, HTTP status, message
    Unavailable           a dependency did not answer; raised by adapters, turned into a Refusal in one place

Anything else that escapes is a bug. A code is stable: applications may depend on it, and docs list it. Source of the
body's shape: OpenAI API reference, "Errors".
"""

from dataclasses import dataclass, field
from typing import Literal

ErrorType = Literal[
    "invalid_request_error",
    "authentication_error",
    "permission_error",
    "not_found_error",
    "rate_limit_error",
    "server_error",
]


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table of refusals."""

    code: str
    status: int
    type: ErrorType
    message: str


def _bad(code: str, message: str, status: int = 400) -> Kind:
    return Kind(code, status, "invalid_request_error", message)


UNKNOWN_PATH = Kind("unknown_path", 404, "not_found_error", "There is nothing at this path.")
METHOD_NOT_ALLOWED = _bad("method_not_allowed", "This path does not take this method.", 405)
UNSUPPORTED_CONTENT_TYPE = _bad("unsupported_content_type", "Send the body as application/json.", 415)
UNSUPPORTED_CONTENT_ENCODING = _bad("unsupported_content_encoding", "Send the body without content-encoding.", 415)
UNKNOWN_HOST = _bad("unknown_host", "This gateway does not serve that host.", 421)

MISSING_CREDENTIALS = Kind("missing_credentials", 401, "authentication_error", "Send a key: Authorization: Bearer gk_…")
INVALID_API_KEY = Kind("invalid_api_key", 401, "authentication_error", "The key is not valid.")
AMBIGUOUS_CREDENTIALS = _bad("ambiguous_credentials", "Send one credential; the request carries several.")
CREDENTIAL_IN_QUERY = _bad("credential_in_query", "Send the key in a header, never in the URL. Treat it as leaked.")

INVALID_JSON = _bad("invalid_json", "The body is not valid JSON.")
DUPLICATE_KEY = _bad("duplicate_key", "An object in the body has the same key twice.")
TOO_COMPLEX = _bad("too_complex", "The body is nested too deeply or has too many values.")
INVALID_REQUEST = _bad("invalid_request", "The request is not valid.")
FORBIDDEN_FIELD = _bad("forbidden_field", "The request names a field that only the gateway may set.")
REQUEST_TOO_LARGE = _bad("request_too_large", "The body is larger than the gateway takes.", 413)
REQUEST_TIMEOUT = _bad("request_timeout", "The request took too long to arrive.", 408)
CONTEXT_LENGTH_EXCEEDED = _bad("context_length_exceeded", "The input is too long for the model.")
CONTENT_FILTER = _bad("content_filter", "The provider's content filter stopped the prompt.")
CONTENT_BLOCKED = _bad("content_blocked", "The request has content that policy does not let through.")
COMPLETION_BLOCKED = _bad("completion_blocked", "The answer had content that policy does not let through.")
MODEL_NOT_FOUND = Kind(
    "model_not_found", 404, "not_found_error", "The model does not exist or this key may not use it."
)
OPERATION_NOT_SUPPORTED = _bad("operation_not_supported", "The model does not serve this operation.")
DATA_BOUNDARY = Kind(
    "data_boundary", 403, "permission_error", "No deployment of the model is inside the data boundary of this key."
)

MODEL_WITHOUT_PRICE = _bad("model_without_price", "The model has no price, and a hard budget is for this key.")
RATE_LIMIT_EXCEEDED = Kind("rate_limit_exceeded", 429, "rate_limit_error", "A rate limit of this key is reached.")
INSUFFICIENT_QUOTA = Kind("insufficient_quota", 429, "rate_limit_error", "A budget of this key is exhausted.")

SCANNER_UNAVAILABLE = Kind("scanner_unavailable", 503, "server_error", "A scanner of the policy did not answer.")
DEPENDENCY_UNAVAILABLE = Kind("dependency_unavailable", 503, "server_error", "The gateway cannot decide right now.")
GATEWAY_UNAVAILABLE = Kind("gateway_unavailable", 503, "server_error", "The gateway cannot decide right now.")
INTERNAL_ERROR = Kind("internal_error", 500, "server_error", "The gateway failed; nothing was sent.")

NOT_CACHED = Kind("not_cached", 504, "server_error", "There is no remembered answer, and only one was asked for.")

UPSTREAM_UNAVAILABLE = Kind("upstream_unavailable", 503, "server_error", "No deployment could be reached.")
UPSTREAM_TIMEOUT = Kind("upstream_timeout", 504, "server_error", "The provider did not answer in time.")
UPSTREAM_ERROR = Kind("upstream_error", 502, "server_error", "The provider failed.")
UPSTREAM_INVALID = Kind("upstream_invalid_response", 502, "server_error", "The provider's answer could not be read.")
UPSTREAM_TOO_LARGE = Kind("upstream_response_too_large", 502, "server_error", "The provider's answer is too large.")
UPSTREAM_REJECTED = Kind("upstream_rejected", 502, "server_error", "The provider rejected the gateway's request.")
UPSTREAM_RATE_LIMITED = Kind("upstream_rate_limited", 429, "rate_limit_error", "The provider is limiting requests.")


@dataclass(slots=True, eq=False)
class Refusal(Exception):  # noqa: N818 - DESIGN's word; it is not an error of ours
    """A no that the caller may read.

    ``message`` replaces the kind's own where more can be said safely; ``param`` names the offending field;
    ``headers`` go with the reply (``allow``, ``retry-after``).
    """

    kind: Kind
    message: str = ""
    param: str | None = None
    headers: tuple[tuple[str, str], ...] = field(default=())

    def __str__(self) -> str:
        return f"{self.kind.code}: {self.message or self.kind.message}"


@dataclass(slots=True, eq=False)
class Unavailable(Exception):  # noqa: N818 - same
    """A dependency did not answer, or not in time. ``dependency`` is its stable name, such as ``postgres``."""

    dependency: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.dependency} unavailable: {self.reason}"
