"""A small gateway, rendered, for the tests of this room."""

import json
from pathlib import Path
from typing import Any

from extproc.config.gateway import Gateway, parse
from extproc.dataplane.render import build, write
from extproc.dataplane.target import Target

TARGET = Target(directory=Path("/etc/envoy/xds"), run_dir=Path("/run/extproc"))


def gateway(*names: str, more: str = "") -> Gateway:
    """A gateway with these deployments, each at a host of its own, behind one model."""
    deployments = "\n".join(
        f'  - {{name: {name}, base_url: "https://{name}.example.com/v1", upstream_model: m}}' for name in names
    )
    chain = ", ".join(names)
    return parse(f"{more}\ndeployments:\n{deployments}\nmodels: [{{name: m, deployments: [{chain}]}}]", "sample")


def built(*names: str, more: str = "") -> dict[str, Any]:
    """File name → parsed JSON, mutable."""
    messages = build(gateway(*(names or ("a",)), more=more), TARGET)
    return {name: json.loads(write(message)) for name, message in messages.items()}


def manager(files: dict[str, Any]) -> dict[str, Any]:
    """The applications' connection manager."""
    found: dict[str, Any] = files["lds.json"]["resources"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def route(files: dict[str, Any]) -> dict[str, Any]:
    """The route to providers."""
    found: dict[str, Any] = files["rds.json"]["resources"][0]["virtual_hosts"][0]["routes"][2]
    return found


def cluster(files: dict[str, Any], name: str) -> dict[str, Any]:
    """A cluster by name."""
    found: dict[str, Any] = next(each for each in files["cds.json"]["resources"] if each["name"] == name)
    return found


def http_options(found: dict[str, Any]) -> dict[str, Any]:
    """A cluster's HTTP options."""
    (options,) = found["typed_extension_protocol_options"].values()
    assert isinstance(options, dict)
    return options
