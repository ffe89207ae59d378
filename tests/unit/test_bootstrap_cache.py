import subprocess
import sys
from pathlib import Path

import pytest

from extproc.bootstrap_cache import _opened
from extproc.model.cache_embedders import EndpointSettings, LocalSettings, MiniLmSettings, SentenceSettings
from extproc.model.embedders import BuiltInModel, EmbedderSettings, EndpointModel, LocalModel, SentenceTransformersModel

PLACE = Path("/models/m")


@pytest.mark.parametrize(
    ("said", "opened"),
    [
        (BuiltInModel(), MiniLmSettings()),
        (LocalModel(PLACE, 0.8), LocalSettings(PLACE, threshold=0.8)),
        (SentenceTransformersModel(PLACE, 0.7), SentenceSettings(PLACE, 0.7)),
        (EndpointModel("http://e/embeddings", "m", 8, 0.9, None), EndpointSettings("http://e/embeddings", "m", 8, 0.9)),
    ],
)
def test_each_embedder_of_the_file_is_one_that_can_be_opened(said: EmbedderSettings, opened: object) -> None:
    assert _opened(said) == opened


def test_who_remembers_nothing_does_not_pay_for_numpy() -> None:
    code = "import sys, extproc.bootstrap; print(sorted({'numpy', 'faiss', 'onnxruntime'} & sys.modules.keys()))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"
