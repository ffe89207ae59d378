"""The deployment files as the tests read them: every container of compose and Kubernetes in one shape."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
K8S = ROOT / "k8s"
COMPOSE = ROOT / "docker-compose.yml"
Tree = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Mount:
    path: str
    source: str
    """Two mounts of one source hold the same files."""
    is_read_only: bool
    files: frozenset[str] | None = None
    """The names in it, where the manifests say so."""


@dataclass(frozen=True, slots=True)
class Container:
    place: str
    image: str
    command: tuple[str, ...]
    hooks: tuple[tuple[str, ...], ...]
    """What is run beside it: probes, health checks, preStop."""
    environment: Mapping[str, str]
    mounts: tuple[Mount, ...]
    spec: Tree = field(repr=False)

    @property
    def is_ours(self) -> bool:
        return self.image.rpartition(":")[0] == "extproc"

    def mount_of(self, path: str) -> Mount:
        """The innermost mount that a path lies in."""
        found = [mount for mount in self.mounts if path == mount.path or path.startswith(f"{mount.path}/")]
        assert found, f"{self.place}: nothing is mounted at {path}"
        return max(found, key=lambda mount: len(mount.path))


@cache
def documents() -> list[tuple[str, dict[str, Any]]]:
    """File name → document, of everything in k8s/ but the kustomization."""
    return [
        (path.name, document)
        for path in sorted(K8S.glob("*.yaml"))
        if path.name != "kustomization.yaml"
        for document in yaml.safe_load_all(path.read_text())
    ]


def document(kind: str, name: str) -> Tree:
    found = [entry for _, entry in documents() if (entry["kind"], entry["metadata"]["name"]) == (kind, name)]
    assert len(found) == 1, f"{kind} {name}"
    return found[0]


def pods() -> list[tuple[str, Tree]]:
    """Every pod template's place and spec."""
    return [
        (f"k8s/{file}", entry["spec"]["template"]["spec"])
        for file, entry in documents()
        if entry["kind"] in {"Deployment", "Job"}
    ]


@cache
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return loaded


def containers() -> list[Container]:
    return [*compose_containers(), *pod_containers()]


def compose_containers() -> list[Container]:
    return [_of_service(name, service) for name, service in compose()["services"].items()]


def pod_containers() -> list[Container]:
    return [
        _of_pod(place, pod, spec)
        for place, pod in pods()
        for spec in (*pod.get("initContainers", ()), *pod["containers"])
    ]


def container(place: str) -> Container:
    (found,) = [one for one in containers() if one.place == place]
    return found


def ours() -> list[Container]:
    """The containers of our image."""
    return [one for one in containers() if one.is_ours]


def gateways() -> dict[str, str]:
    """Place → the text of each gateway.yaml that is deployed."""
    return {
        "compose": (ROOT / "compose" / "gateway" / "gateway.yaml").read_text(),
        "k8s": document("ConfigMap", "gateway")["data"]["gateway.yaml"],
    }


def _of_service(name: str, service: Tree) -> Container:
    test = service.get("healthcheck", {}).get("test", [])
    return Container(
        place=f"compose/{name}",
        image=service["image"],
        command=(*service.get("entrypoint", ()), *service.get("command", ())),
        hooks=(tuple(test[1:]),) if test else (),
        environment=service.get("environment", {}),
        mounts=tuple(_compose_mounts(service)),
        spec=service,
    )


def _compose_mounts(service: Tree) -> Iterator[Mount]:
    for volume in service.get("volumes", ()):
        files = None
        if volume["type"] == "bind" and (ROOT / volume["source"]).is_dir():
            files = frozenset(path.name for path in (ROOT / volume["source"]).iterdir())
        yield Mount(volume["target"], volume["source"], volume.get("read_only", False), files)
    if secrets := service.get("secrets"):
        yield Mount("/run/secrets", "secrets", is_read_only=True, files=frozenset(secrets))
    for target in service.get("tmpfs", ()):
        yield Mount(target.partition(":")[0], f"tmpfs {target}", is_read_only=False)


def _of_pod(place: str, pod: Tree, spec: Tree) -> Container:
    volumes = {volume["name"]: volume for volume in pod.get("volumes", ())}
    hooks = [spec.get(probe, {}) for probe in ("startupProbe", "readinessProbe", "livenessProbe")]
    hooks += spec.get("lifecycle", {}).values()
    environment = {entry["name"]: entry["value"] for entry in spec.get("env", ())}
    for source in spec.get("envFrom", ()):
        environment |= document("ConfigMap", source["configMapRef"]["name"])["data"]
    return Container(
        place=f"{place}/{spec['name']}",
        image=spec["image"],
        command=(*spec.get("command", ()), *spec.get("args", ())),
        hooks=tuple(tuple(hook["exec"]["command"]) for hook in hooks if "exec" in hook),
        environment=environment,
        mounts=tuple(
            Mount(
                mount["mountPath"],
                mount["name"],
                mount.get("readOnly", False),
                _files(volumes[mount["name"]]),
            )
            for mount in spec.get("volumeMounts", ())
        ),
        spec=spec,
    )


def _files(volume: Tree) -> frozenset[str] | None:
    if "configMap" in volume:
        return frozenset(document("ConfigMap", volume["configMap"]["name"])["data"])
    if items := volume.get("secret", {}).get("items"):
        return frozenset(item["path"] for item in items)
    return None
