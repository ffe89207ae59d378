"""Scanners that are not built in mean what gateway.yaml says, and what is wrong with them is said at once."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from extproc.config.gateway import GatewayInvalid, parse
from extproc.model.catalog import CredentialRef
from extproc.model.credentials import Engine
from extproc.model.guard import Trust
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

_BASE = """
deployments:
  - {name: a, base_url: "http://127.0.0.1:8000", upstream_model: m-1}
models:
  - {name: m, deployments: [a]}
guard:
  scanners:
"""


def _scanners(*entries: str) -> Mapping[str, ScannerSettings]:
    return parse(_BASE + "".join(f"    - {{{entry}}}\n" for entry in entries), "test").scanners


def _problems(*entries: str) -> list[tuple[str, str]]:
    with pytest.raises(GatewayInvalid) as raised:
        _scanners(*entries)
    return [(problem.path, problem.message) for problem in raised.value.problems]


@pytest.mark.parametrize(
    ("entry", "settings"),
    [
        (
            "onnx: {directory: /models/guard, labels: {INJECTION: injection}, trusts: [user, hostile]}",
            OnnxSettings(Path("/models/guard"), (("INJECTION", "injection"),), trusts=(Trust.USER, Trust.HOSTILE)),
        ),
        ('service: {address: "scanner:9000", scanner: toxicity}', ServiceSettings("scanner:9000", "toxicity")),
        (
            "lakera: {credential: {path: scanners/lakera}}",
            LakeraSettings(CredentialRef("scanners/lakera", "api_key")),
        ),
        (
            'azure_shields: {credential: {path: scanners/azure, field: key}, endpoint: "https://x.example.com"}',
            AzureShieldsSettings(CredentialRef("scanners/azure", "key"), "https://x.example.com"),
        ),
        (
            "bedrock: {credential: {lease: aws/sts/guard}, region: eu-west-2, guardrail: g1}",
            BedrockSettings(
                CredentialRef("aws/sts/guard", "access_key_id", Engine.LEASE),
                CredentialRef("aws/sts/guard", "secret_access_key", Engine.LEASE),
                "eu-west-2",
                "g1",
                session_token=CredentialRef("aws/sts/guard", "session_token", Engine.LEASE, is_optional=True),
            ),
        ),
        ("grounded: {least_overlap: 0.7}", GroundedSettings(0.7)),
        ("entailed: {directory: /models/nli}", EntailedSettings(Path("/models/nli"))),
        (
            "entailed: {directory: /models/nli, label: ENTAILMENT, most_windows: 9}",
            EntailedSettings(Path("/models/nli"), "ENTAILMENT", most_windows=9),
        ),
        ("grounded: {}, limits: {most_running: 2}", GroundedSettings(limits=ScannerLimits(most_running=2))),
    ],
)
def test_settings_mean_what_the_file_says(entry: str, settings: ScannerSettings) -> None:
    assert dict(_scanners(f"name: mine, {entry}")) == {"mine": settings}


def test_a_scanner_is_asked_about_everybodys_words_but_the_applications() -> None:
    assert Trust.TRUSTED not in WORDS_OF_OTHERS


def test_a_policy_may_name_a_declared_scanner() -> None:
    text = (
        _BASE
        + """    - {name: mine, grounded: {}}
  default: p
  policies: [{name: p, output: {mine: {action: flag}}}]
"""
    )
    (check,) = parse(text, "test").guard.default.output
    assert (check.scanner, check.is_builtin) == ("mine", False)


@pytest.mark.parametrize(
    ("entry", "path", "message"),
    [
        ("name: mine", "guard.scanners[0]", "it is of one kind"),
        ("name: mine, grounded: {}, service: {address: a, scanner: b}", "guard.scanners[0]", "it is of one kind"),
        ("name: pii, grounded: {}", "guard.scanners[0].name", "'pii' is a built-in scanner"),
        ("name: mine, lakera: {credential: {}}", "guard.scanners[0].lakera.credential", "it comes from one place"),
        ("name: mine, onnx: {directory: /m}", "guard.scanners[0].onnx.labels", "is required"),
    ],
)
def test_what_is_wrong_is_said(entry: str, path: str, message: str) -> None:
    assert (path, message) in _problems(entry)


def test_a_name_is_taken_once() -> None:
    assert ("guard.scanners[1].name", "'mine' is already taken") in _problems(*["name: mine, grounded: {}"] * 2)
