"""Which credential a request carries, and whom it proves."""

import pytest

from extproc.adapters.memory import MemoryClock, MemoryKeys
from extproc.model.refusals import (
    AMBIGUOUS_CREDENTIALS,
    CREDENTIAL_IN_QUERY,
    INVALID_API_KEY,
    MISSING_CREDENTIALS,
    Kind,
    Refusal,
    Unavailable,
)
from extproc.model.secret import Secret
from extproc.policy.identify import identify, read_credential
from tests.samples import NOW_S, PEPPER, digest_of, make_key, make_token

TOKEN = make_token().reveal()
OTHER = make_token().reveal()


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", f"Bearer {TOKEN}")],
        [("authorization", f"bearer {TOKEN}")],
        [("authorization", f"BEARER   {TOKEN}  ")],
        [("api-key", TOKEN)],
        [("x-api-key", TOKEN)],
        [("authorization", f"Bearer {TOKEN}"), ("api-key", TOKEN), ("x-api-key", TOKEN)],
        [("api-key", TOKEN), ("api-key", TOKEN)],
        [("authorization", ""), ("api-key", TOKEN)],
        [("cookie", f"authorization={OTHER}"), ("api-key", TOKEN)],
    ],
)
def test_one_credential_is_read_wherever_it_travels(headers: list[tuple[str, str]]) -> None:
    assert read_credential(headers, "").reveal() == TOKEN


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ([], MISSING_CREDENTIALS),
        ([("cookie", f"api-key={TOKEN}")], MISSING_CREDENTIALS),
        ([("authorization", "")], MISSING_CREDENTIALS),
        ([("authorization", "Bearer")], MISSING_CREDENTIALS),
        ([("authorization", "Bearer   ")], MISSING_CREDENTIALS),
        ([("api-key", " ")], MISSING_CREDENTIALS),
        ([("authorization", "Basic Z2s6eA==")], INVALID_API_KEY),
        ([("authorization", TOKEN)], INVALID_API_KEY),
        ([("authorization", f"Bearer\t{TOKEN}")], INVALID_API_KEY),
        ([("authorization", f"Digest {TOKEN}")], INVALID_API_KEY),
        ([("authorization", f"Bearer {TOKEN}"), ("authorization", f"Bearer {OTHER}")], AMBIGUOUS_CREDENTIALS),
        ([("authorization", f"Bearer {TOKEN}"), ("authorization", f"Bearer {TOKEN}")], AMBIGUOUS_CREDENTIALS),
        ([("authorization", f"Bearer {TOKEN},Bearer {OTHER}")], AMBIGUOUS_CREDENTIALS),
        ([("authorization", f"Basic eA==, Bearer {TOKEN}")], AMBIGUOUS_CREDENTIALS),
        ([("authorization", f"Bearer Bearer {TOKEN}")], AMBIGUOUS_CREDENTIALS),
        ([("authorization", f"Bearer {TOKEN}\u2003{OTHER}")], AMBIGUOUS_CREDENTIALS),
        ([("authorization", f"Bearer {TOKEN}"), ("x-api-key", OTHER)], AMBIGUOUS_CREDENTIALS),
        ([("authorization", "Basic Z2s6eA=="), ("x-api-key", TOKEN)], AMBIGUOUS_CREDENTIALS),
        ([("api-key", TOKEN), ("x-api-key", OTHER)], AMBIGUOUS_CREDENTIALS),
        ([("api-key", f"{TOKEN},{TOKEN}")], AMBIGUOUS_CREDENTIALS),
    ],
)
def test_anything_but_one_credential_is_refused(headers: list[tuple[str, str]], kind: Kind) -> None:
    with pytest.raises(Refusal) as refused:
        read_credential(headers, "")
    assert refused.value.kind is kind
    assert (("www-authenticate", "Bearer") in refused.value.headers) == (kind.status == 401)


@pytest.mark.parametrize(
    "query",
    [
        "api_key={token}",
        "api-key=x",
        "apikey=x",
        "APIKEY=x",
        "key=x",
        "access_token=x",
        "token",
        "a=1&Authorization=Bearer+x",
        "a=1;token=x",
        "%61pi%5Fkey=x",
        "%2561pi_key=x",
        "x-api-key=",
        "q={token}",
        "{token}",
    ],
)
def test_a_credential_in_the_query_is_refused_even_beside_a_good_header(query: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_credential([("api-key", TOKEN)], query.format(token=TOKEN))
    assert refused.value.kind is CREDENTIAL_IN_QUERY
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize("query", ["", "api-version=2024-10-21", "keys=1&monkey=2", "max_tokens=5", "%zz=%00&&=;"])
def test_an_ordinary_query_is_no_credential(query: str) -> None:
    assert read_credential([("api-key", TOKEN)], query).reveal() == TOKEN


async def test_a_live_key_proves_its_principal() -> None:
    keys, key = MemoryKeys(), make_key()
    keys.put(key, digest_of(Secret(TOKEN)))
    principal = await identify(Secret(TOKEN), keys, PEPPER, MemoryClock())
    assert principal.key == key


async def test_unknown_expired_revoked_and_malformed_keys_get_one_answer() -> None:
    keys = MemoryKeys()
    expired, revoked = make_token(), make_token()
    keys.put(make_key(expires_at_s=NOW_S), digest_of(expired))
    keys.put(make_key(revoked_at_s=NOW_S), digest_of(revoked))
    answers = set()
    for token in (make_token(), expired, revoked, Secret("gk_nonsense"), Secret("\x00" * 1000)):
        with pytest.raises(Refusal) as refused:
            await identify(token, keys, PEPPER, MemoryClock(NOW_S))
        answers.add((refused.value.kind, refused.value.message, refused.value.param, refused.value.headers))
    assert answers == {(INVALID_API_KEY, "", None, (("www-authenticate", "Bearer"),))}


async def test_a_key_works_until_the_moment_of_its_revocation_and_not_longer() -> None:
    keys, token, clock = MemoryKeys(), make_token(), MemoryClock(NOW_S)
    keys.put(make_key(revoked_at_s=NOW_S + 10), digest_of(token))
    clock.advance(9.9)
    assert await identify(token, keys, PEPPER, clock)
    clock.advance(0.1)
    with pytest.raises(Refusal):
        await identify(token, keys, PEPPER, clock)


async def test_garbage_costs_no_look_up() -> None:
    keys = MemoryKeys()
    for text in ("", "x", "' or 1=1 --", "gk_acme_" + "A" * 38, "gk_" * 400_000, "\ud800", TOKEN[:-1], TOKEN + "\n"):
        with pytest.raises(Refusal):
            await identify(Secret(text), keys, PEPPER, MemoryClock())
    assert keys.look_ups == 0


async def test_an_outage_is_not_a_refusal() -> None:
    with pytest.raises(Unavailable):
        await identify(make_token(), MemoryKeys(is_down=True), PEPPER, MemoryClock())
