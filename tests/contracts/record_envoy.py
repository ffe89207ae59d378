"""What ``record`` runs Envoy with: the gateway's own rendered files, for one worker and three deployments."""

from pathlib import Path

import yaml

from extproc.config.gateway import parse
from extproc.dataplane.render import render
from extproc.dataplane.target import Target
from extproc.model import seams

_TIMEOUTS = {"connect_s": 1.0, "first_token_s": 5.0, "total_s": 5.0, "idle_s": 5.0}


def write_files(scratch: Path, port: int, deployments: dict[str, int]) -> Path:
    """Write Envoy's files below ``scratch``; ``deployments`` gives each one's loopback port.

    Returns:
        The bootstrap.
    """
    document = {
        "workers": 1,
        "deployments": [
            {
                "name": name,
                "base_url": f"http://127.0.0.1:{provider_port}/v1",
                "upstream_model": "small",
                "operations": ["chat.completions"],
                "credential": None,
                "timeouts": dict(_TIMEOUTS),
            }
            for name, provider_port in deployments.items()
        ],
        "models": [{"name": "small", "deployments": list(deployments)}],
    }
    directory = scratch / "envoy"
    directory.mkdir()
    target = Target(directory, scratch, "127.0.0.1", port, admin_port=0, health_port=0)
    for name, text in render(parse(yaml.safe_dump(document), "recording"), target).items():
        (directory / name).write_text(text)
    return directory / "bootstrap.json"


def worker_socket(scratch: Path) -> Path:
    """Where those files say that the worker listens."""
    return scratch / seams.WORKER_SOCKET.format(index=0)
