"""What a request's headers say before its body is there: whether it can be read, and what of them may travel on."""

from extproc.exchange.events import RequestHead
from extproc.model.plan import Headers
from extproc.model.refusals import UNSUPPORTED_CONTENT_ENCODING, UNSUPPORTED_CONTENT_TYPE, Refusal

# What of the client's request may travel on. Everything else is removed: an application's internal headers are none
# of a provider's business. Envoy's own stay until the attempt rewrite removes them; x-request-id is ours and stays.
_KEPT = frozenset({"content-type", "content-length", "transfer-encoding", "accept", "host", "x-request-id"})
_KEPT_PREFIXES = (":", "x-envoy-", "x-forwarded-")

_BLANKS = " \t"
"""RFC 9110, 5.6.3. Python's own idea of white space has a no-break space in it, which others take for a letter."""

_DEFERRABLE_BYTES = 64 * 1024
"""An HTTP/2 client may still be sending: above this, a refusal waits for the body. A reply that comes while ten
megabytes are in flight is a stream error to some clients."""


def value_of(headers: Headers, name: str) -> str:
    """The first header of this name; empty: there is none."""
    return next((value for key, value in headers if key == name), "")


def check_content(headers: Headers) -> None:
    """Judge how the body is written.

    Raises:
        Refusal: UNSUPPORTED_CONTENT_TYPE, UNSUPPORTED_CONTENT_ENCODING.
    """
    encodings = {value.strip(_BLANKS).lower() for name, value in headers if name == "content-encoding"}
    if not encodings <= {"", "identity"}:
        raise Refusal(UNSUPPORTED_CONTENT_ENCODING)
    kinds = [value for name, value in headers if name == "content-type"]
    media, _, parameters = (kinds[0] if len(kinds) == 1 else "").partition(";")
    charset = parameters.strip(_BLANKS).lower().replace('"', "")
    if media.strip(_BLANKS).lower() != "application/json" or charset not in {"", "charset=utf-8", "charset=utf8"}:
        raise Refusal(UNSUPPORTED_CONTENT_TYPE)


def must_defer(head: RequestHead) -> bool:
    """Whether a refusal has to wait for the body."""
    if head.is_end or not head.protocol.startswith("HTTP/2"):
        return False
    length = value_of(head.headers, "content-length")
    return not length.isascii() or not length.isdigit() or int(length) > _DEFERRABLE_BYTES


def removed_of(headers: Headers) -> tuple[str, ...]:
    """Which headers do not travel on."""
    return tuple(
        dict.fromkeys(name for name, _ in headers if name not in _KEPT and not name.startswith(_KEPT_PREFIXES))
    )
