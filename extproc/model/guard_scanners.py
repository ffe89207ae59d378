"""What each kind of scanner beside the rules is told: one value a kind, compiled from ``scanners`` of ``gateway.yaml``.

A scanner's findings have kinds that begin with the name it was declared by: ``jailbreak.injection``. Limits of a
provider's API are not settings: each adapter knows those of its own.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from extproc.model.catalog import CredentialRef
from extproc.model.guard import Trust

WORDS_OF_OTHERS = (Trust.USER, Trust.HOSTILE, Trust.DECLARED, Trust.MODEL)
"""Everything but the application's own instructions, which look like an attack to most classifiers."""


@dataclass(frozen=True, slots=True)
class ScannerLimits:
    """What a scanner gives each organisation, and when it is given a rest."""

    most_running: int = 8
    """Questions of one organisation under way."""
    most_waiting: int = 32
    """Questions of one organisation that wait for their turn; more are refused."""
    failures: int = 3
    """In a row, after which the organisation asks no more for a while."""
    rest_s: float = 1.0
    """The first while; each further failure doubles it."""
    most_rest_s: float = 30.0


@dataclass(frozen=True, slots=True)
class OnnxSettings:
    """A sequence classifier in a local directory: ``config.json``, ``tokenizer.json`` and the model."""

    directory: Path
    labels: tuple[tuple[str, str], ...]
    """Which labels of ``id2label`` are findings, and what each is called: ``("INJECTION", "injection")``."""
    file: str = "model.onnx"
    trusts: tuple[Trust, ...] = WORDS_OF_OTHERS
    activation: Literal["softmax", "sigmoid"] | None = None
    """How its scores become probabilities; None: as ``config.json`` says."""
    window_tokens: int | None = None
    """How much it reads at once, special tokens included; None: as much as the model can, up to 512."""
    overlap_tokens: int = 64
    """What two windows of a long text share."""
    most_characters: int = 200_000
    """Of one question. Longer ones have no answer: they are never cut."""
    batch_tokens: int = 4096
    """Windows of several questions are judged together, up to so many tokens."""
    batch_wait_s: float = 0.002
    """How long a window waits for others."""
    threads: int = 1
    """Of the runtime, within one batch."""
    least_score: float = 0.05
    """What is less likely than this is not told."""
    limits: ScannerLimits = ScannerLimits()


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """A scanner of a scanner service (``extproc scanner serve``)."""

    address: str
    """``host:port``, or ``unix:/path``."""
    scanner: str
    """The name that the service's own file gives it."""
    ca_file: Path | None = None
    """PEM bundle that signs the service's certificate; None: in the clear, for the same host or network policy."""
    trusts: tuple[Trust, ...] = WORDS_OF_OTHERS
    limits: ScannerLimits = ScannerLimits()


@dataclass(frozen=True, slots=True)
class LakeraSettings:
    """Lakera Guard, version 2."""

    credential: CredentialRef
    url: str = "https://api.lakera.ai/v2/guard"
    project: str | None = None
    """Whose policy is applied; None: the account's."""
    trusts: tuple[Trust, ...] = WORDS_OF_OTHERS
    limits: ScannerLimits = ScannerLimits()


@dataclass(frozen=True, slots=True)
class AzureShieldsSettings:
    """Azure AI Content Safety, Prompt Shields."""

    credential: CredentialRef
    """A key of the resource."""
    endpoint: str
    """``https://<resource>.cognitiveservices.azure.com``."""
    trusts: tuple[Trust, ...] = WORDS_OF_OTHERS
    limits: ScannerLimits = ScannerLimits()


@dataclass(frozen=True, slots=True)
class BedrockSettings:
    """A guardrail of Amazon Bedrock, applied without a model."""

    access_key_id: CredentialRef
    secret_access_key: CredentialRef
    region: str
    guardrail: str
    """Its id, or its ARN."""
    version: str = "DRAFT"
    session_token: CredentialRef | None = None
    """Of temporary keys; optional in its source."""
    endpoint: str | None = None
    """None: AWS's own for the region."""
    trusts: tuple[Trust, ...] = WORDS_OF_OTHERS
    limits: ScannerLimits = ScannerLimits()


@dataclass(frozen=True, slots=True)
class GroundedSettings:
    """Whether an answer is borne out by the context it was given, by the words they share."""

    least_overlap: float = 0.5
    """Of a sentence's content words, how many the context must have."""
    checks_numbers: bool = True
    """Whether each number of a sentence must be in the context."""
    least_words: int = 4
    """Sentences with fewer content words are not judged."""
    limits: ScannerLimits = ScannerLimits()


@dataclass(frozen=True, slots=True)
class EntailedSettings:
    """Whether an answer follows from the context it was given, by a cross-encoder in a local directory."""

    directory: Path
    """As of ``OnnxSettings``; it reads pairs of context and claim."""
    label: str = "entailment"
    """What ``id2label`` calls a claim that follows."""
    file: str = "model.onnx"
    window_tokens: int | None = None
    overlap_tokens: int = 64
    most_windows: int = 256
    """Of one question: sentences times parts of the context. More have no answer."""
    threads: int = 1
    limits: ScannerLimits = ScannerLimits()


ScannerSettings = (
    OnnxSettings
    | ServiceSettings
    | LakeraSettings
    | AzureShieldsSettings
    | BedrockSettings
    | GroundedSettings
    | EntailedSettings
)


def credentials_of(settings: ScannerSettings) -> tuple[CredentialRef, ...]:
    """Everything of the vault that the scanner needs."""
    match settings:
        case LakeraSettings() | AzureShieldsSettings():
            return (settings.credential,)
        case BedrockSettings(session_token=None):
            return (settings.access_key_id, settings.secret_access_key)
        case BedrockSettings(session_token=CredentialRef() as token):
            return (settings.access_key_id, settings.secret_access_key, token)
    return ()
