"""Which Redis a URL means."""

import pytest

from extproc.adapters.redis_address import Address, AddressInvalid, Cluster, Sentinels, Single, read_address

HOSTS = (("a.example", 1), ("10.0.0.2", 2))


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://h:1/2", Single("redis://h:1/2", is_tls=False)),
        ("rediss://worker@h", Single("rediss://worker@h", is_tls=True)),
        ("unix:///run/redis.sock", Single("unix:///run/redis.sock", is_tls=False)),
        ("redis+sentinel://a.example:1,10.0.0.2:2/limits", Sentinels(HOSTS, "limits", None, 0, is_tls=False)),
        ("rediss+sentinel://us%40er@a.example:1,10.0.0.2:2/m/3", Sentinels(HOSTS, "m", "us@er", 3, is_tls=True)),
        ("redis+sentinel://[::1],b/m", Sentinels((("::1", 26379), ("b", 26379)), "m", None, 0, is_tls=False)),
        ("redis+cluster://a.example:1,10.0.0.2:2", Cluster(HOSTS, None, is_tls=False)),
        ("rediss+cluster://worker@b/0", Cluster((("b", 6379),), "worker", is_tls=True)),
    ],
)
def test_each_form_means_what_it_says(url: str, address: Address) -> None:
    assert read_address(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://h",
        "unix+sentinel://h/m",
        "redis+proxy://h",
        "redis+sentinel://h",
        "redis+sentinel://h/m/first",
        "redis+sentinel://h:port/m",
        "redis+sentinel://h,,g/m",
        "redis+cluster://",
        "redis+cluster://h/1",
    ],
)
def test_what_means_nothing_is_said_to(url: str) -> None:
    with pytest.raises(AddressInvalid):
        read_address(url)


@pytest.mark.parametrize(
    "url", ["redis://:hunter2@h", "rediss://u:hunter2@h", "redis+cluster://u:hunter2@h", "redis://h?password=hunter2"]
)
def test_a_password_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(AddressInvalid, match="EXTPROC_REDIS_PASSWORD_FILE") as caught:
        read_address(url)
    assert "hunter2" not in str(caught.value)
