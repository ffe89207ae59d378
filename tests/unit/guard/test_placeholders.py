"""What stands where a secret would be is told from one."""

import pytest

from extproc.guard.placeholders import entropy_bits, is_reference, is_uuid, looks_random, names_itself, says_it_is_none


@pytest.mark.parametrize(
    "text", ["YOUR_API_KEY", "sk-xxxxxxxx", "AKIAIOSFODNN7EXAMPLE", "changeme", "<redacted>", "12345678910", "****"]
)
def test_a_placeholder_says_so(text: str) -> None:
    assert says_it_is_none(text)


@pytest.mark.parametrize("text", ["hunter2", "Tr0ub4dor&3", "q8Zk2VnP0wLx"])
def test_a_secret_does_not(text: str) -> None:
    assert not says_it_is_none(text)


def test_a_row_is_no_random_key_but_may_be_a_password() -> None:
    assert says_it_is_none("qwerty123")
    assert not names_itself("qwerty123")
    assert names_itself("changeme")


def test_a_uuid_is_known_whole_and_only_whole() -> None:
    assert is_uuid("550e8400-e29b-41d4-a716-446655440000")
    assert not is_uuid("550e8400-e29b-41d4-a716-446655440000f")


@pytest.mark.parametrize(
    "text",
    [
        "${TOKEN}",
        "$TOKEN",
        "{{ token }}",
        "os.environ[KEY]",
        "os.environ[",
        "Token::Identifier",
        "getpass()",
        "config.password",
        "process.env.KEY",
    ],
)
def test_a_reference_is_no_secret(text: str) -> None:
    assert is_reference(text)


@pytest.mark.parametrize("text", ["hunter2", "p@ssw0rd!", "s3cr3t.v4lue"])
def test_a_value_is_no_reference(text: str) -> None:
    assert not is_reference(text)


def test_entropy_is_nothing_for_one_letter_and_a_bit_for_two() -> None:
    assert entropy_bits("") == entropy_bits("aaaa") == 0
    assert entropy_bits("abab") == 1


def test_words_and_rows_do_not_look_random() -> None:
    assert looks_random("9fQ2x7Lk0PzT")
    assert not looks_random("fading-circle-loading")
    assert not looks_random("a1a1a1a1a1a1")
