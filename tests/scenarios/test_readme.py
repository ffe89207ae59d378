"""The README's examples, run in their order as a newcomer would, in an empty directory."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"<!-- run -->\n```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
LINES = [line for block in BLOCKS for line in block.splitlines()]
_COMMAND_S = 150


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("newcomer")
    try:
        yield path
    finally:
        run(path, "extproc down")


def run(directory: Path, line: str) -> subprocess.CompletedProcess[str]:
    names = {name: value for name, value in os.environ.items() if not name.startswith("EXTPROC_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{names['PATH']}"
    return subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=directory,
        env={**names, "PATH": path, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=_COMMAND_S,
        check=False,
    )


# What each example must show for its sentence in the README to be true.
SHOWS = {
    "extproc up": "base URL",
    "extproc status --json": '"virtual_key": "gk_local_',
    "extproc check": "models: 1",
    "extproc render build/envoy --config .extproc/gateway.yaml --run-dir /run/extproc": "",
    "extproc keys mint": "A new key for acme/search/ranking",
    "extproc keys list": "ada@acme.example",
    "extproc apply": "Plan: 1 to add, 0 to change, 0 to remove.",
    "extproc budgets set": "acme-keys: 60 requests/min for acme, each key",
    "extproc budgets list": "2500 USD a month (UTC), hard",
    "extproc models list": "gemma-3-270m",
    "extproc models usage --since 7d": "No key used it in that time.",
    "extproc models usage --retiring --json": "[]",
    "echo": "",
    "extproc explain": "stream_options",
    "extproc report spend --by team,model": "There was nothing in that time.",
    "extproc report spend --by project,feature --format html": "wrote spend.html",
    "extproc report prompts": "No prompts in that time.",
    "extproc report guard": "Nothing was judged in that time.",
    "extproc vault check": "gateway/pepper#value",
    "extproc status": "streams_failed",
    "extproc log-level": "/logging?level=warning",
    "extproc drain": "/drain_listeners",
    "extproc down": "stopped",
}


def expected(line: str) -> str:
    return SHOWS[max((start for start in SHOWS if line.startswith(start)), key=len)]


def test_every_example_of_the_readme_works_as_printed(directory: Path) -> None:
    assert len(LINES) >= len(SHOWS)
    for line in LINES:
        done = run(directory, line)
        said = done.stdout + done.stderr
        assert done.returncode == 0, f"{line}\n{said}"
        assert expected(line) in said, f"{line}\n{said}"
    assert (directory / "key.txt").read_text().startswith("gk_acme_")
