"""The shape of ``guard.scanners`` in ``gateway.yaml``: scanners that are not built in. ``scanners`` compiles them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

ScannerName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$", description="the name of a scanner")]
_Path = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9/_.-]{0,250}$", description="scanners/lakera")]
_Directory = Annotated[str, Field(pattern=r"^/[^\x00]{1,1000}$", description="an absolute path")]
_Url = Annotated[str, Field(pattern=r"^https?://[^\s]{1,500}$", description="a URL")]
_Trust = Literal["trusted", "declared", "user", "hostile", "model"]
_Share = Annotated[float, Field(ge=0, le=1, strict=False, description="a number from 0 to 1")]
_Count = Annotated[int, Field(ge=1, le=1_000_000, description="a whole number, from 1")]
_Seconds = Annotated[float, Field(gt=0, le=3600, strict=False, description="seconds")]
_Trusts = Annotated[
    list[_Trust] | None,
    Field(min_length=1, description="a list of trusted, declared, user, hostile and model"),
]
_Text = Annotated[str, Field(min_length=1, max_length=300, description="a text")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ScannerLimitsSection(_Section):
    """What it gives each organisation, and when it is given a rest."""

    most_running: _Count = 8
    most_waiting: _Count = 32
    failures: _Count = 3
    rest_s: _Seconds = 1.0
    most_rest_s: _Seconds = 30.0


class ScannerCredentialSection(_Section):
    """Where its credential lies in the vault."""

    path: Annotated[_Path | None, Field(description="a path in the KV v2 mount, such as scanners/lakera")] = None
    lease: Annotated[_Path | None, Field(description="a dynamic engine's path, such as aws/sts/guardrails")] = None
    field: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,100}$", description="the field's name")] = "api_key"


class OnnxSection(_Section):
    """A classifier in a local directory."""

    directory: _Directory
    labels: Annotated[
        dict[_Text, Annotated[str, Field(pattern=r"^[a-z0-9_]{1,60}$", description="a word, such as injection")]],
        Field(min_length=1, description="a section of the model's labels, such as {INJECTION: injection}"),
    ]
    file: _Text = "model.onnx"
    trusts: _Trusts = None
    activation: Annotated[Literal["softmax", "sigmoid"] | None, Field(description="softmax or sigmoid")] = None
    window_tokens: Annotated[_Count | None, Field(description="a number of tokens")] = None
    overlap_tokens: Annotated[int, Field(ge=0, le=100_000, description="a number of tokens")] = 64
    most_characters: _Count = 200_000
    batch_tokens: _Count = 4096
    threads: Annotated[int, Field(ge=1, le=256, description="a number of threads")] = 1


class ServiceSection(_Section):
    """A scanner of a scanner service."""

    address: _Text
    scanner: _Text
    ca_file: Annotated[_Directory | None, Field(description="an absolute path of a PEM bundle")] = None
    trusts: _Trusts = None


class LakeraSection(_Section):
    """Lakera Guard."""

    credential: ScannerCredentialSection
    url: _Url = "https://api.lakera.ai/v2/guard"
    project: Annotated[_Text | None, Field(description="a project's id")] = None
    trusts: _Trusts = None


class AzureShieldsSection(_Section):
    """Azure AI Content Safety, Prompt Shields."""

    credential: ScannerCredentialSection
    endpoint: _Url
    trusts: _Trusts = None


class BedrockGuardrailSection(_Section):
    """A guardrail of Amazon Bedrock."""

    credential: ScannerCredentialSection
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]{2,30}$", description="a region, such as eu-west-2")]
    guardrail: _Text
    version: _Text = "DRAFT"
    endpoint: Annotated[_Url | None, Field(description="a URL; null for AWS's own")] = None
    trusts: _Trusts = None


class GroundedSection(_Section):
    """Whether an answer is borne out by its context."""

    least_overlap: _Share = 0.5
    checks_numbers: Annotated[bool, Field(description="true or false")] = True
    least_words: _Count = 4


class EntailedSection(_Section):
    """Whether an answer follows from its context, by a model."""

    directory: _Directory
    label: _Text = "entailment"
    file: _Text = "model.onnx"
    window_tokens: Annotated[_Count | None, Field(description="a number of tokens")] = None
    overlap_tokens: Annotated[int, Field(ge=0, le=100_000, description="a number of tokens")] = 64
    most_windows: _Count = 256
    threads: Annotated[int, Field(ge=1, le=256, description="a number of threads")] = 1


class ScannerSection(_Section):
    """One scanner, of one kind."""

    name: ScannerName
    onnx: Annotated[OnnxSection | None, Field(description="directory and labels")] = None
    service: Annotated[ServiceSection | None, Field(description="address and scanner")] = None
    lakera: Annotated[LakeraSection | None, Field(description="credential")] = None
    azure_shields: Annotated[AzureShieldsSection | None, Field(description="credential and endpoint")] = None
    bedrock: Annotated[BedrockGuardrailSection | None, Field(description="credential, region and guardrail")] = None
    grounded: Annotated[GroundedSection | None, Field(description="least_overlap, or {}")] = None
    entailed: Annotated[EntailedSection | None, Field(description="directory")] = None
    limits: ScannerLimitsSection = ScannerLimitsSection()
