"""Models made in the service's environment, once."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that ``scanner_models`` fills."""
    directory = tmp_path_factory.mktemp("s")
    python = os.environ["SCANNER_PYTHON"]
    subprocess.run([python, str(ROOT / "tests" / "scanner_models.py"), str(directory)], check=True, timeout=500)
    return directory
