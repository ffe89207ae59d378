"""Which route a request takes, and what each does with it."""

import json
from typing import Any

import pytest

from extproc.dataplane.replies import body_of
from extproc.dataplane.routes import body_limit
from extproc.model import refusals, seams
from extproc.model.refusals import Kind
from tests.unit.dataplane.samples import built, gateway, route


def table(more: str = "") -> dict[str, Any]:
    found: dict[str, Any] = built(more=more)["rds.json"]["resources"][0]
    return found


def named(name: str, more: str = "") -> dict[str, Any]:
    found: dict[str, Any] = next(
        each for host in table(more)["virtual_hosts"] for each in host["routes"] if each.get("name") == name
    )
    return found


@pytest.mark.parametrize(
    ("name", "kind"), [("too_large", refusals.REQUEST_TOO_LARGE), ("unknown_host", refusals.UNKNOWN_HOST)]
)
def test_what_envoy_answers_itself_has_our_error_and_costs_no_worker(name: str, kind: Kind) -> None:
    found = named(name)
    assert found["direct_response"] == {"status": kind.status, "body": {"inline_string": body_of(kind)}}
    assert all(each["disabled"] for each in found["typed_per_filter_config"].values())
    assert "gateway.admission" in found["typed_per_filter_config"]
    (header,) = found["response_headers_to_add"]
    assert header["header"] == {"key": "content-type", "value": "application/json"}


def test_every_route_to_providers_asks_admission_and_takes_its_order() -> None:
    names = [each["name"] for each in table()["virtual_hosts"][0]["routes"] if "route" in each]
    assert names == ["exchange", "exchange_undeclared"]
    for name in names:
        found = named(name)
        assert "gateway.admission" not in found.get("typed_per_filter_config", {})
        order = found["route"]["inline_cluster_specifier_plugin"]["extension"]["typed_config"]
        assert order["override_metadata_namespace"] == seams.NAMESPACE_ORDER
        assert json.dumps(order["priority_groups"]).count("cluster_name") == 1
        assert order["priority_groups"][0]["clusters"][0]["cluster_name"] == seams.DENY_CLUSTER


def test_a_body_of_any_length_meets_one_limit() -> None:
    more = "limits: {max_body_bytes: 4096}"
    ranges = {
        name: next(each["range_match"] for each in named(name, more)["match"]["headers"] if "range_match" in each)
        for name in ("too_large", "exchange")
    }
    assert ranges["exchange"] == {"start": 0, "end": 4097}
    assert ranges["too_large"]["start"] == 4097
    assert "gateway.body_limit" not in named("exchange_undeclared", more).get("typed_per_filter_config", {})
    filter_: Any = body_limit(gateway("a", more=more))
    assert filter_["typed_config"]["max_request_bytes"] == 4096


def test_what_admission_wrote_is_never_too_large() -> None:
    (undecided,) = (each for each in named("too_large")["match"]["headers"] if each["name"] == "x-envoy-max-retries")
    assert (undecided["present_match"], undecided["invert_match"]) == (True, True)


def test_a_long_answer_is_cut_by_silence_and_never_by_a_sum_of_seconds() -> None:
    action = route(built())["route"]
    assert action["timeout"] == "0s"
    assert float(action["idle_timeout"].rstrip("s")) > 605


def test_no_caller_sees_what_is_between_us_and_envoy() -> None:
    removed = table()["response_headers_to_remove"]
    assert seams.RETRY_HEADER in removed
    assert "x-envoy-attempt-count" in removed
    assert "x-envoy-upstream-service-time" in removed


def test_a_host_is_known_with_and_without_its_port() -> None:
    assert table()["ignore_port_in_host_matching"] is True


def test_with_an_allow_list_other_hosts_never_reach_admission() -> None:
    ours, others = table("listener: {hosts: [a.example]}")["virtual_hosts"]
    assert (ours["domains"], others["domains"]) == (["a.example"], ["*"])
    assert [each["name"] for each in others["routes"]] == ["unknown_host"]
    assert "unknown_host" not in [each.get("name") for each in ours["routes"]]
