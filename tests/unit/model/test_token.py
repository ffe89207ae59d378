"""The text form of a virtual key."""

import random
import secrets
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.model.ids import OrganisationId
from extproc.model.secret import Secret
from extproc.model.token import MAX_TOKEN_CHARS, digest_token, is_well_formed, mint_token

ORGANISATIONS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,30}[a-z0-9]", fullmatch=True)
GARBAGE = [
    "",
    "gk_",
    "gk_acme_",
    "sk-proj-abc",
    "' or '1'='1",
    "*)(uid=*))(|(uid=*",
    "\r\nKEYS *\r\n",
    "\0",
    "gk_acme_" + "\0" * 38,
    "gk_acme_" + "0" * 38,
    "gk_acme_" + "\u0661" * 38,  # Arabic digits: \d would take them
    "gk_\u0430cme_" + "0" * 38,  # a Cyrillic a
    "\ud800",
    "😀" * 20,
    "A" * 1_000_000,
    "gk_" + "a" * 1_000_000,
    "gk_" + "a-" * 500_000 + "_",
]


@given(ORGANISATIONS, st.integers(0, 2**64))
def test_every_minted_token_is_well_formed_and_no_longer_than_promised(organisation: str, seed: int) -> None:
    token = mint_token(OrganisationId(organisation), random.Random(seed).randrange).reveal()  # noqa: S311 - a test
    assert is_well_formed(token)
    assert token.startswith(f"gk_{organisation}_")
    assert len(token) <= MAX_TOKEN_CHARS


@given(ORGANISATIONS, st.integers(0, 2**64), st.data())
def test_any_one_changed_character_is_noticed(organisation: str, seed: int, data: st.DataObject) -> None:
    token = mint_token(OrganisationId(organisation), random.Random(seed).randrange).reveal()  # noqa: S311 - same
    position = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters().filter(lambda character: character != token[position]))
    assert not is_well_formed(token[:position] + other + token[position + 1 :])


@given(ORGANISATIONS, st.integers(0, 2**64), st.characters(), st.data())
def test_an_added_or_lost_character_is_noticed(organisation: str, seed: int, extra: str, data: st.DataObject) -> None:
    token = mint_token(OrganisationId(organisation), random.Random(seed).randrange).reveal()  # noqa: S311 - same
    position = data.draw(st.integers(0, len(token)))
    longer = token[:position] + extra + token[position:]
    shorter = token[: max(position - 1, 0)] + token[max(position, 1) :]
    # A CRC notices every change of one position; a shift of the whole text it notices but for one in four thousand
    # million, and an added character next to an equal one is the same text longer by one.
    assert not is_well_formed(longer)
    assert not is_well_formed(shorter)


@pytest.mark.parametrize("text", GARBAGE, ids=lambda text: ascii(text)[:24])
def test_garbage_is_refused_in_little_time(text: str) -> None:
    before_s = time.thread_time()
    assert not is_well_formed(text)
    # A hundred times what it takes: only what grows without measure fails here.
    assert time.thread_time() - before_s < 1.0


@given(st.text())
def test_no_text_makes_the_check_fail_otherwise(text: str) -> None:
    assert not is_well_formed(text)


@pytest.mark.parametrize("organisation", ["", "a", "Acme", "a_b", "-ab", "ab-", "a" * 33, "a b", "ab\n", "é-corp"])
def test_an_organisation_that_cannot_be_written_in_a_key_is_an_error(organisation: str) -> None:
    with pytest.raises(ValueError, match="cannot be written in a key"):
        mint_token(OrganisationId(organisation), secrets.randbelow)


def test_a_digest_depends_on_the_whole_token_and_on_the_pepper() -> None:
    token = mint_token(OrganisationId("acme"), secrets.randbelow)
    shorter = Secret(token.reveal()[:-1])
    digests = {digest_token(token, Secret("a")), digest_token(token, Secret("b")), digest_token(shorter, Secret("a"))}
    assert len(digests) == 3
    assert {len(digest) for digest in digests} == {32}
    assert digest_token(token, Secret("a")) in digests
