"""What ``guard.scanners`` must agree on, and what it compiles to: by name, the settings of each.

check_scanners(document, guard)    reports what is wrong, and gives the names that policies may use
compile_scanners(sections)
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from extproc.config.document import Document
from extproc.config.routing import Section, entries
from extproc.config.scanner_sections import ScannerCredentialSection, ScannerSection
from extproc.model.catalog import CredentialRef
from extproc.model.credentials import Engine
from extproc.model.guard import Trust
from extproc.model.guard_policy import BUILTIN
from extproc.model.guard_scanners import (
    WORDS_OF_OTHERS,
    AzureShieldsSettings,
    BedrockSettings,
    EntailedSettings,
    GroundedSettings,
    LakeraSettings,
    OnnxSettings,
    ScannerLimits,
    ScannerSettings,
    ServiceSettings,
)

KINDS = ("onnx", "service", "lakera", "azure_shields", "bedrock", "grounded", "entailed")


def check_scanners(document: Document, guard: Section) -> frozenset[str]:
    """Report everything that is wrong between the keys of ``scanners``; the names that are declared."""
    names: set[str] = set()
    for place, scanner in entries(guard, "scanners"):
        location = ("guard", *place)
        given = [kind for kind in KINDS if scanner.get(kind) is not None]
        if len(given) != 1:
            document.report(location, "it is of one kind", f"Write exactly one of {', '.join(KINDS)}.")
        credential = scanner.get(given[0]) if given else None
        found = credential.get("credential") if isinstance(credential, dict) else None
        if isinstance(found, dict) and (found.get("path") is None) == (found.get("lease") is None):
            document.report((*location, given[0], "credential"), "it comes from one place", "Write path, or lease.")
        name = scanner.get("name")
        if not isinstance(name, str):
            continue
        if name in names:
            document.report((*location, "name"), f"{name!r} is already taken", "Keep one of the two.")
        if name in BUILTIN:
            document.report((*location, "name"), f"{name!r} is a built-in scanner", "Choose another name.")
        names.add(name)
    return frozenset(names)


def compile_scanners(sections: list[ScannerSection]) -> Mapping[str, ScannerSettings]:
    """By name. Total for what passed the checks."""
    return MappingProxyType({section.name: _settings(section) for section in sections})


def _settings(section: ScannerSection) -> ScannerSettings:
    limits = ScannerLimits(**section.limits.model_dump())
    if (onnx := section.onnx) is not None:
        return OnnxSettings(
            directory=Path(onnx.directory),
            labels=tuple(sorted(onnx.labels.items())),
            file=onnx.file,
            trusts=_trusts(onnx.trusts),
            activation=onnx.activation,
            window_tokens=onnx.window_tokens,
            overlap_tokens=onnx.overlap_tokens,
            most_characters=onnx.most_characters,
            batch_tokens=onnx.batch_tokens,
            threads=onnx.threads,
            limits=limits,
        )
    if (service := section.service) is not None:
        ca_file = None if service.ca_file is None else Path(service.ca_file)
        return ServiceSettings(service.address, service.scanner, ca_file, _trusts(service.trusts), limits)
    if (lakera := section.lakera) is not None:
        return LakeraSettings(ref_of(lakera.credential), lakera.url, lakera.project, _trusts(lakera.trusts), limits)
    if (azure := section.azure_shields) is not None:
        return AzureShieldsSettings(ref_of(azure.credential), azure.endpoint, _trusts(azure.trusts), limits)
    if (bedrock := section.bedrock) is not None:
        ref = ref_of(bedrock.credential)
        return BedrockSettings(
            access_key_id=replace(ref, field="access_key_id"),
            secret_access_key=replace(ref, field="secret_access_key"),
            region=bedrock.region,
            guardrail=bedrock.guardrail,
            version=bedrock.version,
            session_token=replace(ref, field="session_token", is_optional=True),
            endpoint=bedrock.endpoint,
            trusts=_trusts(bedrock.trusts),
            limits=limits,
        )
    return _context_settings(section, limits)


def _context_settings(section: ScannerSection, limits: ScannerLimits) -> ScannerSettings:
    """Of those that hold an answer against its context."""
    if (entailed := section.entailed) is not None:
        return EntailedSettings(
            directory=Path(entailed.directory),
            label=entailed.label,
            file=entailed.file,
            window_tokens=entailed.window_tokens,
            overlap_tokens=entailed.overlap_tokens,
            most_windows=entailed.most_windows,
            threads=entailed.threads,
            limits=limits,
        )
    grounded = section.grounded
    if grounded is None:
        raise AssertionError("a scanner of no kind passed the checks")
    return GroundedSettings(grounded.least_overlap, grounded.checks_numbers, grounded.least_words, limits)


def _trusts(names: Sequence[str] | None) -> tuple[Trust, ...]:
    return WORDS_OF_OTHERS if names is None else tuple(map(Trust, names))


def ref_of(section: ScannerCredentialSection) -> CredentialRef:
    """Where it lies in the vault."""
    engine = Engine.KV if section.lease is None else Engine.LEASE
    return CredentialRef(section.path or section.lease or "", section.field, engine)
