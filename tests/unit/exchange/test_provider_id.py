import pytest

from extproc.exchange.provider_id import read_provider_id


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-request-id": "req_1"}, "req_1"),
        ({"x-request-id": "x-1", "apim-request-id": "a-1"}, "a-1"),
        ({"request-id": "req_2", "x-request-id": "edge"}, "req_2"),
        ({"x-amzn-requestid": "9c1"}, "9c1"),
        ({"x-request-id": "ours"}, ""),
        ({"request-id": "two words", "x-request-id": "y" * 201}, ""),
        ({"request-id": ""}, ""),
        ({}, ""),
    ],
)
def test_an_attempt_is_known_by_its_providers_own_name(headers: dict[str, str], expected: str) -> None:
    assert read_provider_id(tuple(headers.items()), "ours") == expected
