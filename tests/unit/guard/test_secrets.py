"""Credentials are found by their issuers' marks, and what only looks like one is let pass."""

import base64
import random
import string

import pytest

from extproc.guard.reading import Reading, View
from extproc.guard.secrets import KINDS, make
from extproc.model.guard import Direction, Leaf, Trust
from extproc.model.ids import OrganisationId
from extproc.model.token import mint_token

DRAW = random.Random(7)  # noqa: S311 - made-up keys that stay the same
ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


def draw(count: int, letters: str = ALNUM) -> str:
    return "".join(DRAW.choice(letters) for _ in range(count))


def found(text: str, without: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    rule = make((("without", without),) if without else ())
    findings = rule.scan(Reading(Leaf(("x",), text, Trust.USER), (View(text),)), Direction.INPUT)
    return [(f.kind, text[f.start : f.end]) for f in findings]


def jwt() -> str:
    parts = (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"42","iat":1}', bytes(range(32)))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


# Put together here, so that no file of this repository holds what a search for leaked keys would find.
KEYS = {
    "anthropic_key": "sk-" + "ant-api03-" + draw(93) + "AA",
    "openai_key": "sk-" + "proj-" + draw(48),
    "openrouter_key": "sk-" + "or-v1-" + draw(64, HEX),
    "google_api_key": "AI" + "za" + draw(35),
    "huggingface_token": "h" + "f_" + draw(34, string.ascii_letters),
    "groq_key": "gs" + "k_" + draw(52),
    "aws_access_key": "AK" + "IA" + draw(16, string.ascii_uppercase + "234567"),
    "azure_storage_key": "Account" + "Key=" + draw(86) + "==",
    "azure_client_secret": draw(3) + "8" + "Q~" + draw(34),
    "digitalocean_token": "do" + "p_v1_" + draw(64, HEX),
    "databricks_token": "da" + "pi" + draw(32, HEX),
    "github_token": "gh" + "p_" + draw(36),
    "gitlab_token": "gl" + "pat-" + draw(20),
    "npm_token": "np" + "m_" + draw(36),
    "pypi_token": "py" + "pi-AgEIcHlwaS5vcmc" + draw(70),
    "atlassian_token": "AT" + "ATT3" + draw(180) + "=" + draw(8, HEX.upper()),
    "slack_token": "xo" + "xb-" + draw(11, string.digits) + "-" + draw(11, string.digits) + "-" + draw(24),
    "stripe_key": "sk" + "_live_" + draw(24),
    "twilio_key": "S" + "K" + draw(32, HEX),
    "sendgrid_key": "S" + "G." + draw(22) + "." + draw(43),
    "telegram_token": draw(9, "123456789") + ":" + "AA" + draw(33),
    "vault_token": "hv" + "s." + draw(90),
    "gateway_key": mint_token(OrganisationId("acme"), DRAW.randrange).reveal(),
    "jwt": jwt(),
}


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("around", ["{}", "Use {} now.", 'curl -d "{}"', "a\n{}\nb", "({}),"])
def test_a_key_is_found_whole_by_its_issuers_mark(kind: str, around: str) -> None:
    assert (f"secrets.{kind}", KEYS[kind]) in found(around.format(KEYS[kind]))


def test_a_key_of_the_gateway_needs_its_checksum() -> None:
    key = KEYS["gateway_key"]
    assert not [kind for kind, _ in found(key[:-1] + ("0" if key[-1] != "0" else "1"))]


@pytest.mark.parametrize(
    "text",
    [
        "sk-" + "x" * 40,
        "sk-fading-circle-loading-indicator-big",
        "a risk-assessment-for-the-team-members-of-2024",
        "AKIAIOSFODNN7" + "EXAMPLE",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "id 550e8400-e29b-41d4-a716-446655440000",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "eyJ" + "h" * 20 + ".eyJ" + "z" * 20 + ".abc",
        "the file begins with -----BEGIN PRIVATE KEY----- and so on",
        "https://user:password@host.example/",
        "postgres://app:${PASSWORD}@db/app",
        "scikit-learn==1.5.2 and task_list_2024",
    ],
)
def test_what_only_looks_like_one_is_let_pass(text: str) -> None:
    assert found(text) == []


def test_the_password_alone_is_found_in_a_connection_string() -> None:
    assert found("postgres://app:s3cr3t-x@db.internal/app") == [("secrets.url_password", "s3cr3t-x")]


def test_a_private_key_is_found_even_without_its_end() -> None:
    block = "-----BEGIN RSA " + "PRIVATE KEY-----\n" + "\n".join(draw(64) for _ in range(4))
    assert found(f"here: {block}\nthat is all") == [("secrets.private_key", block)]


def test_kinds_can_be_let_pass_and_unknown_settings_cannot() -> None:
    assert found("password=hunter2!", without=("password",)) == []
    with pytest.raises(ValueError, match="no kind nothing"):
        make((("without", ("nothing",)),))
    with pytest.raises(ValueError, match="takes one setting"):
        make((("other", 1),))
    assert "jwt" in KINDS
