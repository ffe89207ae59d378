"""Every field of what a token endpoint is sent is checked by ``tests/scripted_vault``, as the clouds do."""

import json
from collections.abc import Iterator

import pytest

from extproc.adapters.memory import MemoryClock
from extproc.adapters.token_mint import MintRefused, TokenMint
from extproc.adapters.vault_answers import Fields
from extproc.model.credentials import EntraMint, GoogleMint
from extproc.model.refusals import Unavailable
from extproc.model.secret import Secret
from tests.scripted_vault import TokenEndpoints, serving

CLOUD = "https://www.googleapis.com/auth/cloud-platform"
COGNITIVE = "https://cognitiveservices.azure.com/.default"
PRINCIPAL = {"client_id": Secret("client-1"), "client_secret": Secret("entra~secret.1+ä")}


@pytest.fixture
def endpoints() -> Iterator[TokenEndpoints]:
    played = TokenEndpoints(MemoryClock().now_s)
    with serving(played):
        yield played


@pytest.fixture
def mint() -> Iterator[TokenMint]:
    made = TokenMint(MemoryClock())
    yield made
    made.close()


def secrets(fields: dict[str, str]) -> Fields:
    return {name: Secret(value) for name, value in fields.items()}


@pytest.mark.parametrize("form", ["fields", "text", "base64"])
def test_google_gets_an_assertion_signed_with_the_key_however_the_key_is_held(
    endpoints: TokenEndpoints, mint: TokenMint, form: str
) -> None:
    held = {
        "fields": endpoints.key_file(),
        "text": {"private_key_data": json.dumps(endpoints.key_file(), indent=2)},
        "base64": {"private_key_data": str(endpoints.leased_key(7)["private_key_data"])},
    }[form]
    made = mint.mint(GoogleMint(endpoints.google_url, CLOUD), secrets(held), "x")
    assert (made.token, made.life_s, made.asked_at_s) == (Secret("minted-1"), 3600, MemoryClock().now_s())
    assert endpoints.problems == []


def test_entra_gets_the_principals_secret_as_it_is_whatever_is_in_it(
    endpoints: TokenEndpoints, mint: TokenMint
) -> None:
    made = mint.mint(EntraMint(endpoints.entra_url, COGNITIVE), PRINCIPAL, "x")
    assert made.token == Secret("minted-1")
    assert endpoints.problems == []


def test_a_refusal_says_its_code_and_nothing_that_was_sent(endpoints: TokenEndpoints, mint: TokenMint) -> None:
    endpoints.status = 401
    with pytest.raises(
        MintRefused, match=r"^vault unavailable: x: the token endpoint answered 401 \(invalid_client\)$"
    ):
        mint.mint(EntraMint(endpoints.entra_url, COGNITIVE), PRINCIPAL, "x")
    endpoints.status = 503
    with pytest.raises(Unavailable) as trouble:
        mint.mint(EntraMint(endpoints.entra_url, COGNITIVE), PRINCIPAL, "x")
    assert not isinstance(trouble.value, MintRefused)


def test_a_wrong_secret_is_refused_by_the_endpoint(endpoints: TokenEndpoints, mint: TokenMint) -> None:
    with pytest.raises(MintRefused, match="invalid_grant"):
        mint.mint(EntraMint(endpoints.entra_url, COGNITIVE), {**PRINCIPAL, "client_secret": Secret("other")}, "x")


def test_nobody_at_the_endpoint_is_named_without_the_secret(mint: TokenMint) -> None:
    with pytest.raises(Unavailable, match=r"x: no token endpoint \(ConnectionError\)"):
        mint.mint(EntraMint("http://127.0.0.1:1/token", COGNITIVE), PRINCIPAL, "x")


@pytest.mark.parametrize("life_s", [0, -1])
def test_a_token_without_an_end_is_not_taken(endpoints: TokenEndpoints, mint: TokenMint, life_s: int) -> None:
    endpoints.life_s = life_s
    with pytest.raises(Unavailable, match="no access token with an end"):
        mint.mint(EntraMint(endpoints.entra_url, COGNITIVE), PRINCIPAL, "x")


@pytest.mark.parametrize("absent", ["client_email", "private_key", "private_key_id"])
def test_what_a_token_is_made_of_is_named_where_it_is_missing(
    endpoints: TokenEndpoints, mint: TokenMint, absent: str
) -> None:
    fields = secrets({name: value for name, value in endpoints.key_file().items() if name != absent})
    with pytest.raises(Unavailable, match=f"without {absent}$"):
        mint.mint(GoogleMint(endpoints.google_url, CLOUD), fields, "x")


@pytest.mark.parametrize("text", ["not base64 !", "bm90IGpzb24=", "WzFd", "{"])
def test_a_key_file_that_is_none_is_refused_without_being_shown(mint: TokenMint, text: str) -> None:
    with pytest.raises(Unavailable, match="private_key_data is not a service account's key file") as trouble:
        mint.mint(GoogleMint("http://127.0.0.1:1", CLOUD), secrets({"private_key_data": text}), "x")
    assert text not in str(trouble.value)


def test_a_private_key_that_is_none_is_refused_without_being_shown(endpoints: TokenEndpoints, mint: TokenMint) -> None:
    fields = secrets({**endpoints.key_file(), "private_key": "-----BEGIN canary"})
    with pytest.raises(Unavailable, match="private_key is not an RSA key in PEM") as trouble:
        mint.mint(GoogleMint(endpoints.google_url, CLOUD), fields, "x")
    assert "canary" not in str(trouble.value)
