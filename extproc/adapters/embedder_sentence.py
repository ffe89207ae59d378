"""An encoder of ``sentence-transformers``, from a directory: any model that it loads. Needs the extra of that name.

It brings PyTorch, so the gateway does not bring it. Nothing is downloaded: only a directory is taken.
"""

import hashlib
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from extproc.adapters.sentence_model import EmbedderInvalid, unit
from extproc.model.cache import Vector

_REVISION_DIGITS = 12


class SentenceTransformersEncoder:
    """Loaded once. Blocking."""

    def __init__(self, directory: Path, threads: int) -> None:
        """Read everything.

        Raises:
            EmbedderInvalid: the extra is not installed, or the directory holds no model that it loads.
        """
        if not directory.is_dir():
            raise EmbedderInvalid(f"{directory.name} is no directory")
        try:
            library: Any = import_module("sentence_transformers")
        except ImportError:
            raise EmbedderInvalid("sentence-transformers is not installed: extproc[sentence-transformers]") from None
        import_module("torch").set_num_threads(threads)
        try:
            self._model = library.SentenceTransformer(str(directory), device="cpu", local_files_only=True)
        except Exception as error:  # noqa: BLE001 - the library raises nothing closer
            raise EmbedderInvalid(f"{directory.name} cannot be loaded: {type(error).__name__}") from None
        self._most_tokens: int | None = self._model.max_seq_length
        self.name = f"{directory.name}@{_revision(directory)}"
        self.dimensions = len(self.vectors(["warm"])[0]) // 4

    def vectors(self, texts: Sequence[str]) -> list[Vector]:
        """Of each text (dimensions,) float32, little-endian, L2-normalised; empty for one that is too long."""
        fit = [text for text in texts if self._fits(text)]
        made = iter(self._model.encode(fit, convert_to_numpy=True, show_progress_bar=False) if fit else ())
        kept = set(fit)
        return [unit(next(made)) if text in kept else b"" for text in texts]

    def _fits(self, text: str) -> bool:
        if self._most_tokens is None:
            return True
        return len(self._model.tokenizer(text, truncation=False)["input_ids"]) <= self._most_tokens


def _revision(directory: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(each for each in directory.rglob("*") if each.is_file()):
        digest.update(f"{path.relative_to(directory)}\0".encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:_REVISION_DIGITS]
