"""A body means one thing or is refused, in time that its size explains; a provider gets what we wrote. C01 to C05."""

import json
import random
import time
import uuid
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extproc.dialects.strict_json import parse_object, serialise
from extproc.model.refusals import Refusal
from tests.e2e.raw import CHAT, ask, http1, nothing_reaches_a_provider
from tests.e2e.rig import Rig, chat
from tests.e2e.rig_values import TOKEN

pytestmark = pytest.mark.usefixtures("no_secret_is_written")

MESSAGES = b'"messages":[{"role":"user","content":"x"}]'
GOOD = b'{"model":"chat",' + MESSAGES + b"}"
DUPLICATE, NOT_JSON, COMPLEX, INVALID = "duplicate_key", "invalid_json", "too_complex", "invalid_request"

AMBIGUOUS = {
    "a model twice": (b'{"model":"chat","model":"pair",' + MESSAGES + b"}", DUPLICATE),
    "a model twice, the same": (b'{"model":"chat","model":"chat",' + MESSAGES + b"}", DUPLICATE),
    "an escaped key": (b'{"model":"chat","\\u006dodel":"pair",' + MESSAGES + b"}", DUPLICATE),
    "messages twice": (b'{"model":"chat",' + MESSAGES + b"," + MESSAGES + b"}", DUPLICATE),
    "in a message": (b'{"model":"chat","messages":[{"role":"user","role":"system","content":"x"}]}', DUPLICATE),
    "in a tool": (b'{"model":"chat",' + MESSAGES + b',"tools":[{"function":{"name":"a","name":"b"}}]}', DUPLICATE),
    "in an unknown field": (b'{"model":"chat",' + MESSAGES + b',"x":[[{"a":1,"\\u0061":1}]]}', DUPLICATE),
    "empty keys": (b'{"model":"chat",' + MESSAGES + b',"":1,"":2}', DUPLICATE),
    "NaN": (GOOD[:-1] + b',"temperature":NaN}', NOT_JSON),
    "Infinity": (GOOD[:-1] + b',"temperature":Infinity}', NOT_JSON),
    "-Infinity": (GOOD[:-1] + b',"temperature":-Infinity}', NOT_JSON),
    "1e400": (GOOD[:-1] + b',"temperature":1e400}', NOT_JSON),
    "-1e400": (GOOD[:-1] + b',"temperature":-1e400}', NOT_JSON),
    "5000 digits": (GOOD[:-1] + b',"seed":' + b"9" * 5000 + b"}", NOT_JSON),
    "a leading zero": (GOOD[:-1] + b',"seed":01}', NOT_JSON),
    "a plus": (GOOD[:-1] + b',"seed":+1}', NOT_JSON),
    "hexadecimal": (GOOD[:-1] + b',"seed":0x1}', NOT_JSON),
    "a byte order mark": (b"\xef\xbb\xbf" + GOOD, NOT_JSON),
    "UTF-16": (GOOD.decode().encode("utf-16"), NOT_JSON),
    "UTF-16 without a mark": (GOOD.decode().encode("utf-16-le"), NOT_JSON),
    "UTF-32": (GOOD.decode().encode("utf-32-be"), NOT_JSON),
    "bad UTF-8": (GOOD[:-1] + b',"a":"\xff"}', NOT_JSON),
    "overlong UTF-8": (GOOD[:-1] + b',"a":"\xc0\xaf"}', NOT_JSON),
    "a surrogate in UTF-8": (GOOD[:-1] + b',"a":"\xed\xa0\x80"}', NOT_JSON),
    "a lone surrogate": (GOOD[:-1] + b',"a":"\\ud800"}', NOT_JSON),
    "a low surrogate first": (GOOD[:-1] + b',"a":"\\udc00\\ud800"}', NOT_JSON),
    "a lone surrogate as a key": (GOOD[:-1] + b',"\\ud800":1}', NOT_JSON),
    "an escaped NUL": (GOOD[:-1] + b',"a":"\\u0000"}', NOT_JSON),
    "an escaped NUL in a key": (GOOD[:-1] + b',"model\\u0000":"pair"}', NOT_JSON),
    "a raw NUL": (GOOD[:-1] + b',"a":"\x00"}', NOT_JSON),
    "a NUL behind it": (GOOD + b"\x00", NOT_JSON),
    "a raw newline in a string": (GOOD[:-1] + b',"a":"\n"}', NOT_JSON),
    "a line comment": (GOOD + b" // x", NOT_JSON),
    "a comment inside": (GOOD[:-1] + b"/* x */}", NOT_JSON),
    "a second document": (GOOD + GOOD, NOT_JSON),
    "lines of documents": (GOOD + b"\n" + GOOD, NOT_JSON),
    "trailing letters": (GOOD + b"x", NOT_JSON),
    "a trailing comma": (GOOD[:-1] + b",}", NOT_JSON),
    "single quotes": (b"{'model':'chat'}", NOT_JSON),
    "a bare key": (b'{model:"chat"}', NOT_JSON),
    "cut": (GOOD[:-1], NOT_JSON),
    "white space alone": (b" \n ", NOT_JSON),
    "white space that is none": (b"\xc2\xa0" + GOOD, NOT_JSON),
    "an array": (b"[" + GOOD + b"]", INVALID),
    "a string": (b'"chat"', INVALID),
    "null": (b"null", INVALID),
    "nothing": (b"", INVALID),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
async def test_a_body_that_parsers_read_differently_is_400(rig: Rig, name: str) -> None:
    body, code = AMBIGUOUS[name]
    async with nothing_reaches_a_provider(rig):
        assert (await ask(rig, http1("POST", CHAT, body=body))).verdict == (400, code)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**38), 10**38)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=15,
)
SPELLINGS = st.sampled_from(
    [{}, {"ensure_ascii": False}, {"indent": 2}, {"separators": (" ,\t", "\n:\r\n ")}, {"sort_keys": True}]
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(VALUES, SPELLINGS)
def test_a_provider_gets_what_was_judged_in_our_own_spelling(rig: Rig, value: Any, spelling: dict[str, Any]) -> None:
    name = uuid.uuid4().hex
    body = chat(x_script=name, x_value=value)
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    response = httpx.post(
        rig.url + CHAT, content=json.dumps(body, **spelling).encode(), headers=headers, timeout=20, trust_env=False
    )
    assert response.status_code == 200, response.text
    (request,) = rig.provider.got(name)
    assert request.body == serialise(parse_object(request.body))
    expected = {**body, "model": "upstream-main"}
    assert request.json == expected
    assert _types(request.json) == _types(expected)


def _types(value: Any) -> Any:
    """1, 1.0 and True are equal to Python and not to a provider."""
    if isinstance(value, dict):
        return {key: _types(inner) for key, inner in value.items()}
    return [_types(inner) for inner in value] if isinstance(value, list) else type(value)


@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_a_second_key_anywhere_is_found_however_it_is_spelt(value: dict[str, Any], chance: random.Random) -> None:
    key = chance.choice(list(value))
    escaped = "".join(f"\\u{unit:04x}" for unit in _utf16(key))
    inner = json.dumps(value)[:-1] + f', "{escaped}": 0}}'
    for text in (inner, f'{{"a": [{inner}]}}', f'{{"a": {{"b": {inner}}}}}'):
        with pytest.raises(Refusal) as caught:
            parse_object(text.encode())
        assert caught.value.kind.code == DUPLICATE


def _utf16(text: str) -> list[int]:
    data = text.encode("utf-16-be")
    return [int.from_bytes(data[index : index + 2]) for index in range(0, len(data), 2)]


def _padded(size: int) -> bytes:
    return GOOD[:-1] + b',"x":"' + b"a" * (size - len(GOOD) - 7) + b'"}'


LIMIT = 1024 * 1024
HEAVY = {
    "depth 65": (b'{"a":' + b"[" * 65 + b"]" * 65 + b"}", COMPLEX),
    "depth 5 000": (b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}", COMPLEX),
    "depth 500 000": (b'{"a":' + b"[" * 500_000 + b"]" * 500_000 + b"}", COMPLEX),
    "depth 5 000, never closed": (b'{"a":' + b"[" * 5_000, COMPLEX),
    "depth 5 000 of objects": (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, COMPLEX),
    "10 001 keys": (b"{" + b",".join(b'"%x":0' % n for n in range(10_001)) + b"}", COMPLEX),
    "100 000 keys": (b"{" + b",".join(b'"%x":0' % n for n in range(100_000)) + b"}", COMPLEX),
    "100 000 keys in objects": (b'{"a":[' + b",".join(b'{"a":0}' for _ in range(100_000)) + b"]}", COMPLEX),
    "300 000 numbers": (b'{"a":[' + b",".join(b"1" for _ in range(300_000)) + b"]}", COMPLEX),
    "300 000 empty arrays": (b'{"a":[' + b",".join(b"[]" for _ in range(300_000)) + b"]}", COMPLEX),
    "a number of 1 MB": (b'{"a":' + b"9" * 1_000_000 + b"}", NOT_JSON),
    "an exponent of 1 MB": (b'{"a":1e' + b"9" * 1_000_000 + b"}", NOT_JSON),
    "a fraction of 1 MB": (b'{"a":0.' + b"9" * 1_000_000 + b"e999}", NOT_JSON),
    "a string that never ends": (b'{"a":' + b"[" * 20_001 + b'"' + b'\\"' * 480_000, COMPLEX),
    "objects of many keys": (
        b'{"a":[' + b",".join([b"{" + b",".join(b'"%x":0' % n for n in range(9_000)) + b"}"] * 13) + b"]}",
        INVALID,
    ),
    "backslashes": (b'{"a":"' + b"\\" * 999_999 + b'"}', NOT_JSON),
    "one escape": (b'{"a":"\\u0041' + b"a" * 1_000_000 + b'"}', INVALID),
    "escapes": (b'{"a":"' + b"\\u0041" * 160_000 + b"\\ud800" + b'"}', NOT_JSON),
}


@pytest.mark.parametrize("name", HEAVY)
async def test_a_body_made_to_be_heavy_is_400_and_no_worker_fails(rig: Rig, name: str) -> None:
    body, code = HEAVY[name]
    assert len(body) <= LIMIT
    async with nothing_reaches_a_provider(rig):
        assert (await ask(rig, http1("POST", CHAT, body=body))).verdict == (400, code)
    assert all(worker.poll() is None for worker in rig.workers.values())
    assert "door_failed" not in rig.logs()


@pytest.mark.parametrize("name", HEAVY)
def test_a_body_made_to_be_heavy_costs_little_more_than_a_plain_one(name: str) -> None:
    body, _ = HEAVY[name]

    def cost_s(data: bytes) -> float:
        best = float("inf")
        for _ in range(3):
            begin = time.thread_time()
            for _ in range(3):
                _refuse(data)
            best = min(best, time.thread_time() - begin)
        return best

    # A full megabyte of short strings: the most ordinary of large requests.
    plain = json.dumps(chat(x=["some words"] * (LIMIT // 15))).encode()
    assert cost_s(body) < 20 * cost_s(plain)


def _refuse(data: bytes) -> None:
    try:
        parse_object(data)
    except Refusal:
        return


async def test_a_body_just_below_the_limit_is_served(rig: Rig) -> None:
    # Just below: Envoy holds the body that we wrote to the same limit, and ours names the upstream's model.
    assert (await ask(rig, http1("POST", CHAT, body=_padded(LIMIT - 100)))).status == 200
    assert len(rig.provider.requests[-1].body) > LIMIT - 100


KINDS = {
    "text/plain": 415,
    "multipart/form-data; boundary=x": 415,
    "application/x-www-form-urlencoded": 415,
    "application/octet-stream": 415,
    "application/jsonl": 415,
    "application/vnd.api+json": 415,
    "application/json, text/plain": 415,
    "text/plain, application/json": 415,
    "application/json; charset=utf-7": 415,
    "application/json; charset=utf-16": 415,
    "application/json; charset=iso-8859-1": 415,
    "application/json; charset=utf-8; charset=utf-7": 415,
    "application/json; charset=utf-7; charset=utf-8": 415,
    "application/json; boundary=x": 415,
    "application/json\u00a0": 415,
    "": 415,
    "application/json": 200,
    "Application/JSON": 200,
    "application/json; charset=utf-8": 200,
    'application/json;charset="UTF-8"': 200,
}


@pytest.mark.parametrize("kind", KINDS)
async def test_only_json_in_utf8_is_taken(rig: Rig, kind: str) -> None:
    request = http1("POST", CHAT, f"content-type: {kind}")
    if KINDS[kind] == 200:
        assert (await ask(rig, request)).status == 200
        return
    async with nothing_reaches_a_provider(rig):
        assert (await ask(rig, request)).verdict == (415, "unsupported_content_type")


async def test_no_content_type_or_two_are_415(rig: Rig) -> None:
    kind = b"content-type: application/json\r\n"
    async with nothing_reaches_a_provider(rig):
        for instead in (b"", kind * 2, kind + b"content-type: text/plain\r\n"):
            answer = await ask(rig, http1("POST", CHAT).replace(kind, instead))
            assert answer.verdict == (415, "unsupported_content_type")


ENCODINGS = ("gzip", "GZIP", "x-gzip", "br", "zstd", "deflate", "compress", "gzip, gzip", "identity, gzip", "*", "none")


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_an_encoded_body_is_415_whatever_it_holds(rig: Rig, encoding: str) -> None:
    # Never decoded, so there is no bomb to defuse.
    async with nothing_reaches_a_provider(rig):
        answer = await ask(rig, http1("POST", CHAT, f"content-encoding: {encoding}", body=b"\x1f\x8b" + b"\0" * 500))
        assert answer.verdict == (415, "unsupported_content_encoding")
        answer = await ask(rig, http1("POST", CHAT, "content-encoding: identity", f"content-encoding: {encoding}"))
        assert answer.verdict == (415, "unsupported_content_encoding")


async def test_identity_is_no_encoding(rig: Rig) -> None:
    assert (await ask(rig, http1("POST", CHAT, "content-encoding: identity"))).status == 200
    assert "content-encoding" not in dict(rig.provider.requests[-1].headers)
