"""What a URL says about where it leads, as a browser would read it: no more than a firewall has to know.

    parts_of("https://user@Example.COM:8443/p?q=1") → Url(scheme, user, host, port-less, query …)

Browsers forgive much (WHATWG URL, read 2026-11-23): backslashes for slashes, blanks and line ends within, a missing
scheme after ``//``. What is forgiven there is read here.
"""

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote

_IGNORED = re.compile(r"[\t\r\n\x00]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]{0,30}):")
_SPECIAL = ("http", "https", "ftp", "ws", "wss")
_LONGEST_HOST = 253  # characters, RFC 1035
_PORT = re.compile(r":[0-9]*\Z")
_END_OF_HOST = re.compile(r"[/?#\\]")


@dataclass(frozen=True, slots=True)
class Url:
    """One URL. Without a scheme it is relative to wherever it is shown; without a host it leads to none."""

    scheme: str
    user: str
    host: str
    """In small letters and ASCII where it can be, without a port or a last dot."""
    path: str
    query: str
    """With the fragment: pages send both."""

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address, in any of the ways that browsers read."""
        bare = self.host.strip("[]")
        if ":" not in bare and not bare.rpartition(".")[2][:1].isdigit():
            return False
        try:
            ipaddress.ip_address(bare)
        except ValueError:
            return bool(
                re.fullmatch(
                    r"0x[0-9a-f]{1,16}|[0-9]{4,12}|(?:(?:0x[0-9a-f]+|[0-9]+)\.){1,3}(?:0x[0-9a-f]+|[0-9]+)", bare
                )
            )
        return True

    @property
    def is_international(self) -> bool:
        """Whether a label of the host is not plain ASCII: it may look like another host."""
        return any(label.startswith("xn--") for label in self.host.split(".")) or not self.host.isascii()


def parts_of(text: str) -> Url:
    """The parts of a URL; nothing is refused."""
    text = _IGNORED.sub("", text.strip())
    found = _SCHEME.match(text)
    scheme = found[1].lower() if found else ""
    rest = text[found.end() :] if found else text
    if not scheme and text[:4].lower() == "www.":
        scheme, rest = "http", f"//{text}"
    slashes = len(rest) - len(rest.lstrip("/\\"))
    has_host = slashes >= 2 or (scheme in _SPECIAL and slashes > 0)  # noqa: PLR2004 - // begins an authority
    if not has_host:
        path, query = _split(rest)
        return Url(scheme, "", "", path, query)
    rest = rest[slashes:]
    end = _END_OF_HOST.search(rest)
    authority, after = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    user, at, host = authority.rpartition("@")
    path, query = _split(after)
    return Url(scheme, user if at else "", _host(host), path, query)


def is_within(host: str, allowed: str) -> bool:
    """Whether an entry of an allow-list covers a host: ``example.com`` itself, ``*.example.com`` what is below it."""
    if allowed.startswith("*."):
        return host.endswith(allowed[1:]) and len(host) >= len(allowed)
    return host == allowed


def _split(text: str) -> tuple[str, str]:
    at = min((at for at in (text.find("?"), text.find("#")) if at >= 0), default=len(text))
    return text[:at], text[at + 1 :]


def _host(text: str) -> str:
    is_plain = "%" not in text and text.isascii()
    host = (text if is_plain else unicodedata.normalize("NFKC", unquote(text))).lower()
    within_brackets = host[: host.find("]") + 1] if host.startswith("[") else ""
    host = within_brackets or _PORT.sub("", host).rstrip(".")
    if host.isascii() or len(host) > _LONGEST_HOST:
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host
