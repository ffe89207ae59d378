"""Each format compiles for an automaton, begins at a word and captures nothing, so that all are one pass."""

import string

import pytest
import re2

from extproc.guard.secret_formats import FORMATS, PRIVATE_KEY, URL_CREDENTIALS, Format


def test_no_kind_is_listed_twice() -> None:
    assert len({f.kind for f in FORMATS}) == len(FORMATS)


@pytest.mark.parametrize("each", FORMATS, ids=lambda f: f.kind)
def test_a_format_captures_nothing(each: Format) -> None:
    assert re2.compile(each.pattern.encode()).groups == 0


@pytest.mark.parametrize("each", FORMATS, ids=lambda f: f.kind)
def test_no_format_is_found_in_prose(each: Format) -> None:
    prose = b"The quick brown fox, version 1.2.3 of 2024-01-02, wrote task-list-items to https://fox.example/den?q=1."
    assert re2.compile(rb"\b(?:" + each.pattern.encode() + rb")").search(prose) is None


@pytest.mark.parametrize("name", ["PRIVATE KEY", "RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"])
@pytest.mark.parametrize("line_break", ["\n", "\\n", "\r\n"])
def test_a_private_key_is_found_to_its_last_line(name: str, line_break: str) -> None:
    body = line_break.join([string.ascii_letters + "01234567"] * 3 + ["Zm9v=="])
    block = f"-----BEGIN {name}-----{line_break}{body}{line_break}-----END {name}-----"
    found = re2.compile(PRIVATE_KEY.encode()).search(f"see {block} there".encode())
    assert found.group().decode() == block


def test_credentials_in_a_url_need_a_password_and_a_host() -> None:
    pattern = re2.compile(URL_CREDENTIALS.encode())
    assert pattern.search(b"postgres://app:s3@db/x")
    assert not pattern.search(b"https://host:8080/path@home")
    assert not pattern.search(b"https://user@host/")
