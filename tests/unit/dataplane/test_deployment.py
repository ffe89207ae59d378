"""One provider's cluster: how it is found, trusted, bounded and given up."""

from typing import Any

import pytest

from extproc.config.gateway import parse
from extproc.dataplane.deployment import cluster_name, deployment_cluster, read_rewrite
from extproc.model import seams
from tests.unit.dataplane.samples import TARGET, http_options


def cluster(base_url: str = "https://api.example.com/v1", more: str = "") -> dict[str, Any]:
    text = f"deployments: [{{name: d-1, base_url: '{base_url}', upstream_model: m{more}}}]\n"
    gateway = parse(text + "models: [{name: m, deployments: [d-1]}]", "x")
    found: Any = deployment_cluster(gateway.catalog.deployments["d-1"], TARGET, "-- rewrite")
    assert found["name"] == cluster_name(gateway.catalog.deployments["d-1"]) == "deployment.d-1"
    return dict(found)


def tls(found: dict[str, Any]) -> dict[str, Any]:
    context: dict[str, Any] = found["transport_socket"]["typed_config"]
    return context


def test_a_name_is_resolved_and_an_address_is_not() -> None:
    assert cluster()["cluster_type"]["name"] == "envoy.cluster.dns"
    for url in ("https://10.0.0.1/v1", "http://[fd00::1]:8000/v1"):
        found = cluster(url)
        assert found["type"] == "STATIC"
        assert "cluster_type" not in found


@pytest.mark.parametrize(
    ("url", "kind", "name", "sni"),
    [
        ("https://api.example.com/v1", "DNS", "api.example.com", "api.example.com"),
        ("https://10.0.0.1:8443/v1", "IP_ADDRESS", "10.0.0.1", None),
        ("https://[fd00::1]/v1", "IP_ADDRESS", "fd00::1", None),
    ],
)
def test_only_a_certificate_for_that_very_provider_will_do(url: str, kind: str, name: str, sni: str | None) -> None:
    context = tls(cluster(url))
    validation = context["common_tls_context"]["validation_context"]
    assert validation["match_typed_subject_alt_names"] == [{"san_type": kind, "matcher": {"exact": name}}]
    assert context.get("sni") == sni
    assert context["common_tls_context"]["tls_params"]["tls_minimum_protocol_version"] == "TLSv1_2"


def test_a_deployments_own_bundle_is_trusted_in_place_of_the_systems() -> None:
    def trusted(found: dict[str, Any]) -> object:
        return tls(found)["common_tls_context"]["validation_context"]["trusted_ca"]

    assert trusted(cluster()) == {"filename": str(TARGET.system_ca_file)}
    assert trusted(cluster(more=", ca_file: /ca.pem")) == {"filename": "/ca.pem"}


def test_cleartext_has_no_tls_at_all() -> None:
    assert "transport_socket" not in cluster("http://10.0.0.1/v1")


def test_every_bound_of_a_deployment_is_its_own_and_none_is_envoys_default() -> None:
    (threshold,) = cluster(more=", max_connections: 7")["circuit_breakers"]["thresholds"]
    assert threshold == dict.fromkeys(("max_connections", "max_pending_requests", "max_requests", "max_retries"), 7)
    assert cluster(more=", timeouts: {connect_s: 1.5}")["connect_timeout"] == "1.5s"


def test_envoy_ejects_no_provider_of_its_own_accord() -> None:
    # A cluster without a healthy host would end the order of attempts. The workers' shared health leaves it alone.
    assert "outlier_detection" not in cluster()
    assert "health_checks" not in cluster()


def test_a_provider_that_cannot_be_reached_is_refused_at_once_by_the_last_resort() -> None:
    provider, refused = cluster("https://10.0.0.1:8443/v1")["load_assignment"]["endpoints"]
    assert "priority" not in provider
    assert refused["priority"] == 1
    (endpoint,) = refused["lb_endpoints"]
    assert endpoint["endpoint"]["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 1}


def test_envoy_waits_longer_for_delivery_than_delivery_for_the_provider() -> None:
    found = cluster(more=", timeouts: {first_token_s: 700, total_s: 5, idle_s: 6}")
    delivery = http_options(found)["http_filters"][0]["typed_config"]
    assert float(delivery["message_timeout"].rstrip("s")) > 700


def test_an_attempt_is_judged_then_rewritten_then_sent() -> None:
    names = [each["name"] for each in http_options(cluster())["http_filters"]]
    assert names == ["gateway.delivery", "gateway.attempt_rewrite", "envoy.filters.http.upstream_codec"]


def test_the_rewrite_is_the_package_s_file_and_knows_the_metadata_by_our_names() -> None:
    source = read_rewrite()
    assert f'"{seams.NAMESPACE_ATTEMPT}"' in source
    assert "DEPLOYMENT" in source
