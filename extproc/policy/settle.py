"""What an exchange used: the provider's word where it can be believed, else our own count. Never free, always flagged.

    judge_usage(told, seen, estimate)   an attempt that delivery saw      → Judged
    judge_unseen(estimate)              one that may have been billed     → Judged: all that was reserved for it
    bill(judged, price)                                                   → micro-USD

What can be believed: more than nothing, no less than the text that went by could be made of, no more than was asked
for and a wide margin. Within that a provider's figure stands, even above the estimate, because it is what its invoice
will say; ``ABOVE_ESTIMATE`` then tells that our counting was off. Our own count of input is the estimate's, which is
high on purpose; of output it is the text's size. Thoughts that are not shown are not in it. Read ``price`` next.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from extproc.model.exchange import Usage
from extproc.model.limits import Estimate
from extproc.model.money import MicroUsd, Price
from extproc.policy.price import cost

_BYTES_PER_TOKEN = 3
"""Of output that we count ourselves: below the average of every script, so rather too many tokens than too few."""
_MOST_BYTES_PER_TOKEN = 32
"""Of an output that can be believed: only rows of blanks and rules have longer tokens."""
_SHORT_BYTES = 256
"""Of an output too short to be judged by its size."""
_INPUT_MARGIN = (4, 8192)
"""Factor and addend above the estimate: providers add prompts of their own for tools and search."""
_OUTPUT_MARGIN = (2, 256)
"""Above what was asked for at most: a provider may end a choice late, not much later."""


class Flag(StrEnum):
    """What was wrong with a usage; the value is its stable name in the ledger and in metrics."""

    MISSING = "usage_missing"
    """None was told, or none that could be read."""
    ZERO_INPUT = "usage_zero_input"
    NEGATIVE = "usage_negative"
    LOW_OUTPUT = "usage_low_output"
    """Less than the text that went by: zero, or too little to be made of it."""
    HIGH_INPUT = "usage_high_input"
    HIGH_OUTPUT = "usage_high_output"
    """Absurd: more than was asked for."""
    PARTS = "usage_parts"
    """The special kinds are together more than the plain one they are within."""
    SHRANK = "usage_shrank"
    """Told more than once, and less the later time; the larger counts."""
    UNKNOWN_KIND = "usage_unknown_kind"
    """It tells of tokens of a kind without a price; they cost what the whole does."""
    ABOVE_ESTIMATE = "above_estimate"
    """Believed, and more than was reserved."""
    CUT = "cut"
    """The answer did not reach its end: the provider may count more than was seen."""
    UNSEEN = "unseen"
    """Nobody saw what became of it; all that was reserved is charged."""


_BELIEVED = frozenset({Flag.ABOVE_ESTIMATE, Flag.CUT, Flag.PARTS, Flag.SHRANK, Flag.UNKNOWN_KIND})


@dataclass(frozen=True, slots=True)
class Seen:
    """What delivery saw of one attempt."""

    answer_bytes: int
    """Text of the answer as UTF-8, over all choices."""
    is_complete: bool
    """Whether the provider's end was seen."""
    usage_shrank: bool = False
    """Whether the provider took back some of what it had told; what is judged is the larger."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What is charged for, and why it is not simply what the provider said. Only this module makes one."""

    usage: Usage
    flags: tuple[Flag, ...] = ()

    @property
    def is_estimated(self) -> bool:
        """Whether any of it is our own count."""
        return any(flag not in _BELIEVED for flag in self.flags)


