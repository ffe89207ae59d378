from pathlib import Path

import pytest

from extproc.config.gateway import Endpoint
from extproc.dataplane.target import SYSTEM_CA_FILES, Target, find_system_ca
from tests.unit.dataplane.samples import TARGET, gateway

GATEWAY = gateway("a", more="listener: {address: 10.0.0.1, port: 1}\nadmin: {port: 2}\nhealth: {port: 3}\nworkers: 3")


def test_without_overrides_every_address_is_gateway_yamls() -> None:
    assert TARGET.listen(GATEWAY) == Endpoint("10.0.0.1", 1)
    assert TARGET.admin(GATEWAY) == Endpoint("127.0.0.1", 2)
    assert TARGET.health(GATEWAY) == Endpoint("127.0.0.1", 3)


@pytest.mark.parametrize(
    ("target", "listens"),
    [
        (Target(Path("/x"), Path("/s"), listen_port=0), Endpoint("10.0.0.1", 0)),
        (Target(Path("/x"), Path("/s"), listen_address="::"), Endpoint("::", 1)),
    ],
)
def test_an_override_replaces_only_what_it_names_and_port_0_is_one(target: Target, listens: Endpoint) -> None:
    assert target.listen(GATEWAY) == listens
    assert target.admin(GATEWAY) == Endpoint("127.0.0.1", 2)


def test_there_is_a_socket_for_every_worker() -> None:
    assert TARGET.worker_sockets(GATEWAY) == [f"/run/extproc/worker-{index}.sock" for index in range(3)]


def test_a_file_is_where_envoy_will_look_for_it() -> None:
    assert TARGET.file("cds.json") == "/etc/envoy/xds/cds.json"


def test_the_systems_bundle_is_one_that_is_there_or_the_commonest_name() -> None:
    found = find_system_ca()
    assert found in SYSTEM_CA_FILES
    assert found.is_file() or not any(path.is_file() for path in SYSTEM_CA_FILES)
