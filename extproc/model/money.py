"""Money in whole numbers: micro-USD for what is spent, nano-USD per token for what it costs. Never a float."""

from dataclasses import dataclass
from typing import NewType

MicroUsd = NewType("MicroUsd", int)

NANO_PER_MICRO = 1000
NANO_PER_USD = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """What a provider takes, in nano-USD per token; without its own, a kind costs like the others."""

    input_nano_usd: int
    output_nano_usd: int
    cached_input_nano_usd: int | None = None
    """Input that the provider had in its cache."""
    cache_write_nano_usd: int | None = None
    """Input that it put there."""
    reasoning_nano_usd: int | None = None
    audio_input_nano_usd: int | None = None
    audio_output_nano_usd: int | None = None
    request_nano_usd: int = 0
    """For each request, whatever its size."""
    long_above_tokens: int = 0
    """Where ``long`` is said: a request with more input than this costs ``long`` for all of its tokens."""
    long: "Price | None" = None
    """Never cheaper in any kind, and without a ``long`` of its own."""
