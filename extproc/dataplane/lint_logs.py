"""What may be in an access log: operators on a list, and where they take a name, harmless names. See ``lint``."""

import json
import re
from collections.abc import Iterator

from extproc.dataplane.tree import Place, Violation, items, texts
from extproc.model import seams

_LOG_KEYS = ("access_log", "upstream_log")
_COALESCE = re.compile(r"%COALESCE\((\{.*?\})\)%")
_OPERATOR = re.compile(r"%([A-Za-z_0-9]+)(?:\(([^)]*)\))?(?::[0-9]+)?%")
_HARMLESS = frozenset(
    {
        "BYTES_RECEIVED",
        "BYTES_SENT",
        "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
        "DURATION",
        "PROTOCOL",
        "RESPONSE_CODE",
        "RESPONSE_CODE_DETAILS",
        "RESPONSE_FLAGS",
        "START_TIME",
        "STREAM_ID",
        "UPSTREAM_CLUSTER",
        "UPSTREAM_HOST",
        "UPSTREAM_REQUEST_ATTEMPT_COUNT",
        "UPSTREAM_TRANSPORT_FAILURE_REASON",
    }
)
_HEADERS = frozenset({"x-request-id", ":method", "retry-after"})
_NAMESPACES = frozenset({seams.NAMESPACE_CONTEXT})


def log_contents(place: Place) -> Iterator[Violation]:
    """What the logs of one message say that they must not."""
    for log in (log for key in _LOG_KEYS for log in items(place.message.get(key))):
        for template in texts(log):
            for complaint in _judge(template):
                yield place.breaks(f"the log has {complaint}")


def _judge(template: str) -> Iterator[str]:
    plain = _COALESCE.sub(lambda match: _spell_out(match[1]), template)
    for name, argument in _OPERATOR.findall(plain):
        if name == "DYNAMIC_METADATA":
            namespace = argument.partition(":")[0]
            if namespace not in _NAMESPACES:
                yield f"metadata of {namespace or 'every namespace'}"
        elif name in {"REQ", "RESP"}:
            if argument.lower() not in _HEADERS:
                yield f"the header {argument}: it may hold a key or a prompt"
        elif name not in _HARMLESS:
            yield f"%{name}%, which is not on the list of operators that give nothing away"
    if "%" in _OPERATOR.sub("", plain):
        yield f"something that cannot be read: {template}"


def _spell_out(operators: str) -> str:
    """``COALESCE`` takes other operators as JSON: the same ones in their usual form, or what cannot be read."""
    try:
        listed = json.loads(operators)["operators"]
        return "".join(
            f"%{each}%" if isinstance(each, str) else f"%{each['command']}({each.get('param', '')})%" for each in listed
        )
    except (ValueError, KeyError, TypeError):
        return "%"
