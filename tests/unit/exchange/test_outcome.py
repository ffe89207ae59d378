import pytest

from extproc.exchange.outcome import read_outcome
from extproc.model.exchange import ExchangeContext, Outcome
from tests.unit.exchange.test_delivery import context

CONTEXT = context()


@pytest.mark.parametrize(
    ("status", "flags", "details", "known", "expected"),
    [
        (200, "-", "via_upstream", CONTEXT, Outcome.ANSWERED),
        (200, "", "gateway:answered", None, Outcome.ANSWERED),
        (200, "DC", "downstream_remote_disconnect", CONTEXT, Outcome.ABANDONED),
        (0, "DC", "downstream_remote_disconnect", CONTEXT, Outcome.ABANDONED),
        (0, "-", "", None, Outcome.FAILED),
        (200, "UR", "upstream_reset", CONTEXT, Outcome.FAILED),
        (200, "-", "ext_proc_error_gRPC_error_13", CONTEXT, Outcome.FAILED),
        (401, "-", "gateway:invalid_api_key", None, Outcome.REFUSED),
        (400, "-", "gateway:invalid_request", CONTEXT, Outcome.FAILED),
        (503, "UF", "upstream_reset", CONTEXT, Outcome.FAILED),
        (413, "-", "request_payload_too_large", None, Outcome.REFUSED),
    ],
)
def test_an_end_is_named_by_what_the_caller_got(
    status: int, flags: str, details: str, known: ExchangeContext | None, expected: Outcome
) -> None:
    assert read_outcome(status, flags, details, known) is expected
