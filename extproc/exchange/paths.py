"""Which paths and methods the gateway serves: an exact list, nothing inferred."""

import re

from extproc.model.catalog import Operation
from extproc.model.refusals import METHOD_NOT_ALLOWED, UNKNOWN_PATH, Refusal

_EXACT = {
    "/v1/chat/completions": ("POST", Operation.CHAT),
    "/v1/messages": ("POST", Operation.CHAT),
    "/v1/messages/count_tokens": ("POST", Operation.COUNT_TOKENS),
    "/v1/embeddings": ("POST", Operation.EMBEDDINGS),
    "/v1/models": ("GET", Operation.LIST_MODELS),
}
_MODEL = re.compile(r"/v1/models/(?P<name>[A-Za-z0-9][A-Za-z0-9._:/-]{0,254})", re.ASCII)


def read_path(method: str, path: str) -> tuple[Operation, str, str]:
    """The operation, the model named in the path (or empty) and the query string.

    Raises:
        Refusal: UNKNOWN_PATH, or METHOD_NOT_ALLOWED with the ``allow`` header.
    """
    route, _, query = path.partition("?")
    found = _EXACT.get(route)
    name = ""
    if found is None:
        match = _MODEL.fullmatch(route)
        if match is None:
            raise Refusal(UNKNOWN_PATH)
        found = ("GET", Operation.SHOW_MODEL)
        name = match["name"]
    allowed, operation = found
    if method != allowed:
        raise Refusal(METHOD_NOT_ALLOWED, headers=(("allow", allowed),))
    return operation, name, query
