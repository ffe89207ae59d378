"""What holds for every tracked file, and for the lock files: rules that no linter of ours knows."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALL_LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
SERVICE = ("scanner", "scanner-test")
"""Another environment, which the gateway never has."""
LOCKS = [lock for lock in ALL_LOCKS if lock.stem not in SERVICE]
EXTRAS = {"gateway": (), "local": ("local",), "dev": ("local", "dev")}
MAX_LINES = 400
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)")


def _tracked() -> list[Path]:
    """Tracked files as they are in the working tree, generated code aside."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, timeout=30)  # noqa: S607
    names = [name for name in listed.stdout.decode().split("\0") if name and not name.startswith("extproc/wire/gen/")]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def _name(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", requirement).lower()


def _entries(lock: Path) -> list[str]:
    """One text per locked package, its hashes included."""
    text = lock.read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _pins(lines: list[str]) -> dict[str, str]:
    return {_name(found[1]): found[2] for line in lines if (found := _PIN.match(line))}


def test_no_file_is_longer_than_one_idea() -> None:
    too_long = {
        str(path.relative_to(ROOT)): lines
        for path in _tracked()
        if path.suffix in {".py", ".lua", ".proto"} and (lines := path.read_text().count("\n")) > MAX_LINES
    }
    assert too_long == {}


def test_no_tracked_file_names_a_machine_or_a_package_index() -> None:
    # Spelled in parts, so that this file does not find itself.
    home = "|".join(["/" + "root/", "/" + "home/[a-z]", "/" + "work/", "/" + "Users/"])
    index = "|".join(["--(?:extra-)?" + "index-url", "--trusted" + "-host", "--find" + "-links"])
    hosts = "|".join(["pypi" + r"\.org", "files" + r"\.pythonhosted", "arti" + "factory", "/simple" + "/"])
    forbidden = re.compile(f"{home}|{index}[ =]|{hosts}")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]}"
        for path in _tracked()
        for number, line in enumerate(path.read_bytes().decode("utf-8", "replace").splitlines(), 1)
        if (match := forbidden.search(line))
    ]
    assert found == []


@pytest.mark.parametrize("lock", ALL_LOCKS, ids=lambda lock: lock.stem)
def test_every_locked_package_is_pinned_and_carries_its_hashes(lock: Path) -> None:
    entries = _entries(lock)
    assert entries
    assert [entry for entry in entries if not _PIN.match(entry) or "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("kind", EXTRAS)
def test_a_lock_file_holds_exactly_the_versions_that_pyproject_names(kind: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"]]
    for extra in EXTRAS[kind]:
        wanted += project["optional-dependencies"][extra]
    wanted += (ROOT / "requirements" / "build.in").read_text().splitlines()
    named = _pins(wanted)
    assert len(named) == len(wanted)
    locked = _pins(_entries(ROOT / "requirements" / f"{kind}.txt"))
    assert {name: locked.get(name) for name in named} == named


def test_the_lock_files_agree_with_each_other() -> None:
    versions: dict[str, set[str]] = {}
    for lock in LOCKS:
        for name, version in _pins(_entries(lock)).items():
            versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_no_installation_brings_torch_or_litellm(lock: Path) -> None:
    assert _pins(_entries(lock)).keys() & {"torch", "litellm"} == set()


def test_a_scanner_service_has_what_it_shares_with_the_gateway_in_the_gateways_versions() -> None:
    wanted = _pins((ROOT / "requirements" / "scanner.in").read_text().splitlines())
    locked = _pins(_entries(ROOT / "requirements" / "scanner.txt"))
    gateway = _pins(_entries(ROOT / "requirements" / "gateway.txt"))
    assert {name: locked.get(name) for name in wanted} == wanted
    shared = wanted.keys() & gateway.keys()
    assert {"click", "grpcio", "protobuf", "pydantic", "pyyaml", "structlog"} <= shared
    assert {name: wanted[name] for name in shared} == {name: gateway[name] for name in shared}


def test_a_scanner_service_has_no_package_of_cuda() -> None:
    locked = _pins(_entries(ROOT / "requirements" / "scanner.txt"))
    assert locked["torch"].endswith("+cpu")
    assert [name for name in locked if name.startswith(("nvidia", "triton"))] == []
