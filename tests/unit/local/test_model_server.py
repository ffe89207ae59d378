"""The process without its 245 MB. ``e2e/test_local_model`` has answers of the real one."""

import subprocess
import sys
from pathlib import Path

import pytest

from extproc.local.problems import free_port


@pytest.mark.parametrize("content", [None, b"", b"GGUF and then nothing that makes sense"])
def test_a_file_that_is_no_model_ends_the_process_so_that_the_supervisor_can_say_so(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "model.gguf"
    if content is not None:
        file.write_bytes(content)
    command = [sys.executable, "-m", "extproc.local.model_server", str(free_port()), str(file), "a-name", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    # llama.cpp logs from a thread of its own, so a line of its may come last.
    assert "Failed to init server" in "".join(done.stderr.splitlines()[-3:])
