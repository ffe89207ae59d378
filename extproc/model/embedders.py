"""What makes vectors, as ``cache.embedder`` of ``gateway.yaml`` says: one value a kind.

``threshold`` is the cosine from which two texts may mean the same.
"""

from dataclasses import dataclass
from pathlib import Path

from extproc.model.catalog import CredentialRef


@dataclass(frozen=True, slots=True)
class BuiltInModel:
    """The small model that comes with the gateway, as it was calibrated."""


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A sentence model in a local directory: ``config.json``, ``tokenizer.json`` and ``model.onnx``."""

    directory: Path
    threshold: float


@dataclass(frozen=True, slots=True)
class EndpointModel:
    """An OpenAI-compatible ``/embeddings``."""

    url: str
    model: str
    dimensions: int
    threshold: float
    credential: CredentialRef | None
    """None: it takes none."""


@dataclass(frozen=True, slots=True)
class SentenceTransformersModel:
    """Any model of the sentence-transformers library, by its path."""

    directory: Path
    threshold: float


EmbedderSettings = BuiltInModel | LocalModel | EndpointModel | SentenceTransformersModel
