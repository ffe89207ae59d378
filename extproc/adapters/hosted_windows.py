"""A long text in pieces that a model reads whole: where each begins and ends, by the model's own tokens.

What a scanner library is given beyond its model's window it cuts off in silence, and what follows is never read.
Source: Hugging Face, "Pipelines", ``truncation``, read 2026-11.
"""

from pathlib import Path

from tokenizers import Tokenizer

_MARGIN = 16
"""A piece that begins within a word may have a few tokens more than it had in the whole."""
_LEAST_TOKENS = 16


class TextWindows:
    """From any thread."""

    def __init__(self, directory: Path, tokens: int, overlap_tokens: int) -> None:
        """``tokens``: what the model reads at once, special tokens included; two pieces share ``overlap_tokens``.

        Raises:
            ValueError: there is no ``tokenizer.json``, or the pieces would not go on.
        """
        size = tokens - _MARGIN
        if size - overlap_tokens < _LEAST_TOKENS:
            raise ValueError(f"a window of {tokens} tokens is too small to share {overlap_tokens}")
        path = directory / "tokenizer.json"
        if not path.is_file():
            raise ValueError(f"{path} is missing: the tokenizer must be saved in the fast form")
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.enable_truncation(size, stride=overlap_tokens)

    def cut(self, text: str) -> list[tuple[int, int]]:
        """Where the pieces are, in code points; none of an empty text. Together they are the whole."""
        encoding = self._tokenizer.encode_batch([text])[0]
        spans = [
            [span for span, sequence in zip(each.offsets, each.sequence_ids, strict=True) if sequence == 0]
            for each in (encoding, *encoding.overflowing)
        ]
        pieces = [(found[0][0], found[-1][1]) for found in spans if found]
        if not pieces:
            return [(0, len(text))] if text else []
        # What the tokenizer leaves out at the ends, such as blanks, is part of the text all the same.
        pieces[0] = (0, pieces[0][1])
        pieces[-1] = (pieces[-1][0], len(text))
        return pieces
