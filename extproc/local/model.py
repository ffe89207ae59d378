"""The local models as parts of the stack: the same weights in several processes, so that one can be lost.

Read ``model_server`` for the process, ``model_download`` for the weights, ``gateway_file`` for the group they stand in.
"""

import os
import sys
from pathlib import Path

from extproc.local.http import HttpFailed, call
from extproc.local.part import Part

MODEL_NAME = "gemma-3-270m"
"""What applications ask for, and what the server calls itself."""

MOST = 8
"""So many at once at the most: each takes about 300 MB beside the weights, which all share."""

_OK = 200


def part_name(index: int) -> str:
    """The name of the first part is ``model``, then come ``model-2``, ``model-3`` and so on."""
    return "model" if index == 0 else f"model-{index + 1}"


def models(gguf: Path, ports: tuple[int, ...]) -> tuple[Part, ...]:
    """One server for each port. One fails where its port is taken; the supervisor tries again."""
    threads = max(1, (os.cpu_count() or 1) // len(ports))
    return tuple(_model(part_name(index), gguf, port, threads) for index, port in enumerate(ports))


def _model(name: str, gguf: Path, port: int, threads: int) -> Part:

    async def is_ready() -> bool:
        try:
            status, _ = await call(port, "GET", "/health")
        except HttpFailed:
            return False
        return status == _OK

    return Part(
        name=name,
        command=(sys.executable, "-m", "extproc.local.model_server", str(port), str(gguf), MODEL_NAME, str(threads)),
        is_ready=is_ready,
        start_deadline_s=60.0,
    )
