"""Tags that a request carries beside its key's: what it is for, so that reports can tell features of one key apart.

    x-request-tags: feature=search, batch        a header, with every client
    metadata: {"gateway_tags": "feature=search"}  in the body, for clients that cannot set headers

Neither is sent on: the header stays at the gateway as all that are not a provider's, and the entry is taken out of
``metadata``, whose others are the provider's as ever. The key's tags are always there, and its word stays: what it says
of ``feature`` no request changes. Tags decide nothing; they are in the ledger's row and in reports.
"""

import re
from collections.abc import Iterable
from dataclasses import replace

from extproc.model.chat import ModelRequest
from extproc.model.plan import Headers
from extproc.model.refusals import INVALID_REQUEST, Refusal

HEADER = "x-request-tags"
ENTRY = "gateway_tags"
"""Of ``metadata``."""

MOST_TAGS = 10
"""Of one request."""
MOST_CHARS = 64
"""Of one tag."""

_TAG = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:=/@+-]{{0,{MOST_CHARS - 1}}}")
_SEPARATORS = re.compile(r"[=:]")
_MOST_TEXT = MOST_TAGS * (MOST_CHARS + 4)


def tags_in_head(headers: Headers) -> tuple[str, ...]:
    """The tags in a request's headers, in their order.

    Raises:
        Refusal: INVALID_REQUEST, they are too many, too long or no tags.
    """
    return _read(",".join(value for name, value in headers if name == HEADER), HEADER)


def take_tags(request: ModelRequest) -> tuple[ModelRequest, tuple[str, ...]]:
    """The request without the tags in its ``metadata``, and the tags.

    Raises:
        Refusal: as ``tags_in_head``.
    """
    metadata = request.payload.get("metadata")
    if not isinstance(metadata, dict) or ENTRY not in metadata:
        return request, ()
    param = f"metadata.{ENTRY}"
    text = metadata[ENTRY]
    if not isinstance(text, str):
        raise Refusal(INVALID_REQUEST, "Tags are a string: one or several, with commas between.", param)
    others = {name: value for name, value in metadata.items() if name != ENTRY}
    payload = {name: value for name, value in request.payload.items() if name != "metadata"}
    if others:
        payload["metadata"] = others
    return replace(request, payload=payload), _read(text, param)


def merge(own: tuple[str, ...], *more: Iterable[str]) -> tuple[str, ...]:
    """A key's tags, then those of the request that say nothing else of what the key's speak of, each once.

    Raises:
        Refusal: INVALID_REQUEST, header and body together have too many.
    """
    said = {name for name in map(_name, own) if name}
    asked = tuple(dict.fromkeys(tag for tags in more for tag in tags))
    if len(asked) > MOST_TAGS:
        raise Refusal(INVALID_REQUEST, f"A request has {MOST_TAGS} tags at most.", HEADER)
    return tuple(dict.fromkeys((*own, *(tag for tag in asked if _name(tag) not in said))))


def _read(text: str, param: str) -> tuple[str, ...]:
    if len(text) > _MOST_TEXT:
        raise Refusal(INVALID_REQUEST, f"Tags are {_MOST_TEXT} characters together at most.", param)
    tags = tuple(dict.fromkeys(tag for each in text.split(",") if (tag := each.strip(" \t"))))
    if len(tags) > MOST_TAGS:
        raise Refusal(INVALID_REQUEST, f"A request has {MOST_TAGS} tags at most.", param)
    if not all(map(_TAG.fullmatch, tags)):
        message = (
            f"A tag is 1 to {MOST_CHARS} of the letters A-Z and a-z, digits and . _ : = / @ + -, and begins with a "
            "letter or digit. Write commas between tags."
        )
        raise Refusal(INVALID_REQUEST, message, param)
    return tags


def _name(tag: str) -> str:
    """What a tag speaks of: ``feature`` of ``feature=search``; empty: it is a word of its own."""
    name, *value = _SEPARATORS.split(tag, maxsplit=1)
    return name if value else ""
