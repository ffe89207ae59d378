"""What can be said of an embedder: where its model is, and how long may be waited for it."""

from dataclasses import dataclass, field
from pathlib import Path

from extproc.model.catalog import CredentialRef


@dataclass(frozen=True, slots=True)
class EmbedderLimits:
    """How much may wait, and how long."""

    deadline_s: float = 0.5
    """From being asked to the vector; beyond it the lookup is a miss."""
    most_waiting: int = 64
    """Texts that are not yet being read; one more is Unavailable."""


@dataclass(frozen=True, slots=True)
class MiniLmSettings:
    """all-MiniLM-L6-v2 with int8 weights, which the gateway brings."""

    threshold: float | None = None
    """None: the provisional ``bootstrap_cache_parts.MINILM_THRESHOLD``."""
    threads: int = 1
    limits: EmbedderLimits = field(default_factory=EmbedderLimits)


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """A sentence encoder in a directory: ``model.onnx``, ``tokenizer.json``, and perhaps ``1_Pooling/config.json``."""

    directory: Path
    file: str = "model.onnx"
    most_tokens: int = 128
    threshold: float | None = None
    """None: as ``calibration.json`` beside the model says."""
    threads: int = 1
    limits: EmbedderLimits = field(default_factory=EmbedderLimits)


@dataclass(frozen=True, slots=True)
class SentenceSettings:
    """Whatever ``sentence-transformers`` loads from a directory; needs the extra of that name."""

    directory: Path
    threshold: float | None = None
    threads: int = 1
    limits: EmbedderLimits = field(default_factory=EmbedderLimits)


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """Somebody's ``/v1/embeddings``, in OpenAI's form."""

    url: str
    """Whole, ending in ``/embeddings``."""
    model: str
    dimensions: int
    threshold: float
    revision: str = ""
    """Of the model, as its operator calls it. Another one is another embedder: nothing else tells them apart."""
    credential: CredentialRef | None = None
    most_characters: int = 8_000
    """Longer texts have no vector."""
    limits: EmbedderLimits = field(default_factory=EmbedderLimits)


EmbedderSettings = MiniLmSettings | LocalSettings | SentenceSettings | EndpointSettings
