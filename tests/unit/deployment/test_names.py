"""Every flag, path and variable in the deployment files exists in the code, and means the same in every container."""

import shlex
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import click
import pytest

from extproc.cli.main import main
from extproc.config.environment import VARIABLES, read_environment
from extproc.config.gateway import Gateway, parse
from extproc.dataplane.health import READY_PATH
from extproc.dataplane.render import render
from extproc.dataplane.target import SYSTEM_CA_FILES, Target
from extproc.dataplane.validate import validate
from extproc.model import seams
from tests.unit.deployment.manifests import ROOT, Container, container, document, gateways, ours

PLACES = {"compose": "compose/{}", "k8s": "k8s/deployment.yaml/{}"}


def _pair(place: str) -> tuple[Container, Container]:
    """The workers and the Envoy of one deployment."""
    return container(PLACES[place].format("workers")), container(PLACES[place].format("envoy"))


def _gateway(place: str) -> Gateway:
    return parse(gateways()[place], place)


def _parse_command(arguments: tuple[str, ...]) -> None:
    """Let click read the arguments as it would when called; it raises for what does not exist."""
    command: click.Command = main
    while isinstance(command, click.Group):
        name = arguments[0]
        found = command.get_command(click.Context(command), name)
        assert found is not None, f"extproc has no command {name}"
        command, arguments = found, arguments[1:]
    command.make_context(command.name, list(arguments))


def _commands() -> Iterator[tuple[str, tuple[str, ...]]]:
    for one in ours():
        yield one.place, one.command
        for hook in one.hooks:
            if hook[0] == "extproc":
                yield f"{one.place} hook", hook[1:]


def _documented() -> Iterator[tuple[str, tuple[str, ...]]]:
    """The calls of extproc in the page's shell blocks, an engine's words before them aside."""
    blocks = (ROOT / "docs/deployment.md").read_text().split("```")[1::2]
    text = "\n".join(block.removeprefix("sh") for block in blocks if block.startswith("sh\n")).replace("\\\n", " ")
    for line in text.splitlines():
        words = shlex.split(line.partition("<")[0], comments=True)
        if "extproc" in words:
            yield line, tuple(words[words.index("extproc") + 1 :])


@pytest.mark.parametrize(("place", "arguments"), [*_commands()], ids=str)
def test_every_extproc_command_in_the_manifests_can_be_called_like_this(place: str, arguments: tuple[str, ...]) -> None:
    _parse_command(arguments)


def test_every_extproc_command_in_the_documentation_can_be_called_like_this() -> None:
    documented = list(_documented())
    assert len(documented) >= 3
    for _, arguments in documented:
        _parse_command(arguments)


@pytest.mark.parametrize("one", ours(), ids=lambda one: one.place)
def test_every_variable_exists_and_the_environment_can_be_read(one: Container) -> None:
    names = {name for name in one.environment if name.startswith("EXTPROC_")}
    assert names <= VARIABLES.keys()
    read_environment(one.environment)


@pytest.mark.parametrize("place", PLACES)
def test_the_workers_are_given_every_variable(place: str) -> None:
    # A default of the code is meant for a laptop: in a deployment each address is written down.
    workers, _ = _pair(place)
    is_plain = workers.environment["EXTPROC_VAULT_ADDR"].startswith("http:")
    unneeded = {"EXTPROC_VAULT_CA_FILE"} if is_plain else set()
    if workers.environment["EXTPROC_VAULT_AUTH"] == "approle":
        unneeded |= {"EXTPROC_VAULT_ROLE", "EXTPROC_VAULT_TOKEN_FILE"}
    redis = workers.environment["EXTPROC_REDIS_URL"]
    unneeded |= set() if "sentinel" in redis else {"EXTPROC_REDIS_SENTINEL_PASSWORD_FILE"}
    unneeded |= set() if redis.startswith("rediss:") else {"EXTPROC_REDIS_CA_FILE"}
    assert VARIABLES.keys() - unneeded <= workers.environment.keys()


@pytest.mark.parametrize("place", PLACES)
def test_every_gateway_yaml_is_valid_and_nothing_in_it_is_unused(place: str) -> None:
    assert _gateway(place).warnings == ()


@pytest.mark.parametrize("place", PLACES)
def test_envoy_sees_the_sockets_and_its_files_where_the_workers_put_them(place: str) -> None:
    workers, envoy = _pair(place)
    written = workers.command[workers.command.index("--envoy-dir") + 1]
    for path in (workers.environment["EXTPROC_RUN_DIR"], written):
        ours_, theirs = workers.mount_of(path), envoy.mount_of(path)
        assert (ours_.path, ours_.source) == (theirs.path, theirs.source)
        assert not ours_.is_read_only
        assert theirs.is_read_only
    assert envoy.command[envoy.command.index("-c") + 1] == f"{written}/bootstrap.json"
    assert "bootstrap.json" in render(_gateway(place), Target(Path(written), Path("/run/extproc")))


