"""What a use costs: tokens of each kind at their own price, summed in nano-USD, rounded up to a micro-USD once.

Providers count special tokens within the plain ones: cached, cache-write and audio within the input, reasoning and
audio output within the output. Each is priced once. Read next: ``settle`` for what counts as used.
"""

from collections.abc import Iterable

from extproc.model.exchange import Usage
from extproc.model.money import NANO_PER_MICRO, MicroUsd, Price


def cost(usage: Usage, price: Price) -> MicroUsd:
    """The cost of one attempt's usage at this price, rounded up."""
    return _rounded_up(_nano(usage, _for_size(price, usage.input_tokens)))


def most(input_tokens: int, output_tokens: int, prices: Iterable[Price | None]) -> MicroUsd | None:
    """The most an exchange can cost, whichever of the plan's deployments answer and bill.

    An attempt that timed out or was cut may be billed by its provider, so each one is counted, rounded up as its own
    bill is. None: one has no price.
    """
    total = 0
    for price in prices:
        if price is None:
            return None
        total += _rounded_up(_most_nano(input_tokens, output_tokens, _for_size(price, input_tokens)))
    return MicroUsd(total)


def _most_nano(input_tokens: int, output_tokens: int, price: Price) -> int:
    return input_tokens * _dearest_input(price) + output_tokens * _dearest_output(price) + price.request_nano_usd


def _for_size(price: Price, input_tokens: int) -> Price:
    """What a request with so much input is charged by: some providers take more for all of a long one."""
    return price.long if price.long is not None and input_tokens > price.long_above_tokens else price


def _nano(usage: Usage, price: Price) -> int:
    special_input = usage.cached_tokens + usage.cache_write_tokens + usage.audio_input_tokens
    special_output = usage.reasoning_tokens + usage.audio_output_tokens
    return (
        max(0, usage.input_tokens - special_input) * price.input_nano_usd
        + usage.cached_tokens * _or(price.cached_input_nano_usd, price.input_nano_usd)
        + usage.cache_write_tokens * _or(price.cache_write_nano_usd, price.input_nano_usd)
        + usage.audio_input_tokens * _or(price.audio_input_nano_usd, price.input_nano_usd)
        + max(0, usage.output_tokens - special_output) * price.output_nano_usd
        + usage.reasoning_tokens * _or(price.reasoning_nano_usd, price.output_nano_usd)
        + usage.audio_output_tokens * _or(price.audio_output_nano_usd, price.output_nano_usd)
        + price.request_nano_usd
    )


def _dearest_input(price: Price) -> int:
    special = (price.cached_input_nano_usd, price.cache_write_nano_usd, price.audio_input_nano_usd)
    return max(price.input_nano_usd, *(_or(each, 0) for each in special))


def _dearest_output(price: Price) -> int:
    return max(price.output_nano_usd, _or(price.reasoning_nano_usd, 0), _or(price.audio_output_nano_usd, 0))


def _or(own: int | None, otherwise: int) -> int:
    return otherwise if own is None else own


def _rounded_up(nano: int) -> MicroUsd:
    return MicroUsd(-(-nano // NANO_PER_MICRO))
