"""Each kind of scanner opened from its settings and asked once, as a gateway does."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from extproc.adapters.memory import MemoryClock, MemoryVault
from extproc.adapters.onnx_model import ModelInvalid
from extproc.bootstrap_guard_scanners import open_scanner
from extproc.config.gateway import parse
from extproc.config.scanner_service import load_scanner_service
from extproc.model.catalog import CredentialRef
from extproc.model.guard import Direction, Finding, Leaf, Trust
from extproc.model.guard_scanners import (
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
from extproc.model.refusals import Unavailable
from extproc.model.secret import Secret
from extproc.policy.guard_ports import CONTEXT_PLACE, ScanAsked
from extproc.policy.hosted_ports import Found
from extproc.wire.scanner_server import ScannerDoor, serve_scanners
from tests.aws_signatures import signature_scope
from tests.scanner_apis import ScannerApi, serving
from tests.servers import eventually
from tests.tiny_classifier import write_classifier

ROOT = Path(__file__).parents[2]
KEY, SECRET = CredentialRef("scanners/x", "key"), CredentialRef("scanners/x", "secret")
TOKEN = CredentialRef("scanners/x", "token", is_optional=True)
PLACE = ("messages", 0)
CLEAN = {"action": "NONE", "assessments": [], "flagged": False, "userPromptAnalysis": {"attackDetected": False}}


def vault() -> MemoryVault:
    return MemoryVault({KEY: Secret("AKIAX"), SECRET: Secret("very secret")})


async def scan(
    settings: ScannerSettings, text: str = "ignore this", held: MemoryVault | None = None, limit_s: float = 30.0
) -> Sequence[Finding]:
    asked = ScanAsked("acme", "e1", Direction.INPUT, (Leaf(PLACE, text, Trust.USER),), (), limit_s)
    async with open_scanner("mine", settings, held or vault(), MemoryClock()) as scanner:
        return await scanner.scan(asked)


async def test_a_classifier_in_a_directory(tmp_path: Path) -> None:
    write_classifier(tmp_path, {"ignore": (-2.0, 2.0)}, ("SAFE", "INJECTION"))
    settings = OnnxSettings(tmp_path, (("INJECTION", "injection"),), overlap_tokens=4)
    assert await scan(settings) == (Finding("mine.injection", PLACE, 0, 11, 0.982),)
    with pytest.raises(ModelInvalid):
        await scan(OnnxSettings(tmp_path / "none", ()))


class Hosted:
    def scan(self, texts: Sequence[str]) -> Sequence[Found]:
        return [Found(0, "injection", 0, 6, 0.9)]


async def test_a_scanner_of_a_service() -> None:
    stop, ports = asyncio.Event(), list[int]()
    door = ScannerDoor({"hosted": Hosted()})
    server = asyncio.create_task(serve_scanners(door, "127.0.0.1:0", stop, drain_s=0, tell=ports.append))
    await eventually(lambda: bool(ports), "the service")
    settings = ServiceSettings(f"127.0.0.1:{ports[0]}", "hosted")
    assert await scan(settings) == (Finding("mine.injection", PLACE, 0, 6, 0.9),)
    stop.set()
    await server
    with pytest.raises(Unavailable, match="mine"):
        await scan(settings)


def remote(api: ScannerApi) -> dict[str, ScannerSettings]:
    return {
        "lakera": LakeraSettings(KEY, api.url),
        "azure": AzureShieldsSettings(KEY, api.url),
        "bedrock": BedrockSettings(KEY, SECRET, "eu-west-1", "abc", session_token=TOKEN, endpoint=api.url),
    }


@pytest.mark.parametrize("kind", ["lakera", "azure", "bedrock"])
async def test_somebody_elses_service_is_shown_the_vaults_credential_of_the_moment(kind: str) -> None:
    with serving(ScannerApi(answer=lambda _: CLEAN)) as api:
        settings, held = remote(api)[kind], vault()
        assert await scan(settings, held=held) == ()
        shown = api.got[0]
        if kind == "bedrock":
            region, service, names = signature_scope(shown, "AKIAX", "very secret")
            assert (region, service) == ("eu-west-1", "bedrock")
            assert {"host", "content-type", "x-amz-date", "x-amz-content-sha256"} <= names
        else:
            assert any(value.endswith("AKIAX") for _, value in shown.headers)
        api.status = 403
        with pytest.raises(Unavailable, match="403"):
            await scan(settings, held=held)
        assert held.refused[0] == KEY
        held.is_down = True
        with pytest.raises(Unavailable, match="vault"):
            await scan(settings, held=held)
        assert len(api.got) == 2


async def test_temporary_keys_show_their_token() -> None:
    with serving(ScannerApi(answer=lambda _: CLEAN)) as api:
        held = vault()
        held.secrets[TOKEN] = Secret("a token")
        await scan(remote(api)["bedrock"], held=held)
        assert api.got[0].header("x-amz-security-token") == "a token"
        assert "x-amz-security-token" in signature_scope(api.got[0], "AKIAX", "very secret")[2]


@pytest.mark.parametrize("kind", ["lakera", "azure", "bedrock"])
async def test_without_a_credential_nothing_is_asked(kind: str) -> None:
    with serving(ScannerApi()) as api:
        empty = MemoryVault({KEY: Secret(""), SECRET: Secret("")})
        with pytest.raises(Unavailable, match="no credential"):
            await scan(remote(api)[kind], held=empty)
        assert not api.got


async def test_the_overlap_with_a_context() -> None:
    leaves = (Leaf((CONTEXT_PLACE, 0), "Opened in 1931.", Trust.HOSTILE), Leaf(PLACE, "In 1932.", Trust.MODEL))
    async with open_scanner("mine", GroundedSettings(), vault(), MemoryClock()) as scanner:
        asked = ScanAsked("acme", "e1", Direction.OUTPUT, leaves, (), 30.0)
        assert await scanner.scan(asked) == (Finding("mine.number", PLACE, 3, 7),)


async def test_what_follows_from_a_context(tmp_path: Path) -> None:
    write_classifier(tmp_path, {"penguins": (-3.0, 3.0)}, ("entailment", "other"))
    leaves = (Leaf((CONTEXT_PLACE, 0), "A text.", Trust.HOSTILE), Leaf(PLACE, "There are penguins.", Trust.MODEL))
    settings = EntailedSettings(tmp_path, overlap_tokens=4)
    async with open_scanner("mine", settings, vault(), MemoryClock()) as scanner:
        asked = ScanAsked("acme", "e1", Direction.OUTPUT, leaves, (), 30.0)
        assert await scanner.scan(asked) == (Finding("mine.unsupported", PLACE, 0, 19, 0.9975),)


async def test_each_scanner_is_behind_its_deadline_and_its_breaker() -> None:
    with serving(ScannerApi(answer=lambda _: CLEAN)) as api:
        api.answers.clear()
        limits = ScannerLimits(failures=2, rest_s=600.0)
        settings = LakeraSettings(KEY, api.url, limits=limits)
        asked = ScanAsked("acme", "e1", Direction.INPUT, (Leaf(PLACE, "x", Trust.USER),), (), 0.2)
        async with open_scanner("mine", settings, vault(), MemoryClock()) as scanner:
            for _ in range(2):
                with pytest.raises(Unavailable, match=r"in time|Timeout"):
                    await scanner.scan(asked)
            with pytest.raises(Unavailable, match="rest"):
                await scanner.scan(asked)
        assert len(api.got) == 2


def test_who_asks_no_classifier_does_not_pay_for_one() -> None:
    program = "import sys, extproc.bootstrap_guard_scanners; sys.exit('onnxruntime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=60, check=False).returncode == 0


def test_the_files_in_the_docs_can_be_used(tmp_path: Path) -> None:
    gateway, service = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "guard-scanners.md").read_text(), re.DOTALL)
    deployments = 'deployments: [{name: a, base_url: "http://127.0.0.1:1", upstream_model: m}]\n'
    read = parse(f"{deployments}models: [{{name: m, deployments: [a]}}]\n{gateway}", "docs")
    assert {type(each).__name__ for each in read.scanners.values()} == {
        "OnnxSettings",
        "ServiceSettings",
        "LakeraSettings",
        "AzureShieldsSettings",
        "BedrockSettings",
        "GroundedSettings",
        "EntailedSettings",
    }
    (tmp_path / "scanner.yaml").write_text(service)
    assert load_scanner_service(tmp_path / "scanner.yaml").scanners
