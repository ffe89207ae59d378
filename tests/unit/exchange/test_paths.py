import pytest

from extproc.exchange.paths import read_path
from extproc.model.catalog import Operation
from extproc.model.refusals import METHOD_NOT_ALLOWED, UNKNOWN_PATH, Refusal


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/v1/chat/completions", (Operation.CHAT, "", "")),
        ("POST", "/v1/embeddings?a=b&c", (Operation.EMBEDDINGS, "", "a=b&c")),
        ("POST", "/v1/messages", (Operation.CHAT, "", "")),
        ("POST", "/v1/messages?beta=true", (Operation.CHAT, "", "beta=true")),
        ("POST", "/v1/messages/count_tokens", (Operation.COUNT_TOKENS, "", "")),
        ("GET", "/v1/models", (Operation.LIST_MODELS, "", "")),
        ("GET", "/v1/models/gpt-4o", (Operation.SHOW_MODEL, "gpt-4o", "")),
        ("GET", "/v1/models/org/model:1.5?x", (Operation.SHOW_MODEL, "org/model:1.5", "x")),
    ],
)
def test_every_served_path_names_its_operation(method: str, path: str, expected: object) -> None:
    assert read_path(method, path) == expected


@pytest.mark.parametrize(
    "path",
    [
        "",
        "*",
        "/v1/models/",
        "/v1/models/-x",
        "/v1/models/a%2fb",
        "/v1/models/\n",
        "v1/models",
        "/v1/messages/",
        "/v1/messages/batches",
    ],
)
def test_anything_else_does_not_exist(path: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_path("GET", path)
    assert caught.value.kind is UNKNOWN_PATH


def test_a_path_is_unknown_before_its_method_is_wrong() -> None:
    with pytest.raises(Refusal) as caught:
        read_path("DELETE", "/v1/models/x")
    assert caught.value.kind is METHOD_NOT_ALLOWED
    assert caught.value.headers == (("allow", "GET"),)
