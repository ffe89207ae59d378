"""The local model as a part of the stack. Read ``model_server`` for the process, ``model_download`` for the weights."""

import sys
from pathlib import Path

from extproc.local.http import HttpFailed, call
from extproc.local.part import Part

MODEL_NAME = "gemma-3-270m"
"""What applications ask for, and what the server calls itself."""

_OK = 200


def model(gguf: Path, port: int) -> Part:
    """The server. It fails where the port is taken; the supervisor tries again."""

    async def is_ready() -> bool:
        try:
            status, _ = await call(port, "GET", "/health")
        except HttpFailed:
            return False
        return status == _OK

    return Part(
        name="model",
        command=(sys.executable, "-m", "extproc.local.model_server", str(port), str(gguf), MODEL_NAME),
        is_ready=is_ready,
        start_deadline_s=60.0,
    )
