"""A provider's address, taken apart: what a ``base_url`` may be, and which hosts are our own network."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*", re.ASCII)
_PATH = re.compile(r"(/[A-Za-z0-9_.~-]+)*", re.ASCII)
_PRIVATE = tuple(
    ipaddress.ip_network(block)
    for block in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "::1/128",
        "fc00::/7",
    )
)
_PRIVATE_SUFFIXES = (".localhost", ".internal", ".local", ".svc")


class AddressInvalid(ValueError):  # noqa: N818 - reads as a claim
    """The URL cannot be a provider's address; the message says why."""


@dataclass(frozen=True, slots=True)
class ProviderAddress:
    """A base URL's parts. ``base_path`` has no trailing slash and may be empty."""

    scheme: str
    host: str
    port: int
    base_path: str

    @property
    def is_private(self) -> bool:
        """Whether the host is ours as far as can be told without asking DNS.

        A name of one label is taken as ours: it only resolves through the search list of a pod or a compose network.
        """
        try:
            ip = ipaddress.ip_address(self.host)
        except ValueError:
            return "." not in self.host or self.host.endswith(_PRIVATE_SUFFIXES)
        return any(ip in block for block in _PRIVATE)


def parse_address(url: str) -> ProviderAddress:
    """Take a base URL apart.

    Raises:
        AddressInvalid: it is not http or https, or has parts that a base URL cannot have.
    """
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise AddressInvalid("has a character that a URL cannot have")  # urlsplit would drop some silently
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise AddressInvalid(f"is not a URL: {error}") from None
    if parts.scheme not in {"http", "https"}:
        raise AddressInvalid("does not begin with https:// or http://")
    if "@" in parts.netloc:
        raise AddressInvalid("carries a user name or password")
    if "?" in url or "#" in url:
        raise AddressInvalid("has a query or a fragment")
    host = parts.hostname or ""
    if not _is_host(host):
        raise AddressInvalid("has no usable host name")
    if port == 0:
        raise AddressInvalid("has port 0")
    path = parts.path.rstrip("/")
    if not _PATH.fullmatch(path) or any(step in {".", ".."} for step in path.split("/")):
        raise AddressInvalid("has a path with empty, dotted or unusual segments")
    return ProviderAddress(parts.scheme, host, port or {"http": 80, "https": 443}[parts.scheme], path)


def _is_host(host: str) -> bool:
    if ":" in host or host.replace(".", "").isdigit():
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return False
        return True
    return _HOST.fullmatch(host) is not None
