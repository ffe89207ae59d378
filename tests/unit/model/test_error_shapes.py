import pytest
from anthropic.types import ErrorResponse

from extproc.model import refusals
from extproc.model.error_shapes import anthropic_error, anthropic_type, openai_error
from extproc.model.refusals import Kind

KINDS = [kind for kind in vars(refusals).values() if isinstance(kind, Kind)]


def test_openais_shape_has_four_fields() -> None:
    assert openai_error(refusals.INVALID_REQUEST, "n is odd", "n") == {
        "error": {"message": "n is odd", "type": "invalid_request_error", "param": "n", "code": "invalid_request"}
    }
    assert openai_error(refusals.UPSTREAM_ERROR)["error"]["message"] == refusals.UPSTREAM_ERROR.message


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_every_refusal_is_an_error_that_the_anthropic_sdk_knows(kind: Kind) -> None:
    shape = anthropic_error(kind, request_id="r")
    assert shape["error"]["code"] == kind.code
    if kind is refusals.REQUEST_TOO_LARGE:
        # The API's pages have this type, the SDK's models do not.
        shape["error"]["type"] = "invalid_request_error"
    read = ErrorResponse.model_validate(shape)
    assert (read.request_id, read.error.message) == ("r", kind.message)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (refusals.INVALID_API_KEY, "authentication_error"),
        (refusals.MODEL_NOT_FOUND, "not_found_error"),
        (refusals.METHOD_NOT_ALLOWED, "invalid_request_error"),
        (refusals.REQUEST_TOO_LARGE, "request_too_large"),
        (refusals.REQUEST_TIMEOUT, "timeout_error"),
        (refusals.UPSTREAM_RATE_LIMITED, "rate_limit_error"),
        (refusals.UPSTREAM_ERROR, "api_error"),
        (refusals.UPSTREAM_TIMEOUT, "timeout_error"),
        (refusals.GATEWAY_UNAVAILABLE, "overloaded_error"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.code,
)
def test_a_status_has_anthropics_word(kind: Kind, expected: str) -> None:
    assert anthropic_type(kind) == expected


def test_a_parameter_is_named_where_there_is_one_and_an_id_where_it_is_known() -> None:
    assert anthropic_error(refusals.INVALID_REQUEST, "no", "top_k")["error"]["param"] == "top_k"
    shape = anthropic_error(refusals.INVALID_REQUEST)
    assert "param" not in shape["error"]
    assert shape["request_id"] is None
