"""A sentence encoder that needs no model, for tests of what asks one: each word adds to a direction of its own.

``TinyEncoder`` blocks until it is let go, fails when it is told to, and remembers what it read together.
"""

import hashlib
import math
import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from extproc.model.cache import Vector

DIMENSIONS = 16


def vector_of(text: str, dimensions: int = DIMENSIONS) -> Vector:
    """(dimensions,) float32, little-endian, L2-normalised. The same words give the same."""
    values = [0.0] * dimensions
    for word in text.lower().split() or ["nothing"]:
        digest = hashlib.sha256(word.encode("utf-8", "replace")).digest()
        for place in range(dimensions):
            values[place] += digest[place % 32] / 127.5 - 1
    length = math.sqrt(sum(value * value for value in values))
    return struct.pack(f"<{dimensions}f", *(value / length for value in values))


@dataclass(slots=True)
class TinyEncoder:
    """See the module."""

    name: str = "tiny@1"
    dimensions: int = DIMENSIONS
    is_broken: bool = False
    gate: threading.Event = field(default_factory=threading.Event)
    together: list[tuple[str, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate.set()

    def vectors(self, texts: Sequence[str]) -> list[Vector]:
        self.together.append(tuple(texts))
        self.gate.wait(30)
        if self.is_broken:
            raise RuntimeError("broken")
        return [vector_of(text) for text in texts]