def judge_usage(told: Usage | None, seen: Seen, estimate: Estimate) -> Judged:
    """What an attempt used that gave an answer, or a part of one.

    Args:
        told: as the provider said; None: nothing readable.
        seen: as delivery saw it.
        estimate: the most that this one attempt was expected to use.
    """
    cut = () if seen.is_complete else (Flag.CUT,)
    if told is None:
        if estimate.tokens == 0 and seen.answer_bytes == 0:
            return Judged(Usage(0, 0))  # nothing was asked for that anybody bills
        return Judged(Usage(estimate.input_tokens, _counted_output(seen)), (Flag.MISSING, *cut))
    found = dict(_mistakes(told, seen, estimate))
    input_tokens = found.get(Flag.ZERO_INPUT, found.get(Flag.HIGH_INPUT, max(0, told.input_tokens)))
    output_tokens = found.get(Flag.LOW_OUTPUT, found.get(Flag.HIGH_OUTPUT, max(0, told.output_tokens)))
    usage, is_split = _with_parts(told, input_tokens, output_tokens)
    flags = [*found, *((Flag.PARTS,) if is_split else ()), *_remarks(told, seen)]
    if input_tokens > estimate.input_tokens or output_tokens > estimate.output_tokens:
        flags.append(Flag.ABOVE_ESTIMATE)
    return Judged(usage, (*flags, *cut))


def judge_unseen(estimate: Estimate) -> Judged:
    """What an attempt used that was sent, gave nothing, and may be billed: it timed out, or was cut."""
    return Judged(Usage(estimate.input_tokens, estimate.output_tokens), (Flag.UNSEEN,))


def bill(judged: Judged, price: Price) -> MicroUsd:
    """What it costs, rounded up to a micro-USD."""
    return cost(judged.usage, price)


def _mistakes(told: Usage, seen: Seen, estimate: Estimate) -> Iterator[tuple[Flag, int]]:
    """Each thing that cannot be believed, with what is charged in its place."""
    if min(told.input_tokens, told.output_tokens) < 0:
        yield Flag.NEGATIVE, 0
    if told.input_tokens <= 0 < estimate.input_tokens:
        yield Flag.ZERO_INPUT, estimate.input_tokens
    elif told.input_tokens > _beyond(estimate.input_tokens, _INPUT_MARGIN):
        yield Flag.HIGH_INPUT, estimate.input_tokens
    counted = _counted_output(seen)
    # Usage that was told before a cut is of an earlier moment.
    is_short = seen.is_complete and seen.answer_bytes <= _SHORT_BYTES and told.output_tokens > 0
    most_bytes = _MOST_BYTES_PER_TOKEN if seen.is_complete else _BYTES_PER_TOKEN
    if not is_short and told.output_tokens * most_bytes < seen.answer_bytes:
        yield Flag.LOW_OUTPUT, counted
    elif told.output_tokens > _beyond(max(estimate.output_tokens, counted), _OUTPUT_MARGIN):
        yield Flag.HIGH_OUTPUT, max(estimate.output_tokens, counted)


def _remarks(told: Usage, seen: Seen) -> Iterator[Flag]:
    if seen.usage_shrank:
        yield Flag.SHRANK
    if told.has_unknown_kinds:
        yield Flag.UNKNOWN_KIND


def _beyond(tokens: int, margin: tuple[int, int]) -> int:
    factor, addend = margin
    return tokens * factor + addend


def _counted_output(seen: Seen) -> int:
    return -(-seen.answer_bytes // _BYTES_PER_TOKEN)


def _with_parts(told: Usage, input_tokens: int, output_tokens: int) -> tuple[Usage, bool]:
    """The special kinds as far as they have room within the plain ones, dearest first; whether they had not."""
    room, made = input_tokens, output_tokens
    parts: list[int] = []
    for wanted in (told.audio_input_tokens, told.cache_write_tokens, told.cached_tokens):
        parts.append(min(max(0, wanted), room))
        room -= parts[-1]
    for wanted in (told.audio_output_tokens, told.reasoning_tokens):
        parts.append(min(max(0, wanted), made))
        made -= parts[-1]
    audio_in, cache_write, cached, audio_out, reasoning = parts
    kinds = (cached, cache_write, reasoning, audio_in, audio_out)
    usage = Usage(input_tokens, output_tokens, *kinds, has_unknown_kinds=told.has_unknown_kinds)
    special = (usage.cached_tokens, usage.cache_write_tokens, usage.reasoning_tokens)
    asked = (told.cached_tokens, told.cache_write_tokens, told.reasoning_tokens)
    return usage, special != asked or (audio_in, audio_out) != (told.audio_input_tokens, told.audio_output_tokens)
