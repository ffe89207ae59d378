import pytest

from extproc.dialects.surfaces import SURFACES, surface_of


@pytest.mark.parametrize(
    ("path", "is_versioned", "expected"),
    [
        ("/v1/messages", False, "anthropic"),
        ("/v1/messages?beta=true", False, "anthropic"),
        ("/v1/messages/count_tokens", False, "anthropic"),
        ("/v1/messages/batches", False, "anthropic"),
        ("/v1/messagesfoo", True, "openai"),
        ("/v1/models", False, "openai"),
        ("/v1/models", True, "anthropic"),
        ("/v1/models?limit=3", True, "anthropic"),
        ("/v1/models/one", True, "anthropic"),
        ("/v1/modelsfoo", True, "openai"),
        ("/v1/chat/completions", True, "openai"),
        ("", False, "openai"),
    ],
)
def test_a_request_has_the_surface_of_its_path(path: str, *, is_versioned: bool, expected: str) -> None:
    version = (("anthropic-version", "2023-06-01"),) if is_versioned else ()
    name = surface_of(((":path", path), *version))
    assert name == expected
    assert name in SURFACES
