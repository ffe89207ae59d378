"""What of a provider's JSON may be believed and written again."""

import pytest

from extproc.dialects.dialect import Unreadable
from extproc.dialects.provider_json import read_object, write_json


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b'"text"',
        b'{"a":1',
        b'{"a":1} {}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        rb'{"a":"\ud800"}',
        rb'{"a":["\uDE00 \ud83d"]}',
        rb'{"\udfff":1}',
        b'{"a":"\xff"}',
        '{"a":1}'.encode("utf-16"),
        b'{"a":' * 100_000,
        b'{"a":' + b"9" * 5000 + b"}",
    ],
)
def test_what_could_not_be_written_again_is_no_object(data: bytes) -> None:
    assert read_object(data) is None


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"{}", {}),
        (rb' {"a":"\ud83d\ude00"} ', {"a": "\U0001f600"}),
        (rb'{"a":"\\ud800"}', {"a": "\\ud800"}),
        ('{"a":"ü"}'.encode(), {"a": "ü"}),
    ],
)
def test_an_object_is_read_as_it_stands(data: bytes, value: object) -> None:
    assert read_object(data) == value


def test_json_is_compact_and_utf_8() -> None:
    assert write_json({"a": "ü", "b": [1.5, None]}) == '{"a":"ü","b":[1.5,null]}'.encode()


def test_what_has_no_json_is_unreadable() -> None:
    endless: list[object] = []
    for _ in range(100_000):
        endless = [endless]
    for value in (float("inf"), {"a": "\ud800"}, endless):
        with pytest.raises(Unreadable):
            write_json(value)
