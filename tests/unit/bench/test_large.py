import pytest

from bench.large import MODEL, gateway_yaml
from extproc.config.gateway import parse
from extproc.model.dialects import DIALECTS
from extproc.model.ids import DeploymentName, ModelName

URL = "http://127.0.0.1:9/v1"


@pytest.mark.parametrize("count", [10, 100, 1000])
def test_a_large_file_is_a_valid_gateway_of_that_many_deployments(count: int) -> None:
    gateway = parse(gateway_yaml(count, URL), "large")
    assert gateway.warnings == ()
    assert len(gateway.catalog.deployments) == count
    assert {len(group.members) for group in gateway.catalog.groups.values()} == {10}
    ours = gateway.catalog.groups_of(ModelName(MODEL))[0]
    assert {gateway.catalog.deployments[member.deployment].port for member in ours.members} == {9}


def test_every_dialect_is_among_them() -> None:
    deployments = parse(gateway_yaml(100, URL), "large").catalog.deployments.values()
    assert {each.dialect for each in deployments} == set(DIALECTS)


def test_another_first_name_is_another_cluster_and_nothing_else() -> None:
    before, after = (parse(gateway_yaml(20, URL, first=name), "large").catalog for name in ("d-0", "other"))
    assert set(before.deployments) ^ set(after.deployments) == {DeploymentName("d-0"), DeploymentName("other")}
