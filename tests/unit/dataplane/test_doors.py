from typing import Any

import pytest

from extproc.dataplane.doors import ADMISSION_MODE, DELIVERY_MODE, admission, delivery, worker_retry
from extproc.model import seams


def config(message: Any) -> dict[str, Any]:
    found: dict[str, Any] = message["typed_config"]
    return found


@pytest.mark.parametrize(
    ("door", "name", "mode"),
    [
        (admission(5.0), seams.DOOR_ADMISSION, ADMISSION_MODE),
        (delivery(630.0), seams.DOOR_DELIVERY, DELIVERY_MODE),
    ],
    ids=["admission", "delivery"],
)
def test_a_door_says_which_it_is_and_fails_closed_with_a_fault_of_ours(
    door: object, name: str, mode: dict[str, str]
) -> None:
    found = config(door)
    assert found["grpc_service"]["envoy_grpc"] == {"cluster_name": seams.EXTPROC_CLUSTER}
    assert found["grpc_service"]["initial_metadata"] == [{"key": seams.DOOR_KEY, "value": name}]
    assert found["failure_mode_allow"] is False
    assert found["allow_mode_override"] is False
    assert found["status_on_error"] == {"code": "ServiceUnavailable"}
    assert found["stat_prefix"] == name
    assert found["processing_mode"] == mode


def test_admission_may_write_what_an_exchange_needs_and_is_told_no_metadata() -> None:
    options = config(admission(5.0))["metadata_options"]
    assert options == {
        "receiving_namespaces": {
            "untyped": [seams.NAMESPACE_ORDER, seams.NAMESPACE_CONTEXT, seams.NAMESPACE_SEALED, seams.NAMESPACE_ATTEMPT]
        }
    }


def test_delivery_is_told_the_context_and_never_an_attempts_body_or_credential_and_may_write_nothing() -> None:
    assert config(delivery(5.0))["metadata_options"] == {
        "forwarding_namespaces": {"untyped": [seams.NAMESPACE_CONTEXT, seams.NAMESPACE_SEALED]}
    }


@pytest.mark.parametrize(("asked_s", "given"), [(0.5, "0.5s"), (3600.0, "3600s"), (36_000.0, "3600s")])
def test_the_longest_wait_is_what_the_field_can_hold(asked_s: float, given: str) -> None:
    assert config(delivery(asked_s))["message_timeout"] == given
    assert worker_retry(asked_s)["retry_back_off"]["max_interval"] == given  # type: ignore[index, call-overload]


def test_a_worker_that_restarts_is_passed_over_and_no_answer_is_asked_for_twice() -> None:
    policy: Any = worker_retry(5.0)
    assert policy["num_retries"] == 3
    assert {"connect-failure", "refused-stream", "unavailable"} <= set(policy["retry_on"].split(","))
    (predicate,) = policy["retry_host_predicate"]
    assert predicate["name"] == "envoy.retry_host_predicates.previous_hosts"
    assert policy["host_selection_retry_max_attempts"] > policy["num_retries"]