@pytest.mark.parametrize("place", PLACES)
def test_the_spool_has_a_place_of_its_own_that_can_be_written(place: str) -> None:
    workers, envoy = _pair(place)
    mount = workers.mount_of(workers.environment["EXTPROC_SPOOL_DIR"])
    assert not mount.is_read_only
    assert mount.source not in {each.source for each in envoy.mounts}


@pytest.mark.parametrize("one", ours(), ids=lambda one: one.place)
def test_every_file_that_a_variable_names_is_mounted(one: Container) -> None:
    paths = {
        value: name
        for name, value in one.environment.items()
        if value.startswith("/")
        and name not in {"EXTPROC_RUN_DIR", "EXTPROC_SPOOL_DIR"}
        and (one.command[0] == "serve" or name == "PGSERVICEFILE")
    }
    paths |= {value[0]: name for name, value in _url_files(one)}
    assert paths
    for path in paths:
        mount = one.mount_of(path)
        assert mount.is_read_only
        assert mount.files is None or Path(path).name in mount.files, f"{one.place}: {path} is not in {mount}"


def _url_files(one: Container) -> Iterator[tuple[str, list[str]]]:
    for name in ("EXTPROC_POSTGRES_DSN", *(("EXTPROC_REDIS_URL",) if one.command[0] == "serve" else ())):
        query = parse_qs(urlsplit(one.environment[name]).query)
        for key in ("sslrootcert", "ssl_ca_certs"):
            if key in query:
                yield name, query[key]


@pytest.mark.parametrize("place", PLACES)
def test_the_configuration_is_mounted_so_that_changes_arrive(place: str) -> None:
    workers, _ = _pair(place)
    path = Path(workers.environment["EXTPROC_CONFIG"])
    # The directory itself is the mount; a single mounted file stays what it was.
    assert workers.mount_of(str(path)).path == str(path.parent)
    assert [mount for mount in workers.spec.get("volumeMounts", ()) if "subPath" in mount] == []


@pytest.mark.parametrize("place", PLACES)
def test_the_socket_that_is_waited_for_is_one_the_workers_bind(place: str) -> None:
    workers, _ = _pair(place)
    names = [seams.WORKER_SOCKET.format(index=index) for index in range(_gateway(place).workers)]
    sockets = {f"{workers.environment['EXTPROC_RUN_DIR']}/{name}" for name in names}
    (probe,) = [hook for hook in workers.hooks if hook[0] == "test"]
    assert probe[1] == "-S"
    assert probe[2] in sockets


@pytest.mark.parametrize("place", PLACES)
def test_the_admin_interface_is_on_loopback_and_where_the_commands_look_for_it(place: str) -> None:
    workers, _ = _pair(place)
    admin = _gateway(place).admin
    assert admin.address == "127.0.0.1"
    assert workers.environment["EXTPROC_ENVOY_ADMIN"] == f"http://{admin.address}:{admin.port}"


def test_the_ports_and_the_probe_are_those_of_the_gateway_yaml() -> None:
    gateway, (_, envoy) = _gateway("k8s"), _pair("k8s")
    ports = {port["name"]: port["containerPort"] for port in envoy.spec["ports"]}
    assert ports == {"https": gateway.listener.port, "ready": gateway.health.port}
    assert envoy.spec["readinessProbe"]["httpGet"] == {"path": READY_PATH, "port": "ready"}
    # The kubelet asks from outside the pod.
    assert (gateway.listener.address, gateway.health.address) == ("0.0.0.0", "0.0.0.0")
    assert [port["targetPort"] for port in document("Service", "gateway")["spec"]["ports"]] == ["https"]
    assert (gateway.listener.tls is not None) is ("https" in ports)


def test_the_certificate_is_mounted_where_the_gateway_yaml_has_it() -> None:
    tls, (_, envoy) = _gateway("k8s").listener.tls, _pair("k8s")
    assert tls is not None
    for path, name in ((tls.cert_file, "tls.crt"), (tls.key_file, "tls.key")):
        assert envoy.mount_of(path).source == "tls"
        assert Path(path).name == name  # the keys of a Secret of type kubernetes.io/tls


@pytest.mark.parametrize("place", PLACES)
def test_envoy_takes_what_is_rendered_from_the_gateway_yaml(place: str) -> None:
    target = Target(Path("/run/envoy"), Path("/run/extproc"), system_ca_file=_system_ca())
    validate(render(_gateway(place), target), _envoy())


@pytest.mark.parametrize("place", PLACES)
def test_envoy_takes_every_argument_it_is_started_with(place: str, tmp_path: Path) -> None:
    _, envoy = _pair(place)
    bootstrap = tmp_path / "bootstrap.json"
    bootstrap.write_text("{}")
    arguments = [str(bootstrap) if word.endswith("/bootstrap.json") else word for word in envoy.command]
    done = subprocess.run(
        [_envoy(), *arguments, "--mode", "validate"], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr


def _envoy() -> Path:
    spec = find_spec("envoy")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "_bin" / "envoy"


def _system_ca() -> Path:
    return next(path for path in SYSTEM_CA_FILES if path.is_file())
