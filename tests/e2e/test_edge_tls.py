"""TLS on both sides of Envoy: the listener's certificate, and whose certificate a provider must show."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import trustme

from extproc.model import refusals
from tests.e2e.edge_rig import Edge, running
from tests.e2e.provider import Provider

_TEXT = """
workers: 1
{listener}
deployments: [{{name: a, base_url: "{scheme}://{host}:{port}/v1", upstream_model: m, {more}}}]
models: [{{name: m, deployments: [a]}}]
"""


@contextlib.asynccontextmanager
async def _https_provider(authority: trustme.CA, *names: str) -> AsyncIterator[int]:
    """Answers 200 to everything, with a certificate for these names; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
            await writer.drain()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def _running(text: str) -> AsyncIterator[Edge]:
    provider = Provider().start()
    async with running(text, provider=provider) as edge:
        yield edge
    provider.stop()


async def _ask(directory: Path, authority: trustme.CA, trusted: trustme.CA, host: str, *names: str) -> httpx.Response:
    trusted.cert_pem.write_to_path(directory / "ca.pem")
    async with _https_provider(authority, *names) as port:
        more = f"ca_file: {directory / 'ca.pem'}"
        text = _TEXT.format(listener="", scheme="https", host=host, port=port, more=more)
        async with _running(text) as edge, edge.client() as client:
            return await client.post("/x", json={})


async def test_a_provider_that_shows_its_own_certificate_is_taken(tmp_path: Path) -> None:
    authority = trustme.CA()
    assert (await _ask(tmp_path, authority, authority, "localhost", "localhost")).status_code == 200
    assert (await _ask(tmp_path, authority, authority, "127.0.0.1", "127.0.0.1")).status_code == 200


async def test_a_provider_with_somebody_elses_certificate_is_not(tmp_path: Path) -> None:
    authority = trustme.CA()
    for response in (
        await _ask(tmp_path, authority, authority, "localhost", "other.example"),
        await _ask(tmp_path, authority, trustme.CA(), "localhost", "localhost"),
    ):
        assert response.status_code == 503
        assert response.json()["error"]["code"] == refusals.UPSTREAM_UNAVAILABLE.code


async def test_the_listener_speaks_tls_1_2_and_http2_with_the_certificate_of_its_files(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("llm.example.com")
    certificate.private_key_pem.write_to_path(tmp_path / "tls.key")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "tls.crt")
    tls = f"listener: {{tls: {{cert_file: {tmp_path}/tls.crt, key_file: {tmp_path}/tls.key}}}}"
    text = _TEXT.format(listener=tls, scheme="http", host="127.0.0.1", port=9, more="")
    async with _running(text) as edge:
        agreed = {}
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.create_default_context()
            authority.configure_trust(context)
            context.minimum_version = context.maximum_version = version
            context.set_alpn_protocols(["h2"])
            _, writer = await asyncio.open_connection(
                "127.0.0.1", edge.port, ssl=context, server_hostname="llm.example.com"
            )
            agreed[version] = writer.get_extra_info("ssl_object").selected_alpn_protocol()
            writer.close()
        assert set(agreed.values()) == {"h2"}
