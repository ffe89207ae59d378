import json
import time
from typing import Any

import pytest

from extproc.dialects.estimate import estimate_tokens
from extproc.model.catalog import Operation
from tests.unit.dialects.surface_goldens import read

IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo=" * 10_000}}


def counted(content: Any, **fields: Any) -> int:
    request = read(Operation.COUNT_TOKENS, model="m", messages=[{"role": "user", "content": content}], **fields)
    body = json.loads(estimate_tokens(request))
    assert set(body) == {"input_tokens"}
    count: int = body["input_tokens"]
    return count


def test_more_text_is_more_tokens() -> None:
    assert counted("x") >= 1
    assert counted("word " * 200) > 3 * counted("word " * 50)


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("The quick brown fox jumps over the lazy dog. " * 20, 160, 260),
        ("1234567890 " * 20, 60, 140),
        ("今日は天気がいいですね。" * 20, 120, 300),
        ('{"a": [1, 2, {"b": null}]}\n' * 20, 160, 400),
    ],
)
def test_a_count_is_near_what_tokenizers_make_of_it(text: str, least: int, most: int) -> None:
    assert least <= counted(text) <= most


def test_an_image_counts_as_anthropics_largest_however_many_bytes_it_has() -> None:
    assert 1600 <= counted([IMAGE]) <= 1620


def test_everything_that_the_model_reads_is_counted() -> None:
    bare = counted("hi")
    assert counted("hi", system="Be brief. " * 10) > bare
    assert counted("hi", tools=[{"name": "weather", "description": "long " * 20, "input_schema": {}}]) > bare + 15
    result = [{"type": "tool_result", "tool_use_id": "t", "content": "words " * 50}]
    assert counted(result) > bare + 40


def test_thinking_is_not_counted_again() -> None:
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "long " * 500, "signature": "s"}]},
        {"role": "user", "content": "b"},
    ]
    request = read(Operation.COUNT_TOKENS, model="m", messages=messages)
    assert json.loads(estimate_tokens(request))["input_tokens"] < 30


def test_a_large_request_is_counted_in_time_that_grows_with_its_size_alone() -> None:
    def took_s(size: int) -> float:
        content = "word ünd 123 {}; " * size
        request = read(Operation.COUNT_TOKENS, model="m", messages=[{"role": "user", "content": content}])
        times = []
        for _ in range(3):
            began_s = time.thread_time()
            estimate_tokens(request)
            times.append(time.thread_time() - began_s)
        return min(times)

    # Sixteen times the text: a square would be 256 times the time.
    assert took_s(400_000) < 80 * max(took_s(25_000), 0.0005)
