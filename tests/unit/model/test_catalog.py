from dataclasses import replace

import pytest

from extproc.model.catalog import Catalog, Deployment, Model, Operation, Timeouts
from extproc.model.ids import DeploymentName, GroupName, ModelName
from extproc.model.routing import Auto, Member, RoutingGroup, Strategy

DEPLOYMENT = Deployment(
    name=DeploymentName("d0"),
    dialect="openai",
    scheme="https",
    host="api.example.com",
    port=443,
    base_path="/v1",
    upstream_model="m",
    operations=frozenset({Operation.CHAT}),
    credential=None,
    timeouts=Timeouts(1, 1, 1, 1),
    max_connections=1,
    ca_file=None,
)


@pytest.mark.parametrize(
    ("scheme", "host", "port", "authority"),
    [
        ("https", "api.example.com", 443, "api.example.com"),
        ("https", "api.example.com", 80, "api.example.com:80"),
        ("http", "api.example.com", 80, "api.example.com"),
        ("http", "api.example.com", 443, "api.example.com:443"),
        ("https", "10.0.0.1", 8443, "10.0.0.1:8443"),
        ("https", "::1", 443, "[::1]"),
        ("http", "::1", 8000, "[::1]:8000"),
    ],
)
def test_a_provider_is_named_with_its_port_only_where_the_scheme_has_another(
    scheme: str, host: str, port: int, authority: str
) -> None:
    assert replace(DEPLOYMENT, scheme=scheme, host=host, port=port).authority == authority


def group(name: str, *members: str, fallbacks: tuple[str, ...] = ()) -> tuple[GroupName, RoutingGroup]:
    placed = tuple(Member(DeploymentName(each)) for each in members)
    behind = tuple(GroupName(each) for each in fallbacks)
    return GroupName(name), RoutingGroup(GroupName(name), Strategy.PRIORITY, placed, behind)


def test_behind_a_model_stand_its_groups_and_theirs_one_level_deep_each_once() -> None:
    groups = dict(
        [
            group("cheap", "a", "b", fallbacks=("spare",)),
            group("premium", "b", "c", fallbacks=("cheap",)),
            group("spare", "d", "a", fallbacks=("hidden",)),
            group("hidden", "e"),
        ]
    )
    models = {
        ModelName("plain"): Model(ModelName("plain"), GroupName("premium"), "us", 0),
        ModelName("auto"): Model(ModelName("auto"), Auto(GroupName("cheap"), GroupName("premium")), "us", 0),
    }
    deployments = {DeploymentName(name): replace(DEPLOYMENT, name=DeploymentName(name)) for name in "abcde"}
    catalog = Catalog("v", models, groups, deployments)
    assert [each.name for each in catalog.groups_of(ModelName("plain"))] == ["premium", "cheap"]
    assert [each.name for each in catalog.deployments_of(ModelName("plain"))] == ["b", "c", "a"]
    assert [each.name for each in catalog.groups_of(ModelName("auto"))] == ["cheap", "spare", "premium"]
    assert [each.name for each in catalog.deployments_of(ModelName("auto"))] == ["a", "b", "d", "c"]
