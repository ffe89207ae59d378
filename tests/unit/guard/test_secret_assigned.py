"""A value is a secret by the name in front of it, if it could be one."""

import pytest

from extproc.guard.secret_assigned import assigned, aws_secrets

KEY = "9fQ2x7Lk0PzTb4Wm" + "Vn8cYd3R"


def values(text: str) -> list[tuple[str, str]]:
    return [(kind, text[start:end]) for kind, start, end in assigned(text.encode())]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("password=hunter2!", "hunter2!"),
        ("my password is Tr0ub4dor&3.", "Tr0ub4dor&3"),
        ('{"passwd": "p@ss12x"}', "p@ss12x"),
        ("DB_PASSWORD: 'qu33n-b33'", "qu33n-b33"),
        ("pwd := k1ngdom#", "k1ngdom#"),
        ("password=qwerty123456789", "qwerty123456789"),
    ],
)
def test_a_password_is_what_follows_its_name(text: str, value: str) -> None:
    assert values(text) == [("password", value)]


@pytest.mark.parametrize(
    "text", [f"api_key={KEY}", f'"client_secret": "{KEY}"', f"X-Auth-Token: {KEY}", f"apiKey => '{KEY}'"]
)
def test_a_key_is_what_follows_its_name(text: str) -> None:
    assert ("assigned", KEY) in values(text)


def test_an_authorization_header_has_a_secret() -> None:
    assert values(f"Authorization: Bearer {KEY}") == [("authorization", KEY)]


@pytest.mark.parametrize(
    "text",
    [
        "password: required",
        "the password is incorrect",
        "password=${DB_PASSWORD}",
        "api_key: YOUR_API_KEY_GOES_HERE_1",
        "max_tokens: 4096, token_count=123456789012",
        "secret: 550e8400-e29b-41d4-a716-446655440000",
        "output_token: continuationTokenOfPage",
        "tokens: List[Union[str, AddedToken2]]",
        "tokenizer: bert-base-uncased-2024-v1",
        "token: str = Field(default=None)",
    ],
)
def test_words_numbers_references_and_identifiers_are_no_secrets(text: str) -> None:
    assert values(text) == []


def test_an_aws_secret_needs_its_forty_characters_and_a_word_before() -> None:
    secret = "wJ4lrXUtnF3MI/K7MDENG" + "+bPxRfiCYzQ9sT0uVw1"
    assert len(secret) == 40
    text = f"aws secret access key {secret}\n"
    assert [text[a:b] for a, b in aws_secrets(text.encode())] == [secret]
    assert list(aws_secrets(f"blob {secret}\n".encode())) == []
    assert list(aws_secrets(f"aws {secret}x\n".encode())) == []
