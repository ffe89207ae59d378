"""k8s/: complete, valid for the API, and as closed as the documentation says."""

import json
import re
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
import yaml

import extproc
from extproc.config.gateway import parse
from tests.unit.deployment.manifests import (
    K8S,
    Container,
    Tree,
    container,
    document,
    documents,
    gateways,
    pod_containers,
    pods,
)

OLDEST, NEWEST = "1.30", "1.37"
KUSTOMIZATION: Tree = yaml.safe_load((K8S / "kustomization.yaml").read_text())
ENVOY, WORKERS = "k8s/deployment.yaml/envoy", "k8s/deployment.yaml/workers"
# What a namespace enforcing "restricted" lets a pod mount.
HARMLESS_VOLUMES = {"configMap", "emptyDir", "secret", "projected", "downwardAPI"}


def _named(documents: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    return [pytest.param(entry, id=f"{entry['kind']}-{entry['metadata']['name']}") for _, entry in documents]


def _everywhere(tree: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every place in a document and what is there."""
    yield path, tree
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _everywhere(value, f"{path}/{key}")
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from _everywhere(value, f"{path}/{index}")


def test_the_kustomization_lists_every_file_and_only_files_that_exist() -> None:
    listed = KUSTOMIZATION["resources"]
    assert len(listed) == len(set(listed))
    assert set(listed) == {path.name for path in K8S.iterdir()} - {"kustomization.yaml"}
    assert (KUSTOMIZATION["apiVersion"], KUSTOMIZATION["kind"]) == ("kustomize.config.k8s.io/v1beta1", "Kustomization")


def test_the_kustomization_only_names_what_the_files_have() -> None:
    images = {one.image.rpartition(":")[0] for one in pod_containers()}
    assert {entry["name"] for entry in KUSTOMIZATION["images"]} <= images
    namespaces = {entry["metadata"].get("namespace") for _, entry in documents() if entry["kind"] != "Namespace"}
    assert namespaces == {KUSTOMIZATION["namespace"], document("Namespace", "llm-gateway")["metadata"]["name"]}


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("entry", _named(documents()))
def test_every_document_is_what_the_kubernetes_api_takes(entry: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(entry, version, strict=True)


def test_every_object_that_is_referred_to_is_in_the_files_or_in_the_documentation() -> None:
    documented = (K8S.parent / "docs/deployment.md").read_text()
    for _, pod in pods():
        assert document("ServiceAccount", pod["serviceAccountName"])
        for volume in pod["volumes"]:
            if "configMap" in volume:
                assert document("ConfigMap", volume["configMap"]["name"])
            if "secret" in volume:
                assert re.search(rf"create secret \w+ {volume['secret']['secretName']}\s", documented)


def test_the_secret_that_the_documentation_makes_has_every_file_that_is_used() -> None:
    documented = (K8S.parent / "docs/deployment.md").read_text()
    made = set(re.findall(r"--from-file=(\S+)", documented))
    used = {
        name
        for one in pod_containers()
        for value in one.environment.values()
        for name in re.findall(r"/etc/extproc/secrets/([\w.]+)", value)
    }
    assert made == used


@pytest.mark.parametrize("one", pod_containers(), ids=lambda one: one.place)
def test_every_image_is_pinned_by_version(one: Container) -> None:
    name, _, tag = one.image.rpartition(":")
    assert name
    assert re.search(r"\d+\.\d+\.\d+", tag)
    if one.is_ours:
        assert tag == extproc.__version__


@pytest.mark.parametrize(("place", "pod"), pods(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_pod_is_without_rights(place: str, pod: Tree) -> None:
    security = pod["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] >= 10000
    assert security["runAsGroup"] >= 10000
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert {kind for volume in pod["volumes"] for kind in volume if kind != "name"} <= HARMLESS_VOLUMES


@pytest.mark.parametrize("one", pod_containers(), ids=lambda one: one.place)
def test_every_container_is_without_rights_on_a_read_only_root_and_bounded(one: Container) -> None:
    assert one.spec["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"cpu", "memory"} <= one.spec["resources"]["requests"].keys()
    assert "memory" in one.spec["resources"]["limits"]
    assert not one.spec.get("tty", False)


def test_a_pod_that_asks_for_more_is_refused_by_the_namespace() -> None:
    labels = document("Namespace", "llm-gateway")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert document("ServiceAccount", "gateway")["automountServiceAccountToken"] is False


def test_no_secret_is_in_the_files_nor_in_an_environment() -> None:
    assert [entry["metadata"]["name"] for _, entry in documents() if entry["kind"] == "Secret"] == []
    assert [path for _, entry in documents() for path, _ in _everywhere(entry) if path.endswith("/secretKeyRef")] == []
    assert [path for _, entry in documents() for path, _ in _everywhere(entry) if path.endswith("/secretRef")] == []
    text = json.dumps([entry for _, entry in documents()])
    assert re.findall(r"://[^/@\s\"]*:[^/@\s\"]*@|sk-[A-Za-z0-9]|gk_[a-z]|password=", text) == []
    for one in pod_containers():
        secret = [name for name in one.environment if re.search(r"PASSWORD|TOKEN|SECRET|KEY", name)]
        assert [name for name in secret if not name.endswith("_FILE")] == []


def test_no_service_makes_variables_that_the_gateway_would_refuse() -> None:
    # Kubernetes injects NAME_SERVICE_HOST and more for every Service of the namespace.
    assert [place for place, pod in pods() if pod.get("enableServiceLinks", True)] == []


def test_envoy_starts_after_the_workers_and_is_stopped_before_them() -> None:
    pod = dict(pods())["k8s/deployment.yaml"]
    (workers,) = pod["initContainers"]
    assert (workers["name"], workers["restartPolicy"]) == ("workers", "Always")
    assert "startupProbe" in workers
    assert [one["name"] for one in pod["containers"]] == ["envoy"]


def test_the_pod_serves_until_the_drain_is_over_and_is_not_killed_before() -> None:
    drain_s = parse(gateways()["k8s"], "k8s").limits.drain_timeout_s
    envoy, workers = container(ENVOY), container(WORKERS)
    assert workers.spec["lifecycle"]["preStop"]["exec"]["command"] == ["extproc", "drain"]
    serves_s = envoy.spec["lifecycle"]["preStop"]["sleep"]["seconds"]
    listeners_s = int(envoy.command[envoy.command.index("--drain-time-s") + 1])
    grace_s = dict(pods())["k8s/deployment.yaml"]["terminationGracePeriodSeconds"]
    assert drain_s <= listeners_s < serves_s
    assert serves_s + drain_s + 10 <= grace_s


def test_envoy_turns_requests_away_before_it_is_killed_for_memory() -> None:
    heap = parse(gateways()["k8s"], "k8s").limits.max_heap_bytes
    limit = container(ENVOY).spec["resources"]["limits"]["memory"]
    assert limit.endswith("Mi")
    assert heap * 1.25 <= int(limit.removesuffix("Mi")) * 2**20


def test_readiness_is_asked_of_envoy_and_nothing_restarts_it_while_it_drains() -> None:
    assert "httpGet" in container(ENVOY).spec["readinessProbe"]
    assert "readinessProbe" not in container(WORKERS).spec
    assert [one.place for one in pod_containers() if "livenessProbe" in one.spec] == []


def test_the_admin_interface_has_no_port_anywhere() -> None:
    admin = parse(gateways()["k8s"], "k8s").admin.port
    without_environment = [entry for _, entry in documents() if entry["kind"] != "ConfigMap"]
    assert [path for path, value in _everywhere(without_environment) if value == admin] == []


def test_sockets_and_envoys_files_are_kept_in_bounded_memory() -> None:
    volumes = {volume["name"]: volume for volume in dict(pods())["k8s/deployment.yaml"]["volumes"]}
    for name in ("sockets", "envoy"):
        assert volumes[name]["emptyDir"]["medium"] == "Memory"
        assert volumes[name]["emptyDir"]["sizeLimit"]


def test_every_selector_finds_the_pods_it_is_meant_for() -> None:
    labels = document("Deployment", "gateway")["spec"]["template"]["metadata"]["labels"]
    spec = document("Deployment", "gateway")["spec"]
    selectors = [
        spec["selector"]["matchLabels"],
        document("Service", "gateway")["spec"]["selector"],
        document("PodDisruptionBudget", "gateway")["spec"]["selector"]["matchLabels"],
        document("NetworkPolicy", "gateway")["spec"]["podSelector"]["matchLabels"],
        *(item["labelSelector"]["matchLabels"] for item in spec["template"]["spec"]["topologySpreadConstraints"]),
    ]
    assert [selector for selector in selectors if not selector.items() <= labels.items()] == []
    migrate = document("Job", "extproc-migrate")["spec"]["template"]["metadata"]["labels"]
    policy = document("NetworkPolicy", "extproc-migrate")["spec"]["podSelector"]["matchLabels"]
    assert policy.items() <= migrate.items()
    assert not spec["selector"]["matchLabels"].items() <= migrate.items()


def test_a_drain_of_a_node_leaves_a_pod_that_serves() -> None:
    budget, spec = document("PodDisruptionBudget", "gateway")["spec"], document("Deployment", "gateway")["spec"]
    assert 1 <= budget["minAvailable"] < spec["replicas"]
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_the_network_is_closed_but_for_what_is_listed() -> None:
    deny = document("NetworkPolicy", "default-deny")["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    listener = parse(gateways()["k8s"], "k8s").listener
    gateway = document("NetworkPolicy", "gateway")["spec"]
    (way_in,) = gateway["ingress"]
    assert [port["port"] for port in way_in["ports"]] == [listener.port]
    assert way_in["from"]
    policies = [entry["spec"] for _, entry in documents() if entry["kind"] == "NetworkPolicy"]
    rules = [rule for spec in policies for rule in spec.get("egress", [])]
    assert [rule for rule in rules if not rule.get("to") or not rule.get("ports")] == []
    (internet,) = [rule for rule in rules for peer in rule["to"] if "ipBlock" in peer]
    assert [port["port"] for port in internet["ports"]] == [443]
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"} <= set(
        internet["to"][0]["ipBlock"]["except"]
    )


def test_every_port_that_the_addresses_name_is_open_on_the_way_out() -> None:
    addresses = container(WORKERS).environment
    named = ("EXTPROC_POSTGRES_DSN", "EXTPROC_REDIS_URL", "EXTPROC_VAULT_ADDR")
    wanted = {int(match[1]) for name in named if (match := re.search(r":(\d+)(?:/|$)", addresses[name]))}
    egress = document("NetworkPolicy", "gateway")["spec"]["egress"]
    assert len(wanted) == len(named)
    assert wanted <= {port["port"] for rule in egress for port in rule["ports"]}
