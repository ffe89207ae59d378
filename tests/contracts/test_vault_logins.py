"""Kubernetes and JWT logins at a real OpenBao. Only the API server that Kubernetes auth asks is played."""

import json
import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
import pytest_asyncio
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from extproc.adapters.vault_login import TokenFile
from extproc.model.catalog import CredentialRef
from extproc.model.refusals import Unavailable
from tests.bao import Bao, run_bao

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one OpenBao for the file

REF = CredentialRef("providers/openai", "api_key")
ISSUER = rsa.generate_private_key(65537, 2048)
PUBLIC = (
    ISSUER.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


class Reviewer:
    """The TokenReview of a Kubernetes API server: knows the tokens that it was told of."""

    def __init__(self, ca: trustme.CA) -> None:
        self.known: set[str] = set()
        self.asked = 0
        reviewer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/apis/authentication.k8s.io/v1/tokenreviews"
                review = json.loads(self.rfile.read(int(self.headers["content-length"])))
                reviewer.asked += 1
                body = json.dumps({**review, "status": reviewer.judge(review["spec"]["token"])}).encode()
                self.send_response(201)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - http.server's signature
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("127.0.0.1").configure_cert(context)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def judge(self, token: str) -> dict[str, Any]:
        if token not in self.known:
            return {"authenticated": False, "error": "unknown token"}
        name = "system:serviceaccount:llm-gateway:gateway"
        return {"authenticated": True, "user": {"username": name, "uid": "uid-1", "groups": []}}

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(60)


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def reviewer(ca: trustme.CA) -> Iterator[Reviewer]:
    made = Reviewer(ca)
    yield made
    made.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bao(tmp_path_factory: pytest.TempPathFactory, reviewer: Reviewer, ca: trustme.CA) -> AsyncIterator[Bao]:
    async with run_bao(tmp_path_factory.mktemp("openbao")) as server:
        await server.owner.write_secret(REF.path, REF.field, "sk-1")
        for mount, kind in (("ci", "jwt"), ("k8s-eu", "kubernetes")):
            await server.must("POST", f"/v1/sys/auth/{mount}", {"type": kind})
        await server.must("POST", "/v1/auth/ci/config", {"jwt_validation_pubkeys": [PUBLIC]})
        grants = {"token_policies": ["extproc-worker"], "token_ttl": "1h"}
        role = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"], "bound_subject": "gateway"}
        await server.must("POST", "/v1/auth/ci/role/gateway", {**role, **grants})
        cluster = {
            "kubernetes_host": f"https://127.0.0.1:{reviewer.server.server_port}",
            "kubernetes_ca_cert": ca.cert_pem.bytes().decode(),
            "disable_local_ca_jwt": True,
            "pem_keys": [PUBLIC],
        }
        await server.must("POST", "/v1/auth/k8s-eu/config", cluster)
        bound = {"bound_service_account_names": ["gateway"], "bound_service_account_namespaces": ["llm-gateway"]}
        await server.must("POST", "/v1/auth/k8s-eu/role/gateway", {**bound, **grants})
        yield server


def ci_token(**changes: object) -> str:
    claims = {"sub": "gateway", "aud": "vault", "iat": int(time.time()), "exp": int(time.time()) + 300, **changes}
    return jwt.encode(claims, ISSUER, "RS256")


def pod_token(**changes: object) -> str:
    """A projected service account token, as a kubelet writes it."""
    now_s = int(time.time())
    account = {"namespace": "llm-gateway", "serviceaccount": {"name": "gateway", "uid": "uid-1"}}
    claims = {
        "sub": "system:serviceaccount:llm-gateway:gateway",
        "iss": "https://kubernetes.default.svc",
        "kubernetes.io": account,
        "iat": now_s,
        "exp": now_s + 600,
        **changes,
    }
    return jwt.encode(claims, ISSUER, "RS256")


async def test_a_jwt_of_its_issuer_logs_in(bao: Bao, tmp_path: Path) -> None:
    (tmp_path / "jwt").write_text(ci_token() + "\n")
    vault = bao.client(login=TokenFile("gateway", tmp_path / "jwt", "ci", "jwt"))
    await vault.load([REF])
    assert vault.credential(REF).reveal() == "sk-1"
    login = vault.state().login
    assert login is not None
    assert (login.method, login.mount) == ("jwt", "ci")
    assert "extproc-worker" in login.policies
    await vault.close()


@pytest.mark.parametrize("changes", [{"aud": "others"}, {"sub": "somebody"}, {"exp": 1}], ids=["aud", "sub", "exp"])
async def test_a_jwt_for_others_does_not(bao: Bao, tmp_path: Path, changes: dict[str, object]) -> None:
    (tmp_path / "jwt").write_text(ci_token(**changes))
    vault = bao.client(login=TokenFile("gateway", tmp_path / "jwt", "ci", "jwt"))
    with pytest.raises(Unavailable, match=r"refused our login \(jwt at ci\)"):
        await vault.load([REF])
    await vault.close()


async def test_a_pods_service_account_logs_in_and_its_token_is_read_again_when_it_must(
    bao: Bao, tmp_path: Path, reviewer: Reviewer
) -> None:
    file = tmp_path / "token"
    first, second = pod_token(), pod_token(jti="second")
    reviewer.known = {first}
    file.write_text(first)
    vault = bao.client(login=TokenFile("gateway", file, "k8s-eu", "kubernetes"))
    await vault.load([REF])
    assert vault.credential(REF).reveal() == "sk-1"
    asked = reviewer.asked
    # The kubelet replaced the token, the old one is over, and then our login was revoked.
    reviewer.known = {second}
    file.write_text(second)
    await bao.must("PUT", "/v1/sys/leases/revoke-prefix/auth/k8s-eu")
    await bao.owner.write_secret(REF.path, REF.field, "sk-2")
    await vault.refresh()
    assert vault.credential(REF).reveal() == "sk-2"
    assert reviewer.asked == asked + 1
    await bao.owner.write_secret(REF.path, REF.field, "sk-1")
    await vault.close()


async def test_a_pod_that_the_cluster_does_not_know_does_not_log_in(
    bao: Bao, tmp_path: Path, reviewer: Reviewer
) -> None:
    reviewer.known = set()
    (tmp_path / "token").write_text(pod_token())
    vault = bao.client(login=TokenFile("gateway", tmp_path / "token", "k8s-eu", "kubernetes"))
    with pytest.raises(Unavailable, match=r"refused our login \(kubernetes at k8s-eu\)"):
        await vault.load([REF])
    await vault.close()


async def test_a_login_that_fails_does_not_cost_the_token_that_there_is(bao: Bao, tmp_path: Path) -> None:
    """A token near its end is replaced by a new login; while that is refused, the old one serves."""
    (tmp_path / "jwt").write_text(ci_token())
    vault = bao.client(login=TokenFile("gateway", tmp_path / "jwt", "ci", "jwt"))
    await vault.load([REF])
    (tmp_path / "jwt").write_text(ci_token(aud="others"))
    token = vault._upkeep.token
    assert token is not None
    token.is_renewable = False
    token.renew_at_s = 0.0
    await vault.refresh()
    assert vault._upkeep.token is token
    await vault.close()
