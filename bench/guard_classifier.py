"""A classifier from a local directory, asked text by text: the column beside the rules in ``make eval-guard``."""

from collections.abc import Callable
from pathlib import Path


def classifier(directory: Path, label: str | None) -> Callable[[str], float]:
    """How likely a text is an attack: the most that any of its windows gets, 0 to 1.

    Raises:
        ValueError: the classifier has no such label; the message has those that it has.
    """
    from extproc.adapters.onnx_model import ModelFiles, OnnxModel  # noqa: PLC0415 - loads a runtime that most do without

    model = OnnxModel(ModelFiles(directory))
    labels = list(model.labels)
    if label is not None and label not in labels:
        raise ValueError(f"{directory.name} has no label {label!r}; it has {', '.join(labels)}")
    column = labels.index(label) if label is not None else len(labels) - 1

    def ask(text: str) -> float:
        return max(model.classify([window])[0][column] for window in model.windows(text))

    return ask
