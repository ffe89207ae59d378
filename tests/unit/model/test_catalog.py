from dataclasses import replace

import pytest

from extproc.model.catalog import Deployment, Operation, Timeouts
from extproc.model.ids import DeploymentName

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
