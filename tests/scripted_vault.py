"""A Vault API for the engines that OpenBao does not have (aws, gcp, azure), and the clouds' token endpoints.

It plays what the engines answer (Vault API documentation, "AWS", "Google Cloud" and "Azure secrets engine", read
2026-11) and leases as they do: renewable or not, up to a longest life, gone with the token they were made under. The
token endpoints check what they are sent as the clouds do, and refuse the rest.
"""

import base64
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

Answer = tuple[int, object]


@dataclass
class Lease:
    """One that was given out."""

    id: str
    token: str
    ends_at_s: float
    longest_s: float
    """The moment beyond which nothing renews it."""


@dataclass
class ScriptedVault:
    """Engines by path; ``clock`` is whoever's clock the test moves."""

    now_s: Callable[[], float]
    token_life_s: int = 3600
    longest_token_s: float = float("inf")
    """The moment beyond which nothing renews a token."""
    lease_life_s: int = 900
    longest_lease_s: int = 2700
    is_renewable: bool = True
    is_sealed: bool = False
    engines: dict[str, Callable[[int], dict[str, object]]] = field(default_factory=dict)
    """Path → what the n-th question gives."""
    kv: dict[str, dict[str, object]] = field(default_factory=dict)
    tokens: dict[str, float] = field(default_factory=dict)
    """Token → its end."""
    leases: dict[str, Lease] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """Method and path of every request."""
    port: int = 0
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def count(self, what: str) -> int:
        return sum(line == what for line in self.asked)

    def revoke(self, token: str) -> None:
        """As the vault does: with all that was leased under it."""
        self.tokens.pop(token, None)
        self.leases = {name: lease for name, lease in self.leases.items() if lease.token != token}

    def answer(self, method: str, path: str, token: str, body: dict[str, Any]) -> Answer:
        self.asked.append(f"{method} {path}")
        if self.is_sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if path == "/v1/auth/approle/login":
            name = f"token-{next(self._numbers)}"
            self.tokens[name] = self.now_s() + self.token_life_s
            return 200, {"auth": self._auth(name)}
        for dead in [name for name, end_s in self.tokens.items() if self.now_s() >= end_s]:
            self.revoke(dead)
        if token not in self.tokens:
            return 403, {"errors": ["permission denied"]}
        match path:
            case "/v1/auth/token/renew-self":
                self.tokens[token] = min(self.now_s() + self.token_life_s, self.longest_token_s)
                answer: Answer = (200, {"auth": self._auth(token)})
            case "/v1/auth/token/revoke-self":
                self.revoke(token)
                answer = (204, None)
            case "/v1/sys/leases/renew":
                answer = self._renew(body["lease_id"])
            case _:
                answer = self._read(path.removeprefix("/v1/"), token)
        return answer

    def _auth(self, token: str) -> dict[str, object]:
        return {
            "client_token": token,
            "lease_duration": round(self.tokens[token] - self.now_s()),
            "renewable": True,
            "policies": ["default", "workers"],
        }

    def _renew(self, name: str) -> Answer:
        lease = self.leases.get(name)
        if lease is None or not self.is_renewable or self.now_s() >= lease.ends_at_s:
            return 400, {"errors": ["lease not found or lease is not renewable"]}
        lease.ends_at_s = min(self.now_s() + self.lease_life_s, lease.longest_s)
        life_s = round(lease.ends_at_s - self.now_s())
        return 200, {"lease_id": name, "lease_duration": life_s, "renewable": True}

    def _read(self, path: str, token: str) -> Answer:
        if path.startswith("secret/data/"):
            found = self.kv.get(path.removeprefix("secret/data/"))
            return (404, {"errors": []}) if found is None else (200, {"data": {"data": found, "metadata": {}}})
        engine = self.engines.get(path)
        if engine is None:
            return 403, {"errors": ["permission denied"]}
        number = next(self._numbers)
        data = engine(number)
        if "token_ttl" in data:
            return 200, {"lease_id": "", "lease_duration": 0, "renewable": False, "data": data}
        name = f"{path}/{number}"
        self.leases[name] = Lease(name, token, self.now_s() + self.lease_life_s, self.now_s() + self.longest_lease_s)
        return 200, {
            "lease_id": name,
            "lease_duration": self.lease_life_s,
            "renewable": self.is_renewable,
            "data": data,
        }


