"""A real classifier in a directory, small enough to be written by hand: each word it knows adds to some labels' scores.

    logits = sum over the tokens of a row of a table

The model is an ONNX file like any other (opset 13: Gather, Cast, Unsqueeze, Mul, ReduceSum), the tokenizer a file of
the tokenizers library; the same words always give the same scores.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

_FLOAT, _INT64 = 1, 7
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def write_classifier(
    directory: Path,
    words: Mapping[str, Sequence[float]],
    labels: Sequence[str],
    *,
    config: Mapping[str, object] | None = None,
    rows: int | str = "batch",
    columns: int | str = "tokens",
    inputs: Sequence[str] = ("input_ids", "attention_mask"),
) -> Path:
    """The directory, written.

    Args:
        directory: made if it is not there.
        words: what each word adds to each label's score; lower case, as they stand in a text.
        labels: of the model.
        config: more for ``config.json``.
        rows: of the inputs' shape: a number, or a name where any will do.
        columns: same.
        inputs: their names.
    """
    directory.mkdir(parents=True, exist_ok=True)
    vocabulary = {word: number for number, word in enumerate((*SPECIAL, *words))}
    table = [[0.0] * len(labels)] * len(SPECIAL) + [list(scores) for scores in words.values()]
    # The padding's row is far off: whoever forgets the mask, or pads to a fixed length, notices.
    table[0] = [9.0, *([-9.0] * (len(labels) - 1))]
    (directory / "model.onnx").write_bytes(_model(table, rows, columns, inputs))
    known = {"id2label": {str(number): label for number, label in enumerate(labels)}, "pad_token_id": 0}
    (directory / "config.json").write_text(json.dumps({**known, "max_position_embeddings": 32, **(config or {})}))
    _tokenizer(vocabulary).save(str(directory / "tokenizer.json"))
    return directory


def _tokenizer(vocabulary: dict[str, int]) -> Tokenizer:
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    # As such files come: padded to a fixed length, and cut there.
    tokenizer.enable_padding(length=16, pad_id=0, pad_token="[PAD]")
    tokenizer.enable_truncation(16)
    return tokenizer


def _model(table: list[list[float]], rows: int | str, columns: int | str, inputs: Sequence[str]) -> bytes:
    flat = [value for row in table for value in row]
    initializers = (
        _tensor("table", (len(table), len(table[0])), _FLOAT, struct.pack(f"<{len(flat)}f", *flat)),
        _tensor("last", (1,), _INT64, struct.pack("<q", 2)),
        _tensor("middle", (1,), _INT64, struct.pack("<q", 1)),
    )
    nodes = (
        _node("Gather", ("table", "input_ids"), "looked_up"),
        _node("Cast", ("attention_mask",), "mask", _attribute("to", _FLOAT)),
        _node("Unsqueeze", ("mask", "last"), "wide"),
        _node("Mul", ("looked_up", "wide"), "kept"),
        _node("ReduceSum", ("kept", "middle"), "logits", _attribute("keepdims", 0)),
    )
    graph = b"".join(
        (
            *(_bytes(1, node) for node in nodes),
            _bytes(2, b"tiny"),
            *(_bytes(5, initializer) for initializer in initializers),
            *(_bytes(11, _value(name, _INT64, (rows, columns))) for name in inputs),
            _bytes(12, _value("logits", _FLOAT, (rows, len(table[0])))),
        )
    )
    return b"".join((_number(1, 8), _bytes(7, graph), _bytes(8, _bytes(1, b"") + _number(2, 13))))


def _node(operator: str, inputs: Sequence[str], output: str, attribute: bytes = b"") -> bytes:
    names = b"".join(_bytes(1, name.encode()) for name in inputs)
    return names + _bytes(2, output.encode()) + _bytes(4, operator.encode()) + attribute


def _attribute(name: str, value: int) -> bytes:
    return _bytes(5, _bytes(1, name.encode()) + _number(3, value) + _number(20, 2))


def _tensor(name: str, shape: Sequence[int], kind: int, raw: bytes) -> bytes:
    sizes = b"".join(_number(1, size) for size in shape)
    return sizes + _number(2, kind) + _bytes(8, name.encode()) + _bytes(9, raw)


def _value(name: str, kind: int, shape: Sequence[int | str]) -> bytes:
    sizes = b"".join(
        _bytes(1, _number(1, size) if isinstance(size, int) else _bytes(2, size.encode())) for size in shape
    )
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, sizes)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))
