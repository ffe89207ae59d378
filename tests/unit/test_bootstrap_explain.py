"""A desk for a request that is only explained."""

import pytest

from extproc.bootstrap_explain import explain_desk
from extproc.config.gateway import parse
from extproc.model.catalog import CredentialRef
from extproc.model.refusals import Unavailable
from extproc.model.token import digest_token
from tests.samples import make_key, make_token

ONE = """
deployments: [{name: a, base_url: "https://a.example/v1", upstream_model: m, credential: {path: providers/a}}]
models: [{name: m, deployments: [a]}]
"""
A, B = CredentialRef("providers/a", "api_key"), CredentialRef("providers/b", "api_key")


async def test_an_explained_request_finds_its_key_and_every_credential_and_reaches_nobody() -> None:
    gateway, token, key = parse(ONE, "one"), make_token(), make_key()
    desk = explain_desk(gateway.catalog, token, key)
    assert desk.catalog() is gateway.catalog
    assert await desk.directory.find(digest_token(token, desk.pepper())) == key
    assert desk.vault.credential(A).reveal() == "assumed"
    with pytest.raises(Unavailable):
        desk.vault.credential(B)


async def test_a_key_that_is_not_given_is_unknown_and_each_desk_has_a_pepper_of_its_own() -> None:
    catalog, token = parse(ONE, "one").catalog, make_token()
    for desk in (explain_desk(catalog, token, None), explain_desk(catalog, None, make_key())):
        assert await desk.directory.find(digest_token(token, desk.pepper())) is None
    first, second = (explain_desk(catalog, token, make_key()) for _ in range(2))
    assert first.pepper().reveal() != second.pepper().reveal()