def aws_keys(number: int) -> dict[str, object]:
    """``aws/sts/<role>``."""
    return {
        "access_key": f"ASIA{number:016d}",
        "secret_key": f"secret/+{number}",
        "security_token": f"session+/{number}==",
        "arn": "arn:aws:sts::123456789012:assumed-role/bedrock/vault",
    }


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@dataclass
class TokenEndpoints:
    """Google's and Entra's. Each grants ``granted``-numbered tokens to whoever proves who it is."""

    now_s: Callable[[], float]
    life_s: int = 3600
    status: int = 200
    """Anything else is answered instead of a token."""
    secrets: dict[str, str] = field(default_factory=lambda: {"client-1": "entra~secret.1+ä"})
    granted: int = 0
    port: int = 0
    problems: list[str] = field(default_factory=list)
    key: rsa.RSAPrivateKey = field(default_factory=_key)

    @property
    def google_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/google/token"

    @property
    def entra_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/tenant-1/oauth2/v2.0/token"

    def key_file(self) -> dict[str, str]:
        """The service account's key, as Google gives it out."""
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "private_key_id": "key-1",
            "private_key": pem.decode(),
            "client_email": "gateway@project.iam.gserviceaccount.com",
            "token_uri": "http://127.0.0.1:1/somewhere-else",
        }

    def leased_key(self, number: int) -> dict[str, object]:
        """``gcp/roleset/<name>/key``."""
        text = json.dumps({**self.key_file(), "private_key_id": f"key-{number}"})
        return {
            "private_key_data": base64.b64encode(text.encode()).decode(),
            "key_type": "TYPE_GOOGLE_CREDENTIALS_FILE",
        }

    def answer(self, path: str, kind: str, form: dict[str, str]) -> Answer:
        if self.status != 200:
            return self.status, {"error": "invalid_client", "error_description": f"of {sorted(form.values())}"}
        try:
            assert kind == "application/x-www-form-urlencoded"
            {"/google/token": self._check_google, "/tenant-1/oauth2/v2.0/token": self._check_entra}[path](form)
        except (AssertionError, KeyError, jwt.PyJWTError) as problem:
            self.problems.append(repr(problem))
            return 400, {"error": "invalid_grant"}
        self.granted += 1
        return 200, {"access_token": f"minted-{self.granted}", "expires_in": self.life_s, "token_type": "Bearer"}

    def _check_google(self, form: dict[str, str]) -> None:
        assert form.keys() == {"grant_type", "assertion"}
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        head = jwt.get_unverified_header(form["assertion"])
        assert head["alg"] == "RS256"
        assert head["typ"] == "JWT"
        assert head["kid"].startswith("key-")
        # The clock is the test's: the moments are checked by hand.
        options: Any = {"require": ["iss", "aud", "iat", "exp", "scope"], "verify_exp": False, "verify_iat": False}
        claims = jwt.decode(form["assertion"], self.key.public_key(), ["RS256"], options, audience=self.google_url)
        assert claims["iss"] == "gateway@project.iam.gserviceaccount.com"
        assert claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"
        assert abs(claims["iat"] - self.now_s()) < 60
        assert claims["iat"] < claims["exp"] <= claims["iat"] + 3600

    def _check_entra(self, form: dict[str, str]) -> None:
        assert form.keys() == {"grant_type", "client_id", "client_secret", "scope"}
        assert form["grant_type"] == "client_credentials"
        assert form["scope"] == "https://cognitiveservices.azure.com/.default"
        assert self.secrets[form["client_id"]] == form["client_secret"]


@contextmanager
def serving(played: ScriptedVault | TokenEndpoints) -> Iterator[None]:
    """Answer on a loopback port of its own until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._answer()

        do_POST = do_PUT = do_GET  # noqa: N815 - http.server's names

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - same
            pass

        def _answer(self) -> None:
            text = self.rfile.read(int(self.headers.get("content-length", 0)))
            if isinstance(played, ScriptedVault):
                token = self.headers.get("x-vault-token", "")
                status, value = played.answer(self.command, self.path, token, json.loads(text or b"{}"))
            else:
                form = {name: values[0] for name, values in parse_qs(text.decode(), strict_parsing=True).items()}
                status, value = played.answer(self.path, self.headers.get("content-type", ""), form)
            body = b"" if value is None else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    played.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(60)
