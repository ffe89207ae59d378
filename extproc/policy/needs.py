"""What a request asks of whoever serves it: room, senses, skills. An estimate for routing, never for billing."""

import json

from extproc.model.chat import ModelRequest
from extproc.model.routing import Feature, Modality, Needs

_CHARS_PER_TOKEN = 4


def read_needs(request: ModelRequest) -> Needs:
    """The needs of a judged request."""
    payload = request.payload
    features = {Feature.TOOLS} if payload.get("tools") else set()
    return Needs(
        input_tokens=len(json.dumps(payload, default=str)) // _CHARS_PER_TOKEN,
        output_tokens=None,
        modalities=frozenset({Modality.TEXT}),
        features=frozenset(features),
    )
