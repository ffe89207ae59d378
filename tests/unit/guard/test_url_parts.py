"""A URL is read as a browser would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.guard.url_parts import Url, is_within, parts_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://Example.COM:8443/p?q=1#f", Url("https", "", "example.com", "/p", "q=1#f")),
        ("//cdn.example/x", Url("", "", "cdn.example", "/x", "")),
        ("https:\\\\a.example\\b", Url("https", "", "a.example", "\\b", "")),
        ("http:/a.example", Url("http", "", "a.example", "", "")),
        ("https://bank.example@evil.example/", Url("https", "bank.example", "evil.example", "/", "")),
        ("https://a@b@evil.example.", Url("https", "a@b", "evil.example", "", "")),
        ("htt\nps://a.example", Url("https", "", "a.example", "", "")),
        ("www.a.example/x", Url("http", "", "www.a.example", "/x", "")),
        ("javascript:alert(1)", Url("javascript", "", "", "alert(1)", "")),
        ("/local?x", Url("", "", "", "/local", "x")),
        ("https://[::1]:80/", Url("https", "", "[::1]", "/", "")),
        ("https://bücher.example", Url("https", "", "xn--bcher-kva.example", "", "")),
        ("https://ex%61mple.com", Url("https", "", "example.com", "", "")),
    ],
)
def test_reads_the_parts(text: str, expected: Url) -> None:
    assert parts_of(text) == expected


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f000001", "0x7f.1", "[::1]", "017700000001"])
def test_knows_addresses_however_they_are_written(host: str) -> None:
    assert parts_of(f"http://{host}/").is_address


def test_a_name_with_digits_is_no_address() -> None:
    assert not parts_of("http://1password.example").is_address
    assert not parts_of("http://a.123.example").is_address


def test_knows_hosts_that_are_not_plain_ascii() -> None:
    assert parts_of("https://xn--80ak6aa92e.example").is_international
    assert parts_of("https://аpple.example").is_international  # noqa: RUF001
    assert not parts_of("https://apple.example").is_international


def test_an_entry_covers_a_host_or_what_is_below_it() -> None:
    assert is_within("a.example", "a.example")
    assert not is_within("b.a.example", "a.example")
    assert is_within("b.a.example", "*.a.example")
    assert not is_within("a.example", "*.a.example")
    assert not is_within("ba.example", "*.a.example")
    assert not is_within("bba.example", "*.a.example")


@given(st.text())
def test_anything_has_parts(text: str) -> None:
    url = parts_of(f"https://{text}")
    assert url.is_address in {True, False}
    assert url.is_international in {True, False}
