"""The ``Embedder`` port over somebody's ``/v1/embeddings``: one embedder for a fleet, or a provider's.

    asked     {"model": …, "input": text, "encoding_format": "float"}
    answered  {"data": [{"embedding": [number, …]}]}

Source: OpenAI API reference, "Create embeddings" (2026). Whatever is not that, or has another length, is Unavailable.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass

from extproc.adapters.scanner_http import JsonPoster
from extproc.model.cache import Vector
from extproc.model.cache_embedders import EndpointSettings
from extproc.model.secret import Secret


@dataclass(slots=True, eq=False)
class EndpointEmbedder:
    """Use from one event loop. ``read_key`` gives the credential, or raises Unavailable; None: nobody asks for one."""

    settings: EndpointSettings
    poster: JsonPoster
    read_key: Callable[[], Secret | None]

    @property
    def name(self) -> str:
        """See ``Embedder``."""
        return f"{self.settings.model}@{self.settings.revision or 'endpoint'}"

    @property
    def dimensions(self) -> int:
        """See ``Embedder``."""
        return self.settings.dimensions

    @property
    def threshold(self) -> float:
        """See ``Embedder``."""
        return self.settings.threshold

    async def embed(self, text: str) -> Vector:
        """See ``Embedder``."""
        if len(text) > self.settings.most_characters:
            return b""
        key = self.read_key()
        headers = {"content-type": "application/json"}
        if key is not None:
            headers["authorization"] = f"Bearer {key.reveal()}"
        asked = {
            "model": self.settings.model,
            # What JSON may carry and UTF-8 may not is replaced.
            "input": text.encode("utf-8", "replace").decode(),
            "encoding_format": "float",
        }
        limit_s = self.settings.limits.deadline_s
        answer = await self.poster.post(self.settings.url, headers, json.dumps(asked).encode(), limit_s)
        values = self._values(answer)
        # Not before here: who has another kind of embedder pays nothing for this one.
        from extproc.adapters.sentence_model import unit  # noqa: PLC0415

        vector = unit(values)
        if not vector:
            raise self.poster.nonsense()
        return vector

    def _values(self, answer: object) -> list[float]:
        data = answer.get("data") if isinstance(answer, dict) else None
        first = data[0] if isinstance(data, list) and len(data) == 1 else None
        values = first.get("embedding") if isinstance(first, dict) else None
        if not isinstance(values, list) or len(values) != self.settings.dimensions:
            raise self.poster.nonsense()
        if not all(isinstance(each, float | int) and math.isfinite(each) for each in values):
            raise self.poster.nonsense()
        return values
