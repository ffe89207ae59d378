"""The image: what goes into it, what the wheel in it holds, and that the locked packages are enough to run it."""

import configparser
import re
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from extproc.cli.main import COMMANDS
from tests.unit.deployment.manifests import ROOT, containers, ours, pods

DOCKERFILE = (ROOT / "Dockerfile").read_text()
INSTRUCTIONS = [
    line for line in DOCKERFILE.replace("\\\n", " ").splitlines() if line.strip() and not line.startswith("#")
]
LOCAL_ONLY = {"up", "down"}
"""Commands of the stack that `extproc up` runs; their servers are not in the image."""


def _of(word: str) -> list[str]:
    return [line.removeprefix(word).strip() for line in INSTRUCTIONS if line.startswith(f"{word} ")]


def test_hadolint_has_nothing_to_say() -> None:
    program = Path(sysconfig.get_path("scripts")) / "hadolint"
    done = subprocess.run(
        [program, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_both_stages_stand_on_one_image_pinned_by_version() -> None:
    (argument,) = _of("ARG")
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.11\.\d+-slim-[a-z]+", argument)
    assert [line.split(" AS ")[0] for line in _of("FROM")] == ["${PYTHON_IMAGE}"] * 2


def test_only_locked_wheels_are_installed_and_nothing_is_compiled() -> None:
    installs = [part for line in _of("RUN") for part in line.split("&&") if " install " in part]
    assert len(installs) == 2
    assert "--require-hashes --only-binary :all:" in installs[0]
    assert "-r requirements/gateway.txt" in installs[0]
    assert "--no-deps --no-index /wheel/" in installs[1]
    assert re.findall(r"apt-get|apk |gcc|build-essential|curl|wget", DOCKERFILE) == []


def test_the_last_stage_takes_only_the_environment_from_the_first() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.findall(r"^(?:COPY|ADD) .*$", last, re.MULTILINE) == ["COPY --from=build /opt/extproc /opt/extproc"]


def test_the_image_runs_extproc_as_the_user_of_the_manifests() -> None:
    assert _of("ENTRYPOINT") == ['["extproc"]']
    assert _of("CMD") == ['["serve"]']
    (user,) = _of("USER")
    assert {one.spec["user"] for one in ours() if one.place.startswith("compose/")} == {user}
    assert {f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}" for _, pod in pods()} == {
        user
    }
    # The workers' sockets are for their own user: Envoy is the same one.
    envoys = [one.spec["user"] for one in containers() if one.place == "compose/envoy"]
    assert envoys == [user]


def test_what_the_dockerfile_copies_exists_and_is_all_that_a_build_is_given() -> None:
    copied = {
        source.rstrip("/") for line in _of("COPY") if not line.startswith("--from") for source in line.split()[:-1]
    }
    assert [source for source in copied if not (ROOT / source).exists()] == []
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == copied


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel, built from what the image's build is given."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line.startswith("!"):
            _copy(ROOT / line[1:], source / line[1:])
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-build-isolation", "--no-index", "--wheel-dir", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = target.iterdir()
    with zipfile.ZipFile(built) as opened:
        yield opened


def _copy(source: Path, target: Path) -> None:
    files = [source] if source.is_file() else [path for path in source.rglob("*") if path.is_file()]
    for file in files:
        if "__pycache__" not in file.parts:
            to = target / file.relative_to(source) if source.is_dir() else target
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(file.read_bytes())


def test_the_wheel_holds_every_file_of_the_package_and_the_lua_rewrite(wheel: zipfile.ZipFile) -> None:
    ours_ = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "extproc").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert any(name.endswith(".sql") for name in ours_)
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packed == ours_ | {"extproc/dataplane/attempt_rewrite.lua"}
    rewrite = wheel.read("extproc/dataplane/attempt_rewrite.lua")
    assert rewrite == (ROOT / "envoy/attempt_rewrite.lua").read_bytes()


def test_the_wheel_runs_nothing_by_itself_and_brings_one_command(wheel: zipfile.ZipFile) -> None:
    assert [name for name in wheel.namelist() if name.endswith((".pth", "sitecustomize.py", "usercustomize.py"))] == []
    assert [name for name in wheel.namelist() if ".data/" in name] == []
    (entry_points,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    parser = configparser.ConfigParser()
    parser.read_string(wheel.read(entry_points).decode())
    assert {section: dict(parser[section]) for section in parser.sections()} == {
        "console_scripts": {"extproc": "extproc.cli.main:main"}
    }


def test_every_command_of_the_image_runs_on_the_locked_packages_alone() -> None:
    # In a process of its own that refuses every other package: tests have all of them.
    lock = (ROOT / "requirements/gateway.txt").read_text()
    locked = {_canonical(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", lock, re.MULTILINE)}
    refused = sorted(
        name
        for name, owners in packages_distributions().items()
        if name != "extproc" and not {_canonical(owner) for owner in owners} & locked
    )
    assert {"pytest", "psutil", "envoy"} <= set(refused)
    modules = [f"extproc.cli.{name.replace('-', '_')}" for name in sorted(COMMANDS.keys() - LOCAL_ONLY)]
    program = (
        "import sys\n"
        f"for name in {refused!r}: sys.modules[name] = None\n"
        "import importlib\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_ci_runs_the_one_command_with_no_rights_to_write() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    assert workflow["permissions"] == {"contents": "read"}
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert [step["run"] for step in steps if "run" in step] == [".ci/run"]
    used = [step["uses"] for step in steps if "uses" in step]
    assert [name for name in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", name)] == []
