from pathlib import Path

import pytest

from extproc.adapters.vault_login import METHODS, AppRole, LoginIncomplete, TokenFile, choose_login
from extproc.model.refusals import Unavailable


def test_an_app_role_is_two_files_that_are_read_at_each_login(tmp_path: Path) -> None:
    role, secret = tmp_path / "role", tmp_path / "secret"
    role.write_text("r\n")
    secret.write_text("s1\n")
    login = choose_login("approle", role_id_file=role, secret_id_file=secret)
    assert login == AppRole(role, secret, "approle")
    assert login.proof() == {"role_id": "r", "secret_id": "s1"}
    secret.write_text("s2")
    assert login.proof()["secret_id"] == "s2"


def test_kubernetes_needs_a_role_and_finds_the_pods_own_token() -> None:
    login = choose_login("kubernetes", role="gateway")
    assert login == TokenFile(
        "gateway", Path("/var/run/secrets/kubernetes.io/serviceaccount/token"), "kubernetes", "kubernetes"
    )


def test_a_jwt_is_a_file_and_each_mount_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "jwt").write_text("a.b.c\n")
    login = choose_login("jwt", mount="jwt-ci", role="gateway", token_file=tmp_path / "jwt")
    assert (login.mount, login.method) == ("jwt-ci", "jwt")
    assert login.proof() == {"role": "gateway", "jwt": "a.b.c"}


@pytest.mark.parametrize(
    ("method", "role", "names"),
    [
        ("approle", None, "EXTPROC_VAULT_ROLE_ID_FILE"),
        ("kubernetes", None, "EXTPROC_VAULT_ROLE"),
        ("jwt", None, "EXTPROC_VAULT_ROLE"),
        ("jwt", "gateway", "EXTPROC_VAULT_TOKEN_FILE"),
        ("ldap", "gateway", "one of approle, kubernetes, jwt"),
    ],
)
def test_what_is_missing_is_named(method: str, role: str | None, names: str) -> None:
    with pytest.raises(LoginIncomplete, match=names):
        choose_login(method, role=role)


def test_every_method_can_be_chosen(tmp_path: Path) -> None:
    for method in METHODS:
        chosen = choose_login(method, role="r", token_file=tmp_path, role_id_file=tmp_path, secret_id_file=tmp_path)
        assert chosen.method == chosen.mount == method


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_named_without_its_content(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "jwt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Unavailable, match="jwt cannot be read"):
        TokenFile("r", file, "jwt", "jwt").proof()
