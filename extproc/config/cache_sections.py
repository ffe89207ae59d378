"""The shape of ``cache`` in ``gateway.yaml``. Part of ``schema``; ``cache`` checks it and compiles it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from extproc.config.scanner_sections import ScannerCredentialSection
from extproc.config.tenancy import AssignmentSection, PolicyName

_Share = Annotated[float, Field(ge=0, le=1, strict=False, description="a share, such as 0.02")]
_Cosine = Annotated[float, Field(ge=0, le=1, strict=False, description="a cosine, such as 0.85")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class LocalModelSection(_Section):
    """A sentence model in a local directory: config.json, tokenizer.json and model.onnx."""

    directory: Annotated[str, Field(pattern=r"^/[^\x00]{1,1000}$", description="an absolute path")]
    threshold: _Cosine


class EndpointSection(_Section):
    """An OpenAI-compatible ``/embeddings``."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s]{1,500}$", description="a URL that ends in /embeddings")]
    model: Annotated[str, Field(min_length=1, max_length=200, description="the model's name there")]
    dimensions: Annotated[int, Field(ge=1, le=16_384, description="how many numbers a vector has")]
    threshold: _Cosine
    credential: Annotated[ScannerCredentialSection | None, Field(description="path and field, or null")] = None


class SentenceTransformersSection(_Section):
    """Any model of the sentence-transformers library, by its path; needs the extra of that name."""

    directory: Annotated[str, Field(pattern=r"^/[^\x00]{1,1000}$", description="an absolute path")]
    threshold: _Cosine


class EmbedderSection(_Section):
    """What makes vectors; nothing said: the small model that comes with the gateway."""

    onnx: Annotated[LocalModelSection | None, Field(description="directory and threshold")] = None
    endpoint: Annotated[EndpointSection | None, Field(description="url, model, dimensions and threshold")] = None
    sentence_transformers: Annotated[
        SentenceTransformersSection | None, Field(description="directory and threshold")
    ] = None


class CachePolicySection(_Section):
    """What is remembered."""

    name: PolicyName
    exact: Annotated[bool, Field(description="true: the same request has the same answer")] = True
    semantic: Annotated[bool, Field(description="true: so has one that asks the same in other words")] = False
    scope: Annotated[
        Literal["project", "team", "user"], Field(description="one of project, team, user: who shares answers")
    ] = "project"
    ttl_s: Annotated[float, Field(gt=0, le=31 * 86_400, strict=False, description="seconds, up to 31 days")] = 86_400.0
    threshold: Annotated[_Cosine | None, Field(description="a cosine; null: as the model was calibrated")] = None
    shadow_share: _Share = 0.0
    waits: Annotated[bool, Field(description="true: identical misses wait for one call")] = True
    counts_requests: Annotated[bool, Field(description="true: a hit counts against limits on requests")] = True
    max_entries: Annotated[int, Field(ge=1, le=10_000_000, description="a number of entries")] = 100_000


class CacheSection(_Section):
    """The semantic cache."""

    embedder: EmbedderSection = EmbedderSection()
    default: Annotated[PolicyName | None, Field(description="the policy of whom no other is for")] = None
    policies: Annotated[list[CachePolicySection], Field(max_length=1000, description="a list")] = []
    tenants: Annotated[
        list[AssignmentSection], Field(max_length=100_000, description="a list of {policy, organisation, …}")
    ] = []
