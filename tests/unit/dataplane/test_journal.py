"""The records Envoy writes, as ``wire.journal_door`` reads them."""

import re
from typing import Any

import pytest

from extproc.dataplane.journal import attempt_log, exchange_log
from extproc.model import seams


def config(log: Any) -> dict[str, Any]:
    found: dict[str, Any] = log["typed_config"]
    return found


def fields(log: object) -> dict[str, str]:
    return {each["key"]: each["value"]["string_value"] for each in config(log)["attributes"]["values"]}


def test_each_kind_of_record_says_which_it_is() -> None:
    assert fields(exchange_log())["kind"] == seams.LOG_EXCHANGE
    assert fields(attempt_log())["kind"] == seams.LOG_ATTEMPT


def test_an_exchange_has_what_its_record_needs() -> None:
    assert set(fields(exchange_log())) == {
        *("kind", "code", "flags", "duration_ms", "cluster", "method", "protocol", "request_id"),
        *("attempts", "details", "context", "peer", "request_bytes", "response_bytes"),
    }
    assert fields(exchange_log())["attempts"] == "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"
    assert fields(exchange_log())["context"] == "%DYNAMIC_METADATA(gateway.context:exchange)%"


def test_an_attempt_is_counted_from_the_providers_side() -> None:
    attempt, exchange = fields(attempt_log()), fields(exchange_log())
    assert (attempt["request_bytes"], attempt["response_bytes"]) == ("%BYTES_SENT%", "%BYTES_RECEIVED%")
    assert (exchange["request_bytes"], exchange["response_bytes"]) == ("%BYTES_RECEIVED%", "%BYTES_SENT%")


@pytest.mark.parametrize("log", [exchange_log(), attempt_log()], ids=["exchange", "attempt"])
def test_no_record_has_a_path_a_credential_or_a_body(log: object) -> None:
    text = " ".join(fields(log).values()).upper()
    assert not re.search(r":PATH|PATH\(|AUTHORIZATION|API-KEY|COOKIE|QUERY|BODY|GATEWAY\.ATTEMPT", text)


@pytest.mark.parametrize("log", [exchange_log(), attempt_log()], ids=["exchange", "attempt"])
def test_records_are_tried_again_for_two_minutes_and_each_try_has_a_limit(log: object) -> None:
    policy = config(log)["grpc_service"]["retry_policy"]
    base_s, longest_s = (float(policy["retry_back_off"][key][:-1]) for key in ("base_interval", "max_interval"))
    # Envoy draws each pause from nothing to twice the one before; half of it on the average.
    pauses_s = [min(base_s * 2**number, longest_s) / 2 for number in range(policy["num_retries"])]
    assert sum(pauses_s) > 120
    assert longest_s == 5
    assert {"connect-failure", "unavailable", "reset"} < set(policy["retry_on"].split(","))


@pytest.mark.parametrize("log", [exchange_log(), attempt_log()], ids=["exchange", "attempt"])
def test_records_travel_apart_from_the_doors_in_bounded_batches(log: object) -> None:
    found = config(log)
    assert found["grpc_service"]["envoy_grpc"] == {"cluster_name": seams.JOURNAL_CLUSTER}
    assert found["grpc_service"]["timeout"] == "120s"
    assert found["buffer_flush_interval"] == "0.25s"
    assert found["buffer_size_bytes"] == 16384
