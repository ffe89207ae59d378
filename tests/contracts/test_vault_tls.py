"""Whose certificate the vault must show: a private CA is named, and nobody else's is taken."""

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import trustme

from extproc.adapters.memory import MemoryClock
from extproc.adapters.vault import VaultCredentials
from extproc.adapters.vault_login import AppRole, VaultAccount
from extproc.model.catalog import CredentialRef
from extproc.model.refusals import Unavailable

REF = CredentialRef("providers/openai", "api_key")


class Vault(BaseHTTPRequestHandler):
    """Says what a vault says to a login and to the reading of one secret."""

    def do_POST(self) -> None:
        self._say({"auth": {"client_token": "t", "lease_duration": 60, "renewable": True}})

    def do_GET(self) -> None:
        self._say({"data": {"data": {"api_key": "sk-private"}, "metadata": {"version": 1}}})

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - same
        pass

    def _say(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def address(ca: trustme.CA) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    server = HTTPServer(("127.0.0.1", 0), Vault)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(60)


def vault(address: str, directory: Path, ca_file: Path | None) -> VaultCredentials:
    for name in ("role", "secret"):
        (directory / name).write_text("x")
    account = VaultAccount(address, "secret", AppRole(directory / "role", directory / "secret"), ca_file)
    return VaultCredentials(account, MemoryClock(), max_stale_s=60, refresh_s=60)


async def test_a_private_ca_is_trusted_when_it_is_named(address: str, ca: trustme.CA, tmp_path: Path) -> None:
    ca.cert_pem.write_to_path(tmp_path / "ca.crt")
    ours = vault(address, tmp_path, tmp_path / "ca.crt")
    await ours.load([REF])
    assert ours.credential(REF).reveal() == "sk-private"
    await ours.close()


@pytest.mark.parametrize("is_named", [False, True], ids=["none", "another"])
async def test_nobody_elses_certificate_is_taken(address: str, tmp_path: Path, is_named: bool) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.crt")
    ours = vault(address, tmp_path, tmp_path / "other.crt" if is_named else None)
    with pytest.raises(Unavailable, match="SSLError"):
        await ours.load([REF])
    await ours.close()
