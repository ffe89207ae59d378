"""A transformer that the transformers library made, and the same as ONNX in the gateway: they say the same."""

import json
import os
from pathlib import Path

import pytest

from extproc.adapters.onnx_model import ModelFiles, OnnxModel

pytestmark = [
    pytest.mark.skipif(not os.environ.get("SCANNER_PYTHON"), reason="make test-scanner has the environment for it"),
    pytest.mark.slow,
    pytest.mark.timeout(600),
]


@pytest.mark.parametrize("name", ["injection", "toxicity", "topics"])
def test_scores_are_those_of_transformers_one_by_one_and_together(models: Path, name: str) -> None:
    expected = json.loads((models / name / "expected.json").read_text())
    model = OnnxModel(ModelFiles(models / name, overlap_tokens=8))
    windows = []
    for text, scores in expected:
        (window,) = model.windows(text) if isinstance(text, str) else model.pair_windows(*text)
        assert model.classify([window])[0] == pytest.approx(scores, abs=1e-5)
        windows.append(window)
    together = model.classify(windows)
    assert together == [pytest.approx(scores, abs=1e-5) for _, scores in expected]
