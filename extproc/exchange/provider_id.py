"""What a provider calls an attempt: the name under which its own records and its invoice's details have it."""

import re

from extproc.model.plan import Headers

# Anthropic; AWS; Azure; OpenAI and most who speak its dialect. Vertex sends none.
_HEADERS = ("request-id", "x-amzn-requestid", "apim-request-id", "x-request-id")
_ID = re.compile(r"[!-~]{1,200}")


def read_provider_id(headers: Headers, ours: str) -> str:
    """The first of the known headers that holds one word; empty where there is none, or it is ours sent back."""
    given = dict(headers)
    found = (given.get(name, "") for name in _HEADERS)
    return next((id_ for id_ in found if _ID.fullmatch(id_) and id_ != ours), "")
