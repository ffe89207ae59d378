"""How ``serve`` ends when it cannot begin. ``e2e`` has workers that serve.

In a process of its own: it takes the process's signals and its log.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

GOOD = """
deployments: [{name: a, base_url: "http://127.0.0.1:9/v1", upstream_model: m}]
models: [{name: m, deployments: [a]}]
"""


def serve(directory: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("EXTPROC_")}
    config = {"EXTPROC_CONFIG": str(directory / "gateway.yaml"), "EXTPROC_RUN_DIR": str(directory / "run")}
    supervisor, our_end = os.pipe()  # a worker ends when the other end of its standard input is closed
    try:
        return subprocess.run(
            [sys.executable, "-m", "extproc", "serve", *words],
            stdin=supervisor,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=ours | config | variables,
        )
    finally:
        os.close(supervisor)
        os.close(our_end)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "gateway.yaml").write_text(GOOD)
    (tmp_path / "run").mkdir()
    return tmp_path


def test_a_bad_gateway_yaml_is_exit_code_1_with_every_problem(directory: Path) -> None:
    (directory / "gateway.yaml").write_text("workers: 0\nmodels: 1\n")
    done = serve(directory)
    assert done.returncode == 1
    assert done.stderr.startswith("extproc serve: ")
    assert {"workers", "models", "deployments"} <= {line.split()[0].rstrip(":") for line in done.stderr.splitlines()}
    assert list((directory / "run").iterdir()) == []


def test_an_unknown_variable_is_exit_code_2(directory: Path) -> None:
    done = serve(directory, EXTPROC_WORKERS="3")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "EXTPROC_WORKERS is not known" in done.stderr


def test_a_worker_without_a_way_into_the_vault_says_which_variables_to_set_and_binds_nothing(directory: Path) -> None:
    done = serve(directory, "--worker", "0")
    assert done.returncode == 2
    assert "set EXTPROC_VAULT_ROLE_ID_FILE and EXTPROC_VAULT_SECRET_ID_FILE" in done.stderr
    assert list((directory / "run").iterdir()) == []


def test_a_worker_whose_vault_does_not_answer_is_exit_code_3_and_binds_nothing(directory: Path) -> None:
    for name in ("role", "secret"):
        (directory / name).write_text("x")
    done = serve(
        directory,
        *("--worker", "0"),
        EXTPROC_VAULT_ADDR="http://127.0.0.1:1",
        EXTPROC_VAULT_ROLE_ID_FILE=str(directory / "role"),
        EXTPROC_VAULT_SECRET_ID_FILE=str(directory / "secret"),
    )
    assert done.returncode == 3
    assert "extproc serve: not ready: vault unavailable" in done.stderr
    assert list((directory / "run").iterdir()) == []
