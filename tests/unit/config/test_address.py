import pytest

from extproc.config.address import AddressInvalid, ProviderAddress, parse_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://api.openai.com/v1", ProviderAddress("https", "api.openai.com", 443, "/v1")),
        ("https://API.OpenAI.com", ProviderAddress("https", "api.openai.com", 443, "")),
        ("http://127.0.0.1:8000/", ProviderAddress("http", "127.0.0.1", 8000, "")),
        ("http://[::1]/a/b/", ProviderAddress("http", "::1", 80, "/a/b")),
        ("https://a_b.example:8443/v1.0/x~y", ProviderAddress("https", "a_b.example", 8443, "/v1.0/x~y")),
    ],
)
def test_a_base_url_is_taken_apart(url: str, address: ProviderAddress) -> None:
    assert parse_address(url) == address


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "api.openai.com/v1",
            "ftp://x",
            "file:///etc/passwd",
            "https://",
            "https:///v1",
            "https://x:0",
            "https://x:y",
        ),
        *(
            "https://x:65536",
            "https://u@x",
            "https://u:p@x",
            "https://x/?q",
            "https://x/#f",
            "https://x?",
            "https://x#",
        ),
        *(
            "https://x//y",
            "https://x/../y",
            "https://x/./y",
            "https://x/%2e",
            "https://x/a b",
            "https://x y",
            "https://[x]",
        ),
        *("https://1.2.3", "https://256.1.1.1", "https://-x", "https://x..y", "https://x/\n", "https://é.example"),
    ],
)
def test_what_is_not_an_address_is_refused(url: str) -> None:
    with pytest.raises(AddressInvalid):
        parse_address(url)


def test_a_host_is_private_only_where_no_question_of_dns_can_change_it() -> None:
    for host in ("localhost", "127.8.8.8", "10.1.1.1", "172.31.0.1", "192.168.1.1", "100.64.0.1", "[::1]", "[fd12::1]"):
        assert parse_address(f"http://{host}").is_private, host
    for host in (
        "example.com",
        "172.32.0.1",
        "100.128.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "[fe80::1]",
        "x.svc.example",
    ):
        assert not parse_address(f"http://{host}").is_private, host
