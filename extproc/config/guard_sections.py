"""The shape of ``guard`` in ``gateway.yaml``. Part of ``schema``; ``guard`` checks it and compiles it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from extproc.config.scanner_sections import ScannerName, ScannerSection
from extproc.config.tenancy import AssignmentSection, PolicyName

OptionName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="the name of an option")]
OptionText = Annotated[str, Field(max_length=1000, description="a text")]
Marker = Annotated[str, Field(min_length=3, max_length=100, description="3 to 100 characters, such as <context>")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class CheckSection(_Section):
    """What is done about one scanner's findings."""

    action: Annotated[Literal["block", "redact", "flag", "off"], Field(description="one of block, redact, flag, off")]
    threshold: Annotated[float, Field(ge=0, le=1, strict=False, description="a score from 0 to 1")] = 0.5
    when_unavailable: Annotated[
        Literal["closed", "open"], Field(description="closed: refuse; open: serve, and record that it was not scanned")
    ] = "closed"
    limit_s: Annotated[float, Field(gt=0, le=60, strict=False, description="seconds, up to 60")] = 1.0
    options: Annotated[
        dict[OptionName, OptionText | int | float | bool | Annotated[list[OptionText], Field(max_length=10_000)]],
        Field(description="a section with the scanner's own options"),
    ] = {}


class MarkersSection(_Section):
    """What encloses retrieved context within a message."""

    begin: Marker
    end: Marker


class PolicySection(_Section):
    """What is judged, each way."""

    name: PolicyName
    extends: Annotated[PolicyName | None, Field(description="the name of a policy that this one changes")] = None
    input: Annotated[
        dict[ScannerName, CheckSection], Field(description="a section of scanners: {pii: {action: …}}")
    ] = {}
    output: Annotated[
        dict[ScannerName, CheckSection], Field(description="a section of scanners: {secrets: {action: …}}")
    ] = {}
    spotlight: Annotated[
        Literal["off", "delimit", "datamark", "encode"] | None,
        Field(description="one of off, delimit, datamark, encode"),
    ] = None
    markers: Annotated[
        list[MarkersSection] | None, Field(max_length=16, description="a list of {begin: <context>, end: </context>}")
    ] = None
    restores: Annotated[bool | None, Field(description="true: callers read their own values, not the placeholders")] = (
        None
    )


class GuardSection(_Section):
    """The firewall."""

    scanners: Annotated[list[ScannerSection], Field(max_length=100, description="a list")] = []
    default: Annotated[PolicyName | None, Field(description="the policy of whom no other is for")] = None
    policies: Annotated[list[PolicySection], Field(max_length=1000, description="a list")] = []
    tenants: Annotated[
        list[AssignmentSection], Field(max_length=100_000, description="a list of {policy, organisation, …}")
    ] = []
