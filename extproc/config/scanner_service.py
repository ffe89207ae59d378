"""The file of a scanner service: which scanners it hosts, each with a model from a local directory.

    scanners:
      injection: {kind: llm_guard, scanner: PromptInjection, directory: models/injection}
      names: {kind: presidio, directory: models/en_core_web_sm, entities: [PERSON, LOCATION]}

Relative directories begin where the file is.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from extproc.config.document import read
from extproc.config.problems import Problem, spell

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


class ScannerFileInvalid(ValueError):  # noqa: N818 - reads as a claim
    """The file cannot be used; the message has every problem."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class LlmGuardSection(_Section):
    """A scanner of LLM Guard; see ``hosted_llm_guard``."""

    kind: Literal["llm_guard"]
    scanner: Literal["PromptInjection", "Toxicity", "BanTopics", "Gibberish", "BanCode"]
    directory: str
    threshold: Annotated[float, Field(gt=0, lt=1, strict=False)] = 0.5
    topics: list[str] = []
    window_tokens: Annotated[int, Field(ge=48, le=8192)] = 512
    overlap_tokens: Annotated[int, Field(ge=0, le=1024)] = 64


class PresidioSection(_Section):
    """Names by a spaCy pipeline; see ``hosted_presidio``."""

    kind: Literal["presidio"]
    directory: str
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] = "en"
    entities: Annotated[list[str], Field(min_length=1)] = ["PERSON"]


class ScannerServiceSection(_Section):
    """The whole file."""

    scanners: Annotated[
        dict[Name, Annotated[LlmGuardSection | PresidioSection, Field(discriminator="kind")]], Field(min_length=1)
    ]
    threads: Annotated[int, Field(ge=1, le=256)] = 2
    """Scans at once, of all organisations."""
    most_waiting: Annotated[int, Field(ge=1, le=10_000)] = 64
    """Of one organisation."""
    most_characters: Annotated[int, Field(ge=1000, le=16_000_000)] = 1_000_000
    """Of one question."""
    stuck_s: Annotated[float, Field(gt=0, le=3600, strict=False)] = 60.0
    """A scan that takes longer ends the service, for whoever started it to start it again."""


def load_scanner_service(path: Path) -> ScannerServiceSection:
    """The file's content.

    Raises:
        ScannerFileInvalid: it cannot be used.
    """
    try:
        document = read(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ScannerFileInvalid(f"{path} cannot be read: {type(error).__name__}") from None
    section: ScannerServiceSection | None = None
    problems = list(document.problems)
    if not problems:
        try:
            section = ScannerServiceSection.model_validate(document.tree)
        except ValidationError as error:
            problems = [
                Problem(spell(each["loc"]), each["msg"], "", document.line_of(each["loc"])) for each in error.errors()
            ]
    if section is None:
        raise ScannerFileInvalid("\n".join([f"{path}:", *(f"  {problem}".rstrip() for problem in problems)]))
    return section
