"""The counter against real tokenizers: tests/golden/tokens says which, and where the texts are from."""

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.tokens import TOKENIZERS
from extproc.policy import tokens
from extproc.policy.tokens import Family, family_of, is_loaded, load_tables, read_text
from tests.unit.policy.groups import deployment

CORPUS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "golden" / "tokens" / "corpus.json").read_text(encoding="utf-8")
)
texts = st.lists(st.text(max_size=60), max_size=8)
families = st.sampled_from(Family)
WEIGHED = sorted(set(Family) - {Family.O200K, Family.CL100K})


def worst(text: dict[str, Any], family: Family) -> int:
    return max(text["tokens"][name] for name in TOKENIZERS[family])


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


@given(
    st.text(max_size=200), st.text(max_size=50), st.sampled_from(sorted(set(Family) - {Family.O200K, Family.CL100K}))
)
def test_a_longer_text_never_has_fewer_tokens(text: str, more: str, family: Family) -> None:
    assert read_text([text]).tokens(family) <= read_text([text, more]).tokens(family) + 1


def test_half_a_surrogate_is_counted_like_anything() -> None:
    half = read_text(["a\ud800b"])
    assert half.data == "a\ufffdb"
    assert half.tokens(Family.OTHER) <= half.size_bytes == 5


@pytest.mark.parametrize("unit", ["word ", "a", " ", "語", "😀", "\n", "{", "qz", "9"])
@pytest.mark.parametrize("family", [Family.OTHER, Family.O200K])
def test_a_megabyte_takes_time_in_proportion(unit: str, family: Family) -> None:
    load_tables([family])

    def took(size: int) -> float:
        text = unit * (size // len(unit.encode()))
        times = []
        for _ in range(3):
            began_s = time.thread_time()
            read_text([text]).most_tokens(family)
            times.append(time.thread_time() - began_s)
        return min(times)

    # Sixteen times the text: a square would be 256 times the time.
    assert took(1_000_000) < 100 * max(took(62_500), 1e-4)


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


@pytest.mark.parametrize(("family", "table"), [(Family.O200K, "o200k_base"), (Family.CL100K, "cl100k_base")])
def test_openais_families_are_counted_exactly(family: Family, table: str) -> None:
    wrong = {
        each["name"]: (counted, each["tokens"][table])
        for each in CORPUS
        if (counted := read_text([each["text"]]).most_tokens(family)) != each["tokens"][table]
    }
    assert wrong == {}


def test_what_looks_like_a_mark_of_the_tokenizers_is_text() -> None:
    assert read_text(["<|endoftext|>"]).tokens(Family.O200K) > 3


def test_a_table_is_loaded_before_it_is_needed_and_only_where_it_is() -> None:
    load_tables([Family.CLAUDE, Family.O200K])
    assert is_loaded(Family.CLAUDE)
    assert is_loaded(Family.O200K)


@given(texts, families)
def test_what_is_told_by_its_size_is_never_less_than_its_count(parts: list[str], family: Family) -> None:
    text = read_text(parts)
    assert text.uncounted().most_tokens(family) >= text.most_tokens(family)
    assert text.uncounted().most_tokens(family) <= text.size_bytes + text.size_bytes // 64 + 1


@pytest.mark.parametrize("family", WEIGHED)
def test_a_text_in_pieces_is_counted_as_in_one(family: Family) -> None:
    whole = "\n".join(each["text"] for each in CORPUS) * 8
    assert len(whole) > 4 * tokens._PIECE_CHARACTERS
    alone = read_text([whole]).tokens(family)
    weights = tokens._WEIGHTS[family]
    at_once = sum(weights[kind] * count for kind, count in tokens._kinds_of(whole).items()) / 1000
    assert alone == pytest.approx(at_once, rel=0.001)


def test_random_letters_are_not_taken_for_words() -> None:
    letters = "".join(
        random.Random(3).choices(  # noqa: S311 - the same ones every time
            "abcdefghijklmnopqrstuvwxyz", k=1000
        )
    )
    assert read_text([letters]).most_tokens(Family.O200K) > 500
