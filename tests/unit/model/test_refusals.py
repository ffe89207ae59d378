"""The table of refusals as applications rely on it."""

from http import HTTPStatus

import pytest

from extproc.model import refusals
from extproc.model.refusals import INVALID_API_KEY, INVALID_JSON, Kind, Refusal, Unavailable

_CODES = """
    ambiguous_credentials completion_blocked content_blocked content_filter context_length_exceeded
    credential_in_query data_boundary dependency_unavailable duplicate_key forbidden_field gateway_unavailable
    insufficient_quota internal_error invalid_api_key invalid_json invalid_request method_not_allowed
    missing_credentials model_not_found model_without_price not_cached operation_not_supported rate_limit_exceeded
    request_timeout request_too_large scanner_unavailable too_complex unknown_host unknown_path
    unsupported_content_encoding unsupported_content_type upstream_error upstream_invalid_response
    upstream_rate_limited upstream_rejected upstream_response_too_large upstream_timeout upstream_unavailable
"""
KINDS = [value for value in vars(refusals).values() if isinstance(value, Kind)]


def test_a_code_names_one_refusal_for_good() -> None:
    assert sorted(kind.code for kind in KINDS) == sorted(_CODES.split())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_type_and_status_tell_the_same_story(kind: Kind) -> None:
    by_type = {
        "invalid_request_error": range(400, 432),
        "authentication_error": [HTTPStatus.UNAUTHORIZED],
        "permission_error": [HTTPStatus.FORBIDDEN],
        "not_found_error": [HTTPStatus.NOT_FOUND],
        "rate_limit_error": [HTTPStatus.TOO_MANY_REQUESTS],
        "server_error": range(500, 505),
    }
    assert kind.status in by_type[kind.type]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_a_message_is_one_whole_sentence(kind: Kind) -> None:
    assert kind.message[0].isupper()
    assert kind.message[-1] in ".…"
    assert "\n" not in kind.message


def test_a_refusal_says_more_where_it_can_and_its_kinds_words_where_not() -> None:
    assert str(Refusal(INVALID_JSON)) == f"invalid_json: {INVALID_JSON.message}"
    assert str(Refusal(INVALID_JSON, "line 3")) == "invalid_json: line 3"


def test_why_a_key_is_not_valid_is_not_told() -> None:
    """Unknown, expired and revoked are one kind: whoever guesses learns nothing."""
    about_keys = {kind.code for kind in KINDS if kind.status == HTTPStatus.UNAUTHORIZED}
    assert about_keys == {"missing_credentials", INVALID_API_KEY.code}


def test_an_outage_names_the_dependency_and_the_reason() -> None:
    assert str(Unavailable("postgres", "no answer in 1 s")) == "postgres unavailable: no answer in 1 s"


def test_two_refusals_are_never_the_same_and_can_be_raised_again() -> None:
    first = Refusal(INVALID_JSON)
    assert first != Refusal(INVALID_JSON)
    with pytest.raises(Refusal) as raised:
        raise first
    assert raised.value is first
