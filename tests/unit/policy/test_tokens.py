"""The counter against real tokenizers: tests/golden/tokens says which, and where the texts are from."""

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.policy import tokens
from extproc.policy.tokens import Family, family_of, read_text
from tests.unit.policy.groups import deployment

CORPUS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "golden" / "tokens" / "corpus.json").read_text(encoding="utf-8")
)
KNOWN = {
    Family.O200K: ("o200k_base",),
    Family.CL100K: ("cl100k_base",),
    Family.CLAUDE: ("claude2", "o200k_base"),
    Family.GEMINI: ("gemma3", "o200k_base", "tekken", "deepseek"),
    Family.MISTRAL: ("tekken", "mistral7"),
    Family.OTHER: ("o200k_base", "cl100k_base", "llama3", "qwen3", "claude2", "deepseek", "tekken", "mistral7"),
}
texts = st.lists(st.text(max_size=60), max_size=8)
families = st.sampled_from(Family)


def worst(text: dict[str, Any], family: Family) -> int:
    return max(text["tokens"][name] for name in KNOWN[family])


@pytest.mark.parametrize("family", Family)
def test_no_text_has_more_tokens_than_are_reserved_for_it(family: Family) -> None:
    low = {
        each["name"]: (counted, worst(each, family))
        for each in CORPUS
        if (counted := read_text([each["text"]]).most_tokens(family)) < worst(each, family) - (not each["text"])
    }
    assert low == {}


@pytest.mark.parametrize("family", Family)
def test_prose_and_code_are_reserved_at_not_much_more_than_they_are(family: Family) -> None:
    ratios = sorted(
        read_text([each["text"]]).most_tokens(family) / worst(each, family) for each in CORPUS if each["text"]
    )
    assert ratios[len(ratios) // 2] < 1.8
    assert ratios[len(ratios) * 9 // 10] < 3


@given(texts, families)
def test_no_text_has_more_tokens_than_bytes_and_the_little_that_normalising_adds(
    parts: list[str], family: Family
) -> None:
    text = read_text(parts)
    assert 0 <= text.tokens(family) <= text.most_tokens(family) <= text.size_bytes + text.size_bytes // 64 + 1
    assert text.size_bytes == len("\n".join(parts).encode())


@given(st.text(max_size=200), st.text(max_size=50), families)
def test_a_longer_text_never_has_fewer_tokens(text: str, more: str, family: Family) -> None:
    assert read_text([text]).tokens(family) <= read_text([text, more]).tokens(family) + 1


def test_half_a_surrogate_is_counted_like_anything() -> None:
    half = read_text(["a\ud800b"])
    assert half.data == "a\ufffdb"
    assert half.tokens(Family.OTHER) <= half.size_bytes == 5


@pytest.mark.parametrize("unit", ["word ", "a", " ", "語", "😀", "\n", "{", "qz", "9"])
def test_a_megabyte_takes_time_in_proportion(unit: str) -> None:
    def took(size: int) -> float:
        text = unit * (size // len(unit.encode()))
        times = []
        for _ in range(3):
            began = time.perf_counter()
            read_text([text]).most_tokens(Family.OTHER)
            times.append(time.perf_counter() - began)
        return min(times)

    assert took(1_000_000) < 40 * max(took(100_000), 1e-4)


@pytest.mark.parametrize(
    ("dialect", "model", "family"),
    [
        ("openai", "gpt-6.2-sol", Family.O200K),
        ("openai", "gpt-4o-mini-2024-07-18", Family.O200K),
        ("azure", "o3-mini", Family.O200K),
        ("openai", "gpt-4-turbo", Family.CL100K),
        ("openai", "text-embedding-3-small", Family.CL100K),
        ("bedrock", "eu.anthropic.claude-haiku-5-5-v1:0", Family.CLAUDE),
        ("anthropic", "anything", Family.CLAUDE),
        ("vertex", "gemini-2.5-pro", Family.GEMINI),
        ("openai", "mistral-large-2512", Family.MISTRAL),
        ("bedrock", "amazon.nova-pro-v1:0", Family.OTHER),
        ("openai", "my-model", Family.OTHER),
        ("azure", "solo1-prod", Family.OTHER),
    ],
)
def test_a_model_is_counted_as_its_family(dialect: str, model: str, family: Family) -> None:
    assert family_of(deployment("d", dialect=dialect, upstream_model=model)) is family


def test_openais_own_table_counts_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens._exact.cache_clear()
    (tmp_path / "quicktok.py").write_text(
        "class get_encoding:\n    def __init__(self, name): self.name = name\n"
        "    def count(self, text): return {'o200k_base': 7, 'cl100k_base': 8}[self.name]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    installed = sys.modules.pop("quicktok", None)
    try:
        tokens.warm_up()
        text = read_text(["whatever"])
        assert [text.most_tokens(each) for each in (Family.O200K, Family.CL100K)] == [7, 8]
        assert text.tokens(Family.CLAUDE) == read_text(["whatever"]).tokens(Family.CLAUDE) < 7
    finally:
        tokens._exact.cache_clear()
        del sys.modules["quicktok"]
        if installed is not None:
            sys.modules["quicktok"] = installed


def test_random_letters_are_not_taken_for_words() -> None:
    letters = "".join(
        random.Random(3).choices(  # noqa: S311 - the same ones every time
            "abcdefghijklmnopqrstuvwxyz", k=1000
        )
    )
    assert read_text([letters]).most_tokens(Family.O200K) > 500
