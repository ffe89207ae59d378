"""A model request as the gateway judged it, independent of who asked in which dialect."""

from collections.abc import Mapping
from dataclasses import dataclass

from extproc.model.catalog import Operation

Json = Mapping[str, object]
"""A parsed JSON object: no duplicate keys, no non-finite numbers, bounded depth, valid Unicode."""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What the client asked of a model."""

    operation: Operation
    model: str
    """As the client wrote it; not yet known to exist."""
    is_stream: bool
    wants_usage: bool
    """Whether the client itself asked for the usage chunk of a stream."""
    payload: Json
    """The whole body, in the OpenAI dialect, with the fields we do not know."""
    surface: str = "openai"
    """The dialect in which the client asked and is answered; see ``dialects.surface``."""
