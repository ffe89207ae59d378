import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.strict_json import MAX_CONTAINERS, MAX_DEPTH, MAX_KEYS, parse_object, serialise
from extproc.model.refusals import Refusal


def refused(data: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        parse_object(data)
    return caught.value.kind.code


@pytest.mark.parametrize(
    "data",
    [
        b'{"model":"a","model":"b"}',
        b'{"model":"a","\\u006dodel":"b"}',
        b'{"a":{"b":1,"b":2}}',
        b'{"tools":[{"function":{"name":"x","name":"y"}}]}',
    ],
)
def test_the_same_key_twice_is_refused_wherever_it_is(data: bytes) -> None:
    assert refused(data) == "duplicate_key"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"{} {}",
        b'{"a":1}x',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e400}',
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        b'{"\\ud800":1}',
        b'{"a":"\\u0000"}',
        b'{"a":"\x00"}',
        b'{"a":1} // comment',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":"line\nbreak"}',
    ],
)
def test_what_parsers_disagree_about_is_not_json(data: bytes) -> None:
    assert refused(data) == "invalid_json"


@pytest.mark.parametrize("data", [b"[]", b"1", b'"a"', b"null", b"true"])
def test_anything_but_an_object_is_refused(data: bytes) -> None:
    assert refused(data) == "invalid_request"


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 5_000, 200_000])
def test_depth_is_bounded_without_recursion_escaping(depth: int) -> None:
    assert refused(b'{"a":' + b"[" * depth + b"]" * depth + b"}") == "too_complex"


def test_the_number_of_values_is_bounded() -> None:
    assert refused(b'{"a":[' + b"1," * 250_000 + b"1]}") == "too_complex"


@pytest.mark.parametrize("inner", [b"[]", b"{}", b'[{"a":[]}]'])
def test_the_number_of_containers_is_bounded_before_any_is_built(inner: bytes) -> None:
    assert refused(b'{"a":[' + b",".join([inner] * MAX_CONTAINERS) + b"]}") == "too_complex"


def test_the_number_of_keys_of_an_object_is_bounded() -> None:
    fits = {f"{number:x}": 0 for number in range(MAX_KEYS)}
    assert parse_object(json.dumps(fits).encode()) == fits
    assert refused(json.dumps(fits | {"one more": 0}).encode()) == "too_complex"


def test_a_prompt_full_of_brackets_is_one_value() -> None:
    prompt = '[{,"\\' * 100_000
    assert parse_object(json.dumps({"a": prompt}).encode()) == {"a": prompt}


def test_a_string_that_never_ends_is_refused_like_any_other_broken_one() -> None:
    assert refused(b'{"a":"' + b'\\"[' * 100_000) == "invalid_json"


def test_escaped_text_that_only_looks_like_a_nul_passes() -> None:
    assert parse_object(b'{"a":"\\\\u0000 \\ud83d\\ude00"}') == {"a": "\\u0000 \U0001f600"}


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    # NUL and lone surrogates are refused on purpose.
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.text("abc", min_size=1), json_values, max_size=5))
def test_what_is_sent_on_is_what_was_judged(value: dict[str, object]) -> None:
    judged = parse_object(json.dumps(value).encode())
    assert judged == value
    assert parse_object(serialise(judged)) == judged
    assert json.loads(serialise(judged)) == value
